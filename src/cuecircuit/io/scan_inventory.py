"""The inventory of scans by their BIDS entities, and the choice of one scan for each subject, session and run.

Entities that no setting accounts for are never averaged over: several sessions, echoes, acquisitions, directions,
parts, reconstructions, spaces, resolutions, cohorts or descriptions of one run are refused with the settings that
choose one. Several runs of one session are combined by the first level; the notes of a selection report it.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from cuecircuit.errors import DataError

WITHOUT = "none"  # the choice of the scan that lacks an entity
ANY = "any"  # of those that have it, whatever its value
COMBINED = "combined"  # that choice for echoes: the combined image has no echo
# Images that differ in these are other images; acq, ce, dir and rec may differ between the runs of a study.
_SAME_IN_ALL = ("echo", "part", "hemi", "chunk", "inv", "split", "space", "res", "den", "cohort", "desc", "label")
DERIVED_ENTITIES = ("space", "cohort", "res", "den", "desc")  # raw scans have none of these
_NO_MAGNITUDE = ("phase", "real", "imag")
_SETTINGS = ("echo", "space", "res")  # of `scans`; other entities are named under scans.entities


def scan_name(subject: str, session: str | None, run: int | str | None) -> str:
    """Return the name of a scan in messages and in the study file, such as `sub-01 ses-2 run-1`."""
    parts = {"sub": subject, "ses": session, "run": run}
    return " ".join(f"{key}-{value}" for key, value in parts.items() if value is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFiles:
    """A functional scan and the files beside it; None where there is no such file.

    `subject` and `session` are without their prefix; `entities` holds all further BIDS entities of the file name but
    the task (echo, acq, ce, rec, dir, part, space, res, cohort, desc, ...); `tr_s` is RepetitionTime of the sidecars.
    """

    subject: str
    session: str | None
    run: int | None
    entities: Mapping[str, str] = field(default_factory=dict)
    bold: Path
    events: Path | None
    physio: Path | None
    confounds: Path | None
    tr_s: float | None

    @property
    def name(self) -> str:
        """Name of the scan in messages."""
        return scan_name(self.subject, self.session, self.run)

    def value(self, entity: str) -> str:
        """Return the value of an entity as a choice names it; the word for none where the scan lacks the entity."""
        if entity == "run":
            return WITHOUT if self.run is None else str(self.run)
        return self.entities.get(entity, COMBINED if entity == "echo" else WITHOUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanChoice:
    """What the study accounts for.

    `sessions`: entity ses of the scans to take; where empty, each subject may have one session only.
    `session_setting`: the setting that names them.
    `entities`: entity to the value to take, `any` for scans that have it, `none` for those without it, `combined` for
    the combined echoes.
    `sessions_apart`: nothing is averaged over sessions, so that a subject may have several.
    """

    sessions: tuple[str, ...] = ()
    session_setting: str = "factors.session"
    entities: Mapping[str, str] = field(default_factory=dict)
    sessions_apart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSelection:
    """One scan for each subject, session and run, and scans left out with the reason.

    `aside`: a line for each scan that is left out by itself, as excluded, at fault or missing.
    """

    scans: tuple[ScanFiles, ...]
    left_out: tuple[tuple[ScanFiles, str], ...]
    aside: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of many scans."""
        many = [(scan, why) for scan, why in self.left_out if f"{scan.name} set aside: {why}" not in self.aside]
        return tuple(_notes(self.scans, many))

    def without(self, reasons: Mapping[str, str]) -> "ScanSelection":
        """Leave out scans by name, each with its reason."""
        out = tuple((scan, reasons[scan.name]) for scan in self.scans if scan.name in reasons)
        return replace(
            self,
            scans=tuple(scan for scan in self.scans if scan.name not in reasons),
            left_out=(*self.left_out, *out),
            aside=(*self.aside, *(f"{scan.name} set aside: {why}" for scan, why in out)),
        )


def one_per_run(scans: Sequence[ScanFiles], choice: ScanChoice, *, exclude: Collection[str] = ()) -> ScanSelection:
    """Return one scan for each subject, session and run.

    Args:
        scans: all scans of the study's task.
        choice: the sessions and entities that the study names.
        exclude: subjects whose scans are nobody's fault.

    Raises:
        DataError: sessions or entities that the choice does not account for, chosen ones that do not exist, a phase
            image, or two files of one name; every fault names what was found and the ways out.
    """
    faults = list(_missing_sessions(scans, choice))
    left_out = [
        (scan, f"session {scan.session or WITHOUT}; {choice.session_setting} takes {', '.join(choice.sessions)}")
        for scan in scans
        if choice.sessions and scan.session not in choice.sessions
    ]
    of_sessions = [scan for scan in scans if not choice.sessions or scan.session in choice.sessions]
    kept = [scan for scan in of_sessions if not _other_values(scan, choice)]
    left_out += [(scan, _other_values(scan, choice)) for scan in of_sessions if _other_values(scan, choice)]
    faults += _faults(
        [scan for scan in of_sessions if scan.subject not in exclude],
        [scan for scan in kept if scan.subject not in exclude],
        choice,
    )
    DataError.raise_any(faults)
    return ScanSelection(scans=tuple(sorted(kept, key=_order)), left_out=tuple(left_out))


def _order(scan: ScanFiles) -> tuple[str, str, int]:
    return scan.subject, scan.session or "", scan.run or 0


def _setting(entity: str) -> str:
    return f"scans.{entity}" if entity in _SETTINGS else f"scans.entities.{entity}"


def _other_values(scan: ScanFiles, choice: ScanChoice) -> str:
    """Name the entities in which a scan differs from the choice; empty where it does not."""
    return "; ".join(
        f"{entity} {scan.value(entity)}; {_setting(entity)} takes {chosen}"
        for entity, chosen in choice.entities.items()
        if not _is_of(scan.value(entity), chosen)
    )


def _is_of(value: str, wanted: str) -> bool:
    return value not in (WITHOUT, COMBINED) if wanted == ANY else value == wanted


def _missing_sessions(scans: Sequence[ScanFiles], choice: ScanChoice) -> Iterator[str]:
    present = sorted({scan.session or WITHOUT for scan in scans})
    for session in choice.sessions:
        if session not in present:
            yield f"no scans of session {session} ({choice.session_setting}); found: {', '.join(present)}"


def _faults(of_sessions: Sequence[ScanFiles], kept: Sequence[ScanFiles], choice: ScanChoice) -> Iterator[str]:
    faults = [
        *_run_faults(kept),
        *(() if choice.sessions or choice.sessions_apart else _session_faults(kept, choice)),
        *_lost_runs(of_sessions, kept, choice),
        *_several_of_one_run(kept),
    ]
    yield from _once(faults)
    if not faults:
        yield from _mixed(kept)


def _once(found: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield each fault once, with the first place that has it and the number of others."""
    places: dict[str, dict[str, None]] = {}
    for place, fault in found:
        places.setdefault(fault, {})[place] = None
    for fault, named in places.items():
        others = f" and {len(named) - 1} others" if len(named) > 1 else ""
        yield f"{next(iter(named))}{others}: {fault}"


def _run_faults(scans: Sequence[ScanFiles]) -> Iterator[tuple[str, str]]:
    for scan in scans:
        for entity in ("run", "echo"):
            if entity in scan.entities and not scan.entities[entity].isdigit():
                yield str(scan.bold), f"{entity} '{scan.entities[entity]}' is no whole number; rename the file"
    sessions = groupby(sorted(scans, key=_order), key=lambda scan: (scan.subject, scan.session))
    for _, group in sessions:
        of_run = list(group)
        if of_run[0].run is None and of_run[-1].run is not None:
            yield (
                f"{of_run[0].bold} and {of_run[-1].bold}",
                "one has the entity run, the other has not, so that they may be one run, or one of all runs; give both "
                f"a run number, keep one, or name which to take in {_setting('run')} ({ANY}: those with a number, "
                f"{WITHOUT}: the other)",
            )


def _session_faults(scans: Sequence[ScanFiles], choice: ScanChoice) -> Iterator[tuple[str, str]]:
    present: dict[str, set[str]] = {}
    for scan in scans:
        present.setdefault(scan.subject, set()).add(scan.session or WITHOUT)
    for subject, sessions in present.items():
        if len(sessions) > 1:
            yield (
                f"sub-{subject}",
                f"has scans in sessions {', '.join(sorted(sessions))}, which nothing in the study accounts for; they "
                f"are not averaged: name what to take in {choice.session_setting}, keep the scans of one session in "
                "the data set, or run each session as a study of its own",
            )


def _lost_runs(
    of_sessions: Sequence[ScanFiles], kept: Sequence[ScanFiles], choice: ScanChoice
) -> Iterator[tuple[str, str]]:
    """Yield runs of which the chosen entities leave no scan."""
    taken = {scan.name for scan in kept}
    lost = [scan for scan in of_sessions if scan.name not in taken]
    for name, group in groupby(sorted(lost, key=_order), key=lambda scan: scan.name):
        of_run = list(group)
        for entity, chosen in choice.entities.items():
            values = sorted({scan.value(entity) for scan in of_run})
            if entity != "run" and not any(_is_of(value, chosen) for value in values):
                yield (
                    name,
                    f"no scan with {entity} {chosen} ({_setting(entity)}); found: {', '.join(values)}; name one of "
                    "these, or exclude the subject (subjects.exclude)",
                )


def _several_of_one_run(scans: Sequence[ScanFiles]) -> Iterator[tuple[str, str]]:
    for name, group in groupby(sorted(scans, key=_order), key=lambda scan: scan.name):
        of_run = list(group)
        entities = dict.fromkeys(entity for scan in of_run for entity in scan.entities)
        differing = [entity for entity in entities if len({scan.value(entity) for scan in of_run}) > 1]
        for entity in differing:
            yield name, _ways_out(entity, sorted({scan.value(entity) for scan in of_run}))
        alike = Counter(tuple(scan.value(entity) for entity in entities) for scan in of_run)
        if max(alike.values()) > 1:
            files = ", ".join(str(scan.bold) for scan in of_run)
            yield name, f"several scans are called so ({files}); keep one"
        part = of_run[0].value("part")
        if len(of_run) == 1 and part in _NO_MAGNITUDE:
            yield name, f"part-{part} is no magnitude image; add the magnitude (part-mag), or exclude the subject"


def _ways_out(entity: str, found: Sequence[str]) -> str:
    values = ", ".join(found)
    if entity == "echo":
        return (
            f"{len(found)} images of one run, echo {values}; they are no further runs: take one (scans.echo: "
            f"{found[0]}), or combine the echoes (tedana, fMRIPrep) and set scans.echo to {COMBINED}"
        )
    without = f" ({WITHOUT}: the scan without {entity})" if WITHOUT in found else ""
    return (
        f"{len(found)} images of one run, {entity} {values}{without}; they are no further runs: name the one to take "
        f"in {_setting(entity)}, or keep one in the data set"
    )


def _mixed(scans: Sequence[ScanFiles]) -> Iterator[str]:
    """Yield entities that are the same within each run and differ between runs, though they mean other images."""
    for entity in _SAME_IN_ALL:
        first: dict[str, str] = {}
        for scan in scans:
            first.setdefault(scan.value(entity), scan.name)
        if len(first) > 1:
            shown = ", ".join(f"{value} ({name})" for value, name in first.items())
            yield (
                f"scans of different {entity}: {shown}; they are not one kind of image: name the one to take in "
                f"{_setting(entity)}, or exclude the subjects that lack it (subjects.exclude)"
            )


def _notes(scans: Sequence[ScanFiles], left_out: Sequence[tuple[ScanFiles, str]]) -> Iterator[str]:
    runs = Counter((scan.subject, scan.session) for scan in scans)
    for number, times in sorted(Counter(runs.values()).items()):
        if number > 1:
            yield f"{number} runs of one session are combined into one map per cell ({times} subjects × sessions)"
    sessions = Counter(scan.session or WITHOUT for scan in scans)
    subjects = {scan.subject for scan in scans}
    if len(sessions) > 1 and len(runs) == len(subjects):
        yield f"each subject has one session, but not the same: {', '.join(sorted(sessions))}"
    for reason, times in Counter(reason for _, reason in left_out).items():
        yield f"{times} scans left out: {reason}"
