"""Which scans a study takes among those found: data set, derivative, task, and entities that choose one of a run."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cuecircuit.errors import DataError
from cuecircuit.io.bids import find_derivatives, find_scans
from cuecircuit.io.brain_masks import find_brain_mask
from cuecircuit.io.nifti import read_grid
from cuecircuit.io.rabies import find_rabies
from cuecircuit.io.scan_inventory import ScanFiles
from cuecircuit.records.grid import Grid
from cuecircuit.starting.draft_parts import Answers, Choice, Note
from cuecircuit.starting.inventory import ImageFolder, Inventory
from cuecircuit.starting.place import Place
from cuecircuit.starting.words import in_time

# what fMRIPrep and its users take most often, where several are there
_PREFERRED = ("MNI152NLin2009cAsym", "MNI152NLin6Asym", "preproc", "combined", "2", "none")
_OTHER_IMAGES = ("space", "res", "echo", "part", "cohort", "den")
_ENTITIES = (*_OTHER_IMAGES, "acq", "rec", "dir", "ce")
_OF_SCANS = ("space", "res", "echo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the header of a scan and its sidecar state."""

    grid: Grid
    volumes: int
    tr_s: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ScanPlan:
    """The scans to take, how the study file chooses them, what was chosen on the way, and what else was found."""

    raw: Path | None
    derived: Path | None
    task: str
    entities: Mapping[str, str]
    scans: tuple[ScanFiles, ...]
    choices: tuple[Choice, ...]
    notes: tuple[Note, ...]

    @property
    def subjects(self) -> frozenset[str]:
        """Everyone who has a scan."""
        return frozenset(scan.subject for scan in self.scans)

    @cached_property
    def sessions(self) -> tuple[str, ...]:
        """Sessions in their likely order in time; none where nobody has several."""
        sessions_of = Counter(subject for subject, _ in {(scan.subject, scan.session) for scan in self.scans})
        several = max(sessions_of.values(), default=0) > 1
        return in_time({scan.session for scan in self.scans if scan.session}) if several else ()

    @property
    def has_runs(self) -> bool:
        """Whether a session has several runs."""
        return max(Counter((scan.subject, scan.session) for scan in self.scans).values(), default=0) > 1

    @cached_property
    def have_brain_masks(self) -> bool:
        """Whether every scan has a brain mask beside it, of which a mask can be made."""
        return all(find_brain_mask(scan.bold) for scan in self.scans)

    @cached_property
    def headers(self) -> tuple[Header, ...]:
        """Headers of the scans that can be read."""
        return tuple(header for scan in self.scans if (header := _header(scan)))


def plan_scans(inventory: Inventory, place: Place, answers: Answers) -> ScanPlan | None:
    """Choose the scans of a study; None where there are none.

    Args:
        inventory: what was found.
        place: of the study file.
        answers: given so far.

    Raises:
        DataError: scans that cannot be listed, such as those of a derivative whose raw data set is elsewhere.
    """
    if not any(len(one.images) for one in (*inventory.raw, *inventory.derived)):
        return None
    raw, raw_choice = _one_of("scans.dataset", "data set", inventory.raw, answers)
    derived, derived_choice = _one_of("scans.derivatives", "derivative", inventory.derived, answers)
    source = derived or raw
    assert source is not None
    task, task_choice = _task(raw if derived is None or derived.is_rabies else source, answers)
    files = _scan_files(raw.path if raw else place.folder, derived, task)
    described = {} if derived is None or derived.is_rabies else _described(derived, task)
    scans, entities, entity_choices = _chosen(files, described, answers)
    return ScanPlan(
        raw=raw.path if raw else None,
        derived=derived.path if derived else None,
        task=task,
        entities=entities,
        scans=scans,
        choices=(*filter(None, (raw_choice, derived_choice, task_choice)), *entity_choices),
        notes=tuple(_notes(raw, derived)),
    )


def _notes(raw: ImageFolder | None, derived: ImageFolder | None) -> Iterator[Note]:
    if raw is None and derived:
        text = f"no raw data set of {derived.path} was found, whose events and physio are read; name its folder too"
        yield Note(path="scans", text=text, is_open=True)
    if raw and derived and len(raw.images) and (lost := sorted(raw.subjects - derived.subjects)):
        yield Note(path="scans", text=f"not preprocessed: {', '.join(lost)}", is_open=True)


def _chosen(
    scans: tuple[ScanFiles, ...], described: Mapping[str, str], answers: Answers
) -> tuple[tuple[ScanFiles, ...], dict[str, str], list[Choice]]:
    """Choose by the entities in which images of one run differ, or that make another kind of image."""
    entities, choices = dict(described), []
    for entity in _ENTITIES:
        values = Counter(scan.value(entity) for scan in scans)
        if len(values) > 1 and (entity in _OTHER_IMAGES or _doubled(scans)):
            at = f"scans.{entity}" if entity in _OF_SCANS else f"scans.entities.{entity}"
            choice = _entity_choice(at, entity, values)
            choices.append(choice)
            entities[entity] = answers.of(choice)
            scans = tuple(scan for scan in scans if scan.value(entity) == entities[entity])
    return scans, entities, choices


def _one_of(
    path: str, what: str, folders: tuple[ImageFolder, ...], answers: Answers
) -> tuple[ImageFolder | None, Choice | None]:
    if len(folders) < 2:
        return (folders[0] if folders else None), None
    by_name = {str(folder.path): folder for folder in sorted(folders, key=lambda one: (-len(one.subjects), one.path))}
    first = next(iter(by_name))
    choice = Choice(
        path=path,
        question=f"{what} to take",
        likeliest=first,
        why=f"found {', '.join(f'{name} ({len(one.subjects)} subjects)' for name, one in by_name.items())}; one study "
        f"takes one {what}",
        options=tuple(by_name),
    )
    return by_name[answers.of(choice)], choice


def _task(folder: ImageFolder | None, answers: Answers) -> tuple[str, Choice | None]:
    if folder is None:
        raise DataError("found scans of RABIES without their raw data set; name the folder that RABIES was given too")
    tasks = Counter(folder.images["task"].dropna())
    if not tasks:
        raise DataError(f"{folder.path}: scans without the entity task; name files sub-LABEL_task-NAME_bold.nii.gz")
    ordered = sorted(tasks, key=lambda task: ("rest" in task.lower(), -tasks[task], task))
    choice = Choice(
        path="scans.task",
        question="task of the study",
        likeliest=ordered[0],
        why=f"found {', '.join(f'{task} ({tasks[task]} scans)' for task in ordered)}; a study is of one task",
        options=tuple(ordered),
    )
    return answers.of(choice), choice if len(ordered) > 1 else None


def _scan_files(root: Path, derived: ImageFolder | None, task: str) -> tuple[ScanFiles, ...]:
    if derived is None:
        return find_scans(root, task=task)
    if derived.is_rabies:
        return find_rabies(root, derived.path, task=task)
    return find_derivatives(root, derived.path, task=task, desc=_described(derived, task).get("desc", "preproc"))


def _described(derived: ImageFolder, task: str) -> dict[str, str]:
    """Return the entity desc of a derivative where it is not the usual one."""
    counts = Counter(derived.images["desc"][derived.images["task"] == task].dropna())
    return {} if "preproc" in counts or not counts else {"desc": counts.most_common(1)[0][0]}


def _doubled(scans: Iterable[ScanFiles]) -> bool:
    return max(Counter(scan.name for scan in scans).values(), default=0) > 1


def _entity_choice(path: str, entity: str, values: Counter[str]) -> Choice:
    ordered = sorted(values, key=lambda value: (_PREFERRED.index(value) if value in _PREFERRED else 99, value))
    return Choice(
        path=path,
        question=f"{entity} of the scans to take",
        likeliest=ordered[0],
        why=f"found {', '.join(f'{value} ({values[value]} scans)' for value in ordered)}; they are no further runs",
        options=tuple(ordered),
    )


def _header(scan: ScanFiles) -> Header | None:
    try:
        grid, volumes, tr_s = read_grid(scan.bold)
    except DataError:  # `check` says what is wrong with it
        return None
    return Header(grid=grid, volumes=volumes, tr_s=scan.tr_s or tr_s)
