"""What a study says of its sessions: which are left out or joined, and faults of the logs against its plan.

A fault against the plan stops the study unless `operant.accept` gives a reason for it by its name:

- `SUBJECT group`: the log names another group of the study than the table of participants;
- `SUBJECT PHASE length`: sessions are longer than `access_h`, or as long as those of another group, or shorter one and
  all (a length within a tenth of the access is that of the access; sessions of a progressive ratio may be short);
- `SUBJECT PHASE sessions`: more than `days` of the phase, or of a treatment in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import pandas as pd

from cuecircuit.behavior.session_choices import SessionChoices, SessionPick
from cuecircuit.records.operant import OperantFault, OperantSession
from cuecircuit.study.experiment import LoggedSession, Operant, Phase

# of the access; assumed: boxes are started and stopped by hand within minutes, groups differ by more
_SAME_LENGTH = 0.1
_NAMED = 5  # subjects in a line


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFault:
    """A fault against the plan.

    `name` is how `operant.accept` calls it, `advice` what to do about it; faults of subjects that end in one name and
    have the same `cause` are one kind.
    """

    name: str
    fault: OperantFault
    advice: str
    cause: str = ""

    @property
    def kind(self) -> str:
        """The name without the subject."""
        return self.name.removeprefix(self.fault.subject).strip()


def _line(alike: Sequence[PlanFault]) -> str:
    """Return faults of one kind in one line, with the place of the first, who has it and what to do."""
    first = alike[0]
    place = first.fault.place.removesuffix(": ")
    others = [repr(one.fault.subject) for one in alike[1:]]
    shown = ", ".join(others[:_NAMED]) + (f" and {len(others) - _NAMED} more" if len(others) > _NAMED else "")
    many = f" and {len(others)} others ({shown})" if others else ""
    name = f"'* {first.kind}'" if others else first.name
    accept = f"accept {'them' if others else 'it'} with a reason (operant.accept: {{{name}: reason}})"
    return f"{place}{many}: {first.fault.what}; {first.advice}, or {accept}"


def session_choices(operant: Operant) -> SessionChoices:
    """Return which sessions the study leaves out or joins, and how long one must have run."""

    def picks(named: Sequence[LoggedSession]) -> tuple[SessionPick, ...]:
        return tuple(SessionPick(subject=s.subject, date=s.date, start=s.start, reason=s.reason) for s in named)

    return SessionChoices(
        exclude=picks(operant.exclude), merge=picks(operant.merge), shortest_s=60 * operant.shortest_min
    )


def accept_faults(
    faults: Sequence[PlanFault], accept: Mapping[str, str]
) -> tuple[tuple[OperantFault, ...], tuple[str, ...]]:
    """Return the faults that the study accepts, with their reasons, and a line for each other kind and idle reason.

    Args:
        faults: against the plan.
        accept: name or shell pattern of a fault to the reason for taking it as it is.
    """
    accepted: list[OperantFault] = []
    refused: dict[tuple[str, str], list[PlanFault]] = {}
    idle = dict(accept)
    for one in faults:
        pattern = next((key for key in accept if key == one.name or fnmatchcase(one.name, key)), None)
        if pattern is None:
            refused.setdefault((one.kind, one.cause), []).append(one)
        else:
            accepted.append(replace(one.fault, accepted=accept[pattern]))
            idle.pop(pattern, None)
    lines = [_line(alike) for alike in refused.values()]
    lines += (f"accept: no fault of the logs is called '{name}'; take it out" for name in idle)
    return tuple(accepted), tuple(lines)


def plan_faults(
    operant: Operant, rows: pd.DataFrame, sessions: Sequence[OperantSession], *, groups: Sequence[str]
) -> Iterator[PlanFault]:
    """Yield every fault against the plan.

    Args:
        operant: section of the study.
        rows: subject, group, phase, day, file and line of each session, the phase n/a where it is of none.
        sessions: what was logged, in the order of `rows`.
        groups: of the study; another name in a log is no group.
    """
    logged = pd.Series(list(sessions), index=rows.index, dtype=object)
    for subject, of_subject in rows.groupby("subject", sort=False):
        yield from _other_group(str(subject), of_subject, logged[of_subject.index], groups)
    for (subject, name), of_subject in rows.groupby(["subject", "phase"], sort=False):
        phase = operant.phases[str(name)]
        yield from _other_length(f"{subject} {name}", phase, of_subject, logged[of_subject.index])
        if extra := int((of_subject["day"] > phase.days).sum()):
            what = f"{extra} sessions of {name} more than the {phase.days} planned"
            fault = _fault(of_subject[of_subject["day"] > phase.days], what, "the first enter tests")
            advice = "correct `days`, leave sessions out (operant.exclude)"
            yield PlanFault(name=f"{subject} {name} sessions", fault=fault, advice=advice)


def short_sessions(operant: Operant, rows: pd.DataFrame, sessions: Sequence[OperantSession]) -> Iterator[OperantFault]:
    """Yield a line for each session that was neither declared nor run as long as its access.

    Args:
        operant: section of the study.
        rows: as of `plan_faults`.
        sessions: as of `plan_faults`.
    """
    for at, session in zip(rows.index, sessions, strict=True):
        phase = operant.phases.get(str(rows["phase"][at]))
        access_s = None if phase is None else _access_s(phase, rows["group"][at])
        if phase is not None and access_s is not None and _is_short(session, phase, access_s):
            what = f"ran {session.duration_s:g} s of the {access_s:g} s of access"
            yield _fault(rows.loc[[at]], what, "kept with the length it was run")


def _other_group(
    subject: str, own: pd.DataFrame, logged: "pd.Series[OperantSession]", groups: Sequence[str]
) -> Iterator[PlanFault]:
    planned = own["group"].iloc[0]
    named = [_as_level(session.group.strip(), groups) for session in logged]
    for group in (group for group in groups if group != planned and isinstance(planned, str)):
        if group in named:
            wrong = own[[one == group for one in named]]
            what = f"Group is '{group}' in {len(wrong)} of {len(own)} logs and '{planned}' in the table of participants"
            fault = _fault(wrong, what, "took the table of participants")
            advice = "correct the one that is wrong"
            yield PlanFault(name=f"{subject} group", fault=fault, advice=advice, cause=f"{planned} {group}")


def _as_level(group: str, groups: Sequence[str]) -> str:
    """Return the group of the study that a log names, in letters of either case."""
    alike = [level for level in groups if level.casefold() == group.casefold()]
    return group if group in groups or not alike else alike[0]


def _other_length(
    name: str, phase: Phase, own: pd.DataFrame, logged: "pd.Series[OperantSession]"
) -> Iterator[PlanFault]:
    group = own["group"].iloc[0]
    access_s = _access_s(phase, group)
    if access_s is None:
        return
    hours = phase.access_h if isinstance(phase.access_h, dict) else {}
    others = {other: 3600 * length for other, length in hours.items() if other != group and length}
    is_wrong = [_is_other(session, access_s, others) for session in logged]
    if all(_is_short(session, phase, access_s) for session in logged):
        is_wrong = [True] * len(own)
    if any(is_wrong):
        wrong = own[is_wrong]
        length_s = _length_s(logged[wrong.index[0]]) or 0.0
        like = [other for other, other_s in others.items() if _is_near(length_s, other_s)]
        what = f"{len(wrong)} of {len(own)} sessions of {own['phase'].iloc[0]} last {length_s / 3600:g} h, access_h"
        what += f" says {access_s / 3600:g} h" + (
            f" of {group} and this length of {' and '.join(like)}" if like else ""
        )
        advice = "correct the group of the subject" if like else "correct access_h"
        fault = _fault(wrong, what, "kept as logged")
        advice += ", leave sessions out (operant.exclude)"
        yield PlanFault(name=f"{name} length", fault=fault, advice=advice, cause=what.partition("access_h")[2])


def _is_other(session: OperantSession, access_s: float, others: Mapping[str, float]) -> bool:
    """Return whether a session is longer than its group should have, or as long as those of another group."""
    length_s = _length_s(session)
    if length_s is None or _is_near(length_s, access_s):
        return False
    return length_s > access_s or any(_is_near(length_s, other_s) for other_s in others.values())


def _is_short(session: OperantSession, phase: Phase, access_s: float) -> bool:
    length_s = _length_s(session)
    return phase.kind != "progressive_ratio" and length_s is not None and length_s < (1 - _SAME_LENGTH) * access_s


def _length_s(session: OperantSession) -> float | None:
    return session.duration_s if session.declared_s is None else session.declared_s


def _is_near(length_s: float, access_s: float) -> bool:
    return abs(length_s - access_s) <= _SAME_LENGTH * access_s


def _access_s(phase: Phase, group: object) -> float | None:
    hours = phase.access_of(group if isinstance(group, str) else None)
    return None if hours is None else 3600 * hours


def _fault(rows: pd.DataFrame, what: str, done: str) -> OperantFault:
    first = rows.iloc[0]
    return OperantFault(
        file=str(first["file"]), line=int(first["line"]), subject=str(first["subject"]), what=what, done=done
    )
