"""The operant logs of a study against its phases, and their faults in a few lines."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from cuecircuit.behavior.phases import PhaseRule
from cuecircuit.records.operant import OperantFault
from cuecircuit.study.experiment import Operant

_NUMBERS = re.compile(r"[0-9][0-9.:/-]*")


def phase_faults(rules: Sequence[PhaseRule], sessions: pd.DataFrame, subjects: Sequence[str]) -> Iterator[str]:
    """Yield phases whose sessions are nowhere, or in another number than planned in every subject.

    A subject that alone lacks a session is no fault: questions leave it out by name.

    Args:
        rules: how the sessions of each phase are recognized.
        sessions: every session with its phase and treatment.
        subjects: who takes part.
    """
    ways: dict[tuple[str, str], list[str]] = {}
    for rule in rules:
        ways.setdefault(rule.kind, []).append(rule.words)
    for rule in {rule.kind: rule for rule in rules}.values():
        treatment = sessions["treatment"].isna() if not rule.treatment else sessions["treatment"] == rule.treatment
        of_phase = sessions[(sessions["phase"] == rule.phase) & treatment]
        if of_phase.empty:
            column = "experiment" if "the Experiment" in (needed := " or ".join(ways[rule.kind])) else "msn"
            present = ", ".join(map(repr, sorted(set(sessions[column]))))
            yield (
                f"phase {rule.name}: no session has {needed}; found: {present}; correct what the phase is found by, or "
                "add the logs (operant.logs)"
            )
            continue
        counts = of_phase["subject"].value_counts().reindex(list(subjects), fill_value=0)
        if (counts != rule.sessions).all():
            span = " to ".join(str(n) for n in dict.fromkeys((counts.min(), counts.max())))
            yield (
                f"phase {rule.name}: every subject has {span} sessions, the study plans {rule.sessions}; correct "
                "`days`, or see whether logs are missing or are there twice (operant.logs)"
            )


def log_notes(faults: Sequence[OperantFault]) -> Iterator[str]:
    """Yield each kind of fault once, with its first place and how often it is there."""
    kinds: dict[str, list[OperantFault]] = {}
    for fault in faults:
        kinds.setdefault(_NUMBERS.sub("0", fault.what), []).append(fault)
    for first, *others in kinds.values():
        more = f"; {len(others)} more like it" if others else ""
        yield f"{first.place}{first.what} ({first.done}){more}"


def bin_notes(operant: Operant) -> Iterator[str]:
    """Yield each measure whose bins do not fill the sessions of a phase: the rest of a session is in no bin."""
    for name, measure in operant.measures.items():
        width, unfilled = measure.every_min or np.inf, dict[str, float]()
        for phase_name, phase in operant.phases.items():
            hours = phase.access_h.values() if isinstance(phase.access_h, dict) else (phase.access_h or 0,)
            for minutes in (60 * length for length in hours):
                if not np.isclose(minutes / width, round(minutes / width)):
                    unfilled[phase_name] = minutes
        if unfilled:
            phases = ", ".join(f"{phase} ({minutes:g} min)" for phase, minutes in unfilled.items())
            yield f"measures.{name}: bins of {width:g} min do not fill {phases}; what is left is in no bin"
