"""What every study file has, whoever was scanned: about, subjects, where the scans are, seed, what is assumed.

A kind of study adds the sections that apply to it and narrows these: `study.Study` for operant animals,
`schema.Study` is the study file of today.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from cuecircuit.study.about import About
from cuecircuit.study.alternatives import Alternative
from cuecircuit.study.settings import Section, default


def _inside(path: str) -> str:
    if path.startswith(("/", "~")) or ".." in path.split("/"):
        raise ValueError(f"'{path}' leaves the folder of the study; give a path below it")
    return path


RelativePath = Annotated[str, AfterValidator(_inside)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Label = Annotated[str, Field(min_length=1)]
# the value of a BIDS entity; YAML reads ses-1 written as `1` as a number
EntityLabel = Annotated[
    str, BeforeValidator(lambda value: str(value) if type(value) is int else value), Field(min_length=1)
]


def _without_settings(entities: dict[str, str]) -> dict[str, str]:
    settings = {
        "sub": "subjects.exclude",
        "ses": "the sessions of acquisition",
        "task": "acquisition.task",
        "run": "all runs of a session are taken",
        "echo": "acquisition.echo",
        "space": "acquisition.derivative_space",
        "res": "acquisition.derivative_res",
    }
    if wrong := [f"{name} is chosen elsewhere ({settings[name]})" for name in entities if name in settings]:
        raise ValueError("; ".join(wrong))
    return entities


def word_of(label: str) -> str:
    """Write a label so that formulas and contrasts can name it: `look-drug` is `look_drug`."""
    word = "".join(letter if letter.isalnum() else "_" for letter in label)
    return word if word[0].isalpha() else f"c{word}"


class Participants(Section):
    """Who took part, and who is left out and why."""

    participants: RelativePath = default("participants.tsv", "convention", "BIDS")
    group: Name = default("group", "convention", "column of participants.tsv that names the group")
    groups: tuple[Label, ...] = Field(default=(), description="levels, the reference group first")
    species: str
    exclude: dict[str, str] = default({}, "convention", "nobody is left out unless the study says who and why")


class ScanSource(Section):
    """Where the scans of the study's task lie, and their repetition time."""

    dataset: RelativePath = default(".", "convention", "the study file lies in the BIDS data set")
    task: Label
    tr_s: float = Field(gt=0, description="repetition time")
    derivatives: RelativePath | None = default(
        None, "convention", "folder of preprocessed scans (fMRIPrep, cuecircuit preprocess); None takes the raw ones"
    )
    derivative_space: EntityLabel | None = default(None, "convention", "entity space of the preprocessed scans to take")
    derivative_res: EntityLabel | None = default(None, "convention", "entity res of the preprocessed scans to take")
    echo: Annotated[int, Field(ge=1)] | Literal["combined"] | None = default(
        None, "convention", "entity echo of the scans to take, or their combined image; None where runs have one image"
    )
    entities: Annotated[dict[Name, EntityLabel], AfterValidator(_without_settings)] = default(
        {}, "convention", "further BIDS entities of the scans to take, such as {acq: mb}; `none` for scans without it"
    )
    scans: RelativePath | None = default(None, "convention", "TSV of paths instead of a BIDS data set")

    accept: dict[str, str] = default(
        {}, "convention", "scan and kind of a fault of its values, such as `sub-01 run-1 spike`, to why it is used"
    )
    on_fault: Literal["stop", "exclude"] = default(
        "stop", "convention", "scans whose values cannot be a scan stop the study, or are set aside by name"
    )

    session_setting: ClassVar[str]

    @property
    def sessions_taken(self) -> tuple[str, ...]:
        """Entity ses of the scans to take; empty where the study names none."""
        raise NotImplementedError

    @property
    def entities_taken(self) -> dict[str, str]:
        """Value to take of each entity that the study chooses."""
        named = {"echo": self.echo, "space": self.derivative_space, "res": self.derivative_res}
        return self.entities | {name: str(value) for name, value in named.items() if value is not None}


class Conditions(Section):
    """The conditions of the events that are cells of the design, and what becomes of other rows."""

    column: Name = default("trial_type", "convention", "column of the events with the conditions; BIDS")
    levels: tuple[EntityLabel, ...]
    others: Literal["refuse", "model", "ignore"]


class MaskedSpace(Section):
    """The space all scans lie in, and the voxels of it that are analyzed."""

    mask: RelativePath
    reference_point: str


class StudyBase(Section):
    """A study of any kind; `assumed` marks values of the file that nobody printed, with the reason for each."""

    about: About
    subjects: Participants
    acquisition: ScanSource
    space: MaskedSpace
    cues: Conditions
    seed: int = default(0, "convention", "of simulated null fields and permutations", ge=0)
    assumed: dict[str, str] = default({}, "convention", "dotted path of a value in this file to why it is assumed")
    alternatives: dict[Name, Alternative] = default(
        {}, "convention", "other choices by name, which `run --alternatives` sets beside those of this file"
    )
