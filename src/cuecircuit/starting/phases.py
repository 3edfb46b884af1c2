"""Sessions of operant logs to phases: which header entry tells them apart, what each is, and how many days it has."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from glob import escape
from typing import Literal, cast, get_args

import pandas as pd

from cuecircuit.behavior.phases import PhaseRule, assign_phases
from cuecircuit.starting.draft_parts import Answers, Choice
from cuecircuit.starting.words import kind_of_phase, reference_first, slug, words_of
from cuecircuit.study.experiment import PhaseKind

FoundBy = Literal["experiment", "program"]
_BLANK = ("", "0", "n/a", "nan")
_WITH_TREATMENTS = ("conditioning", "cue_test", "reinstatement")
_AFTER_DRUG = ("extinction", "reinstatement", "cue_test")
_GAP = r"[ _-]*(?:day|session)?[ _#-]*"
_NUMBERED = re.compile(rf"(?P<stem>.*?){_GAP}\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Phase:
    """A row of sessions; `pattern` finds them, or those of `treatments` do; `days` counts subjects by their days."""

    name: str
    found_by: FoundBy
    pattern: str
    treatments: Mapping[str, str]
    rows: pd.DataFrame
    days: Counter[int] = field(default_factory=Counter)

    @property
    def planned(self) -> int:
        """Days that most subjects have; the larger number where two are as frequent."""
        return max(self.days, key=lambda number: (self.days[number], number))

    @property
    def start(self) -> str:
        """The middle of the first days of its subjects."""
        return str(sorted(self.rows.groupby("subject")["start"].min())[len(set(self.rows["subject"])) // 2])


def find_phases(sessions: pd.DataFrame) -> tuple[tuple[Phase, ...], tuple[str, ...]]:
    """Find the phases in the headers of sessions.

    Args:
        sessions: as `sessions_table` makes them, of the subjects of the study alone.

    Returns:
        Phases in order of time; lines on what is not told apart.
    """
    found_by, lines = _header_field(sessions)
    labels = sessions["experiment" if found_by == "experiment" else "msn"].astype(str).str.strip()
    named = sessions.assign(label=labels)
    if labels.nunique() > 1:
        blank = labels.str.casefold().isin(_BLANK)
        if blank.any():
            lines = (*lines, f"{blank.sum()} sessions state no {found_by} and are of no phase")
        named = named[~blank]
    patterns = _patterns(named)
    phases = [
        Phase(name=name, found_by=found_by, pattern=pattern, treatments={}, rows=named[named["label"].isin(treatments)])
        for name, (pattern, treatments) in patterns.items()
    ]
    joined = _with_treatments(phases) if found_by == "experiment" else phases
    ordered = sorted((_counted(phase) for phase in joined), key=lambda phase: phase.start)
    return tuple(ordered), lines


def kind_choices(phases: Sequence[Phase], answers: Answers) -> tuple[dict[str, PhaseKind], tuple[Choice, ...]]:
    """Return the kind of each phase, and the choices where names do not state it."""
    kinds: dict[str, PhaseKind] = {}
    choices = []
    taken = False
    for phase in phases:
        labels = sorted(set(phase.rows["label"]))
        stated = next(filter(None, map(kind_of_phase, labels)), None)
        by_program = next(filter(None, map(kind_of_phase, sorted(set(phase.rows["msn"])))), None)
        likeliest, why = stated or by_program or "self_administration", f"{', '.join(labels[:3])} states no kind"
        if stated is None and taken and "test" in words_of(labels[0]):
            likeliest, why = "cue_test", f"{labels[0]} is some test"
        if stated in _AFTER_DRUG and not taken:
            likeliest, why = "self_administration", f"reads like {stated}, but no phase before it takes the drug"
        elif stated is None and taken and _infusions(phase) == 0:
            likeliest, why = "extinction", "no infusion in any of its sessions"
        choice = Choice(
            path=f"operant.phases.{phase.name}.kind",
            question=f"what happens in phase {phase.name}",
            likeliest=likeliest,
            why=why,
            options=get_args(PhaseKind),
        )
        if likeliest != stated:
            choices.append(choice)
        kinds[phase.name] = cast(PhaseKind, answers.of(choice))
        taken |= kinds[phase.name] not in _AFTER_DRUG
    return kinds, tuple(choices)


def _infusions(phase: Phase) -> float:
    return float(phase.rows["infusions"].astype("float64").max())


def _header_field(sessions: pd.DataFrame) -> tuple[FoundBy, tuple[str, ...]]:
    experiments = {text for text in sessions["experiment"].astype(str).str.strip() if text.casefold() not in _BLANK}
    programs = set(sessions["msn"].astype(str).str.strip())
    if len(experiments) > 1 or (experiments and len(programs) == 1):
        return "experiment", ()
    if len(programs) > 1:
        return "program", ("the header field Experiment does not differ: phases are told apart by program (MSN)",)
    return "program" if not experiments else "experiment", ()


def _patterns(sessions: pd.DataFrame) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return name, pattern and labels of each phase; numbers of days at the end of labels make one phase of them."""
    labels = list(dict.fromkeys(sessions.sort_values("start")["label"]))
    numbered = {label: match for label in labels if (match := _NUMBERED.fullmatch(label))}
    stems = Counter(match["stem"].casefold() for match in numbered.values())
    rows = sessions.groupby("label")["subject"]
    once = {label for label, subjects in rows if 1.5 * subjects.nunique() > len(subjects)}
    patterns: dict[str, tuple[str, tuple[str, ...]]] = {}
    for label in labels:
        match = numbered.get(label)
        if match and stems[match["stem"].casefold()] > 2 and label in once:
            stem = match["stem"]
            key, pattern = stem, f"re:{re.escape(stem)}{_GAP}[0-9]+"
        else:
            key, pattern = label, escape(label)
        name = slug(key)
        previous = patterns.get(name, (pattern, ()))
        if previous[0].casefold() != pattern.casefold():
            name = slug(f"{key}_{len(patterns) + 1}")
            previous = (pattern, ())
        patterns[name] = (pattern, (*previous[1], label))
    return patterns


def _with_treatments(phases: Sequence[Phase]) -> list[Phase]:
    """Join phases of one first word and one kind that the same subjects have: conditions within subjects."""
    groups: dict[tuple[str, str], list[Phase]] = {}
    for phase in phases:
        first, _, rest = re.sub(r"[\s_]", "-", phase.rows["label"].iloc[0]).partition("-")
        kind = kind_of_phase(phase.rows["label"].iloc[0])
        key = first if rest and kind in _WITH_TREATMENTS else f"alone:{phase.name}"
        groups.setdefault((key, kind or ""), []).append(phase)
    joined = []
    for (first, _), members in groups.items():
        subjects = [set(phase.rows["subject"]) for phase in members]
        if len(members) > 1 and 2 * len(set.intersection(*subjects)) >= max(map(len, subjects)):
            labels = {slug(_rest(phase)): phase.pattern for phase in members}
            ordered = {name: labels[name] for name in reference_first(labels)}
            rows = pd.concat([phase.rows for phase in members])
            joined.append(Phase(name=slug(first), found_by="experiment", pattern="", treatments=ordered, rows=rows))
        else:
            joined += members
    return joined


def _rest(phase: Phase) -> str:
    return re.sub(r"[\s_]", "-", phase.rows["label"].iloc[0]).partition("-")[2]


def _counted(phase: Phase) -> Phase:
    """Count the days of each subject (and treatment) as a run will."""
    rules = [
        PhaseRule(phase=phase.name, treatment=name, experiment=pattern)
        for name, pattern in (phase.treatments or {"": phase.pattern}).items()
    ]
    table = phase.rows.assign(experiment=phase.rows["label"])
    phased = assign_phases(table, rules, participants=sorted(set(table["subject"]))).table
    numbered = phased.dropna(subset=["session"]).assign(treatment=phased["treatment"].fillna(""))
    days = numbered.groupby(["subject", "treatment"])["session"].nunique()
    return replace(phase, days=Counter(days.tolist()))
