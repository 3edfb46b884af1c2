"""The operant logs of a study against its phases, and the ledger of their faults in a few lines."""

import re
from collections.abc import Iterator, Sequence

import pandas as pd

from cuecircuit.behavior.phases import PhaseRule
from cuecircuit.pipeline.behavior import phase_rules, phased_sessions
from cuecircuit.pipeline.cells import subjects_of
from cuecircuit.pipeline.job import StudyFiles
from cuecircuit.records.operant import OperantFault

_NUMBERS = re.compile(r"[0-9][0-9.:/-]*")


def log_faults(files: StudyFiles) -> Iterator[str]:
    """Yield the phases whose sessions are nowhere, or in another number than planned in every animal.

    An animal that alone lacks a session is no fault: its tests leave it out, and `log_notes` says so.

    Raises:
        DataError: the logs cannot be read, or their subjects are not those of the study.
    """
    table = phased_sessions(files).table
    subjects = subjects_of(files)["subject"]
    for rule in phase_rules(files.study):
        treatment = table["treatment"].isna() if not rule.treatment else table["treatment"] == rule.treatment
        own = table[(table["phase"] == rule.phase) & treatment]
        yield from _phase_faults(rule, own, table, subjects)


def _phase_faults(rule: PhaseRule, own: pd.DataFrame, table: pd.DataFrame, subjects: "pd.Series[str]") -> Iterator[str]:
    if own.empty:
        found = ", ".join(map(repr, sorted(set(table["experiment"]))))
        yield (
            f"phases: {rule.name}: no session has the Experiment {rule.experiment!r}; found: {found}; correct "
            "`experiment`, or add the logs (behavior.logs)"
        )
        return
    counts = own["subject"].value_counts().reindex(subjects, fill_value=0)
    if (counts != rule.sessions).all():
        span = " to ".join(str(n) for n in dict.fromkeys((counts.min(), counts.max())))
        yield (
            f"phases: {rule.name}: every subject has {span} sessions, the study plans {rule.sessions}; correct "
            "`sessions`, or see whether logs are missing or stand twice (behavior.logs)"
        )


def log_notes(files: StudyFiles) -> tuple[str, ...]:
    """The ledger of the logs in short: each kind of fault once, with its first place and how often it stands there.

    Raises:
        DataError: as `log_faults`.
    """
    kinds: dict[str, list[OperantFault]] = {}
    for fault in phased_sessions(files).faults:
        kinds.setdefault(_NUMBERS.sub("0", fault.what), []).append(fault)
    return tuple(_note(alike) for alike in kinds.values())


def _note(alike: Sequence[OperantFault]) -> str:
    first = alike[0]
    where = f"{first.file}:{first.line}: " if first.file else ""
    more = f"; {len(alike) - 1} more like it" if len(alike) > 1 else ""
    return f"{where}subject {first.subject!r}: {first.what} ({first.done}){more}"
