"""Who takes part in the simulated human study, what they are shown, and what is planted in their brains.

The design follows Huang et al. 2023 (Am J Psychiatry, doi:10.1176/appi.ajp.20220759): 32 inpatients with heroin use
disorder (iHUD, 7 women) and 21 controls (HC, 8 women) look at drug, food and neutral pictures, reappraise drug pictures
and savor food pictures; who stays is scanned again after 15 weeks. The article states directions, not sizes: every
amplitude, spread, position and time below is assumed, as is each direction marked "ours". Planted directions:

- ventral striatum, OFC: look-drug > look-neutral, more in iHUD; IFG: look-drug > look-food, more in iHUD; in all three
  part of it is less response to food (IFG: preprint) and neutral pictures (ours);
- IFG, SMA, dlPFC: reappraise > look and savor > look, equally in both groups (no group difference in either strategy;
  dlPFC: ours);
- ventral striatum: reappraise-drug − savor-food is above 0 in iHUD and below in HC, for want of drug reactivity there;
- in iHUD alone (`SLOPES`): vmPFC to look-drug rises with craving after the task; ventral striatum under reappraisal
  with craving before it (preprint); IFG and dlPFC under reappraisal are stronger with lower cue-induced craving, which
  is that after the task; rACC under savoring is stronger after longer treatment (ours: days of abstinence).

A person's response is the cell's mean + a deviation common to all cells + one of each cell; slopes and noise are in
`truth/`. In session 2 iHUD have a share of the drug reactivity of session 1 (controls all of theirs), and slopes on
the numbers of that session. Sex changes nothing (ours).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import StudyError

GROUPS = ("iHUD", "HC")
N_SUBJECTS, N_WOMEN = (32, 21), (7, 8)
CELLS = ("look_drug", "look_food", "look_neutral", "reappraise_drug", "savor_food")
HYPOTHESES = {
    "reactivity": "drug pictures engage more in iHUD; strategies engage both groups alike",
    "null": "no picture, strategy or group changes anything, and craving is related to nothing",
}
# region: x, y, z (mm in MNI space, right; mirrored where x is not 0) and radius (mm) of a sphere
REGIONS: dict[str, tuple[float, float, float, float]] = {
    "ventral striatum": (10.0, 10.0, -8.0, 9.0),
    "OFC": (26.0, 32.0, -16.0, 10.0),
    "vmPFC": (0.0, 48.0, -10.0, 12.0),
    "IFG": (48.0, 24.0, 8.0, 12.0),
    "SMA": (0.0, 6.0, 60.0, 12.0),
    "dlPFC": (40.0, 34.0, 30.0, 12.0),
}
# only where something is planted in it
SAVORING_REGION = {"rACC": (0.0, 36.0, 12.0, 10.0)}
# % BOLD at the peak of a long block, in the order of CELLS: iHUD, HC
AMPLITUDES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "ventral striatum": ((0.8, 0.4, 0.0, 0.8, 0.4), (0.2, 0.4, 0.0, 0.2, 0.4)),
    "OFC": ((0.5, 0.3, 0.0, 0.5, 0.3), (0.2, 0.3, 0.0, 0.2, 0.3)),
    "vmPFC": ((0.3, 0.3, 0.0, 0.3, 0.3), (0.3, 0.3, 0.0, 0.3, 0.3)),
    "IFG": ((0.6, 0.1, 0.0, 1.2, 0.6), (0.1, 0.1, 0.0, 0.7, 0.6)),
    "SMA": ((0.1, 0.1, 0.0, 0.8, 0.7), (0.1, 0.1, 0.0, 0.8, 0.7)),
    "dlPFC": ((0.1, 0.1, 0.0, 0.7, 0.5), (0.1, 0.1, 0.0, 0.7, 0.5)),
}
# where iHUD respond less to food (looked at or savored) and to neutral pictures
LESS_REGIONS = ("ventral striatum", "OFC", "IFG")
SECOND_SESSION_SHARE, DROP_OUT = 0.6, 0.2
WEEKS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A participant; craving 0-9 before and after the task in each session attended."""

    participant: str
    group: str
    sex: str
    age_years: int
    bdi: int
    days_abstinent: int | None
    craving: tuple[tuple[int, int], ...]

    @property
    def sessions(self) -> int:
        """Sessions attended."""
        return len(self.craving)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Sizes of what is planted; names of `simulation.sizes`.

    `person_sd`, `cell_sd`: SD between people, % BOLD, of what is common to all cells and of each cell; `less_food`,
    `less_neutral`: % BOLD by which iHUD respond less; the others: correlation within iHUD. Assumed: group differences
    of d = 0.9 (OFC) to 1.5, as large as strong effects between groups are; `after_r` is near the r² = .47 of the
    article's preprint. Release 0.1.0 planted `person_sd` .25, `cell_sd` .15, `after_r` .7, and 0 for all others.
    """

    person_sd: float = 0.4
    cell_sd: float = 0.35
    less_food: float = 0.15
    less_neutral: float = 0.15
    after_r: float = 0.7
    before_r: float = 0.5
    control_r: float = -0.5
    treatment_r: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what cannot be planted.

        Raises:
            StudyError: a negative SD, a correlation beyond 1.
        """
        faults = [
            f"{name}: {getattr(self, name):g}; expected more than 0"
            for name in ("person_sd", "cell_sd")
            if getattr(self, name) <= 0
        ]
        names = [name for name in self.__dataclass_fields__ if name.endswith("_r") and abs(getattr(self, name)) >= 1]
        faults += [f"{name}: {getattr(self, name):g}; expected a correlation between -1 and 1" for name in names]
        if faults:
            raise StudyError([f"simulation.sizes.{fault}" for fault in faults])

    @property
    def regions(self) -> dict[str, tuple[float, float, float, float]]:
        """Places of the regions in which something is planted."""
        return REGIONS | (SAVORING_REGION if self.treatment_r else {})

    def means(self) -> Float[Array, "region group=2 cell"]:
        """Return the planted means of session 1, % BOLD."""
        less = np.array([0.0, self.less_food, self.less_neutral, 0.0, self.less_food])
        means = np.zeros((len(self.regions), len(GROUPS), len(CELLS)))
        for place, name in enumerate(REGIONS):
            means[place] = AMPLITUDES[name]
            if name in LESS_REGIONS:
                means[place, 0] -= less
        return means


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """A correlation in iHUD: of the response of a region to a cell with a number of a person in a session."""

    size: str
    region: str
    cell: str
    number: Callable[[Person, int], float]
    what: str


SLOPES = (
    Slope(
        size="after_r",
        region="vmPFC",
        cell="look_drug",
        number=lambda person, session: person.craving[session][1],
        what="craving after the task",
    ),
    Slope(
        size="before_r",
        region="ventral striatum",
        cell="reappraise_drug",
        number=lambda person, session: person.craving[session][0],
        what="craving before the task",
    ),
    *(
        Slope(
            size="control_r",
            region=region,
            cell="reappraise_drug",
            number=lambda person, session: person.craving[session][1],
            what="craving after the task",
        )
        for region in ("IFG", "dlPFC")
    ),
    Slope(
        size="treatment_r",
        region="rACC",
        cell="savor_food",
        number=lambda person, session: (person.days_abstinent or 0) + 7 * WEEKS * session,
        what="days of abstinence",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class People:
    """Everyone, and what is planted in each: % BOLD, NaN in sessions not attended.

    `means` is what the groups have in session 1; `slopes` the change of the response for one unit of the number.
    """

    people: tuple[Person, ...]
    regions: Mapping[str, tuple[float, float, float, float]]
    means: Float[Array, "region group=2 cell"]
    responses: Float[Array, "person session=2 region cell"]
    slopes: tuple[tuple[Slope, float], ...]


def plan_people(hypothesis: str, rng: np.random.Generator, *, sizes: Sizes = Sizes()) -> People:
    """Draw participants and their responses.

    Raises:
        StudyError: no such hypothesis.
    """
    if hypothesis not in HYPOTHESES:
        raise StudyError(f"hypothesis '{hypothesis}' is unknown; expected one of: {', '.join(HYPOTHESES)}")
    planted = hypothesis == "reactivity"
    people = tuple(_person(number, rng) for number in range(sum(N_SUBJECTS)))
    regions, means = list(sizes.regions), sizes.means() * planted
    leaning = [(slope, float(getattr(sizes, slope.size)), _center(people, slope)) for slope in SLOPES]
    leaning = [(slope, r, center) for slope, r, center in leaning if planted and r]
    responses = np.full((len(people), 2, len(regions), len(CELLS)), np.nan)
    for row, person in enumerate(people):
        group = GROUPS.index(person.group)
        deviations = sizes.person_sd * rng.standard_normal((len(regions), 1))
        for session in range(person.sessions):
            recovers = session and person.group == "iHUD"
            drug = np.array([SECOND_SESSION_SHARE if recovers and "drug" in cell else 1.0 for cell in CELLS])
            cells = (
                means[:, group] * drug + deviations + sizes.cell_sd * rng.standard_normal((len(regions), len(CELLS)))
            )
            for slope, r, (middle, sd) in leaning if person.group == "iHUD" else ():
                place = regions.index(slope.region), CELLS.index(slope.cell)
                mean = means[place[0], group, place[1]] * drug[place[1]]
                # the slope takes the place of as much of the spread
                cells[place] = mean + np.sqrt(1 - r**2) * (cells[place] - mean)
                cells[place] += r * _spread(sizes) / sd * (slope.number(person, session) - middle)
            responses[row, session] = cells
    return People(
        people=people,
        regions=sizes.regions,
        means=means,
        responses=responses,
        slopes=tuple((slope, r * _spread(sizes) / sd) for slope, r, (_, sd) in leaning),
    )


def _spread(sizes: Sizes) -> float:
    return float(np.hypot(sizes.person_sd, sizes.cell_sd))


def _center(people: tuple[Person, ...], slope: Slope) -> tuple[float, float]:
    """Return mean and SD of a number over the patients in session 1."""
    numbers = np.array([slope.number(person, 0) for person in people if person.group == "iHUD"], float)
    return float(numbers.mean()), float(numbers.std(ddof=1))


def _person(number: int, rng: np.random.Generator) -> Person:
    patient = number < N_SUBJECTS[0]
    within = number if patient else number - N_SUBJECTS[0]
    age, spread = (40.3, 8.8) if patient else (40.6, 10.8)
    stays = bool(rng.random() >= DROP_OUT)
    craving = []
    for session in range(2 if stays else 1):
        before = int(np.clip(rng.normal(3.5 - 1.5 * session if patient else 0.2, 2.0 if patient else 0.4), 0, 9))
        craving.append((before, int(np.clip(before + rng.normal(0.8 if patient else 0.0, 1.5), 0, 9))))
    return Person(
        participant=f"sub-{GROUPS[0] if patient else GROUPS[1]}{within + 1:02d}",
        group=GROUPS[0] if patient else GROUPS[1],
        sex="F" if within < N_WOMEN[0 if patient else 1] else "M",
        age_years=int(np.clip(rng.normal(age, spread), 18, 65)),
        bdi=int(np.clip(rng.normal(14 if patient else 4, 7 if patient else 3), 0, 63)),
        days_abstinent=int(np.clip(rng.lognormal(5.0, 0.6), 14, 1500)) if patient else None,
        craving=tuple(craving),
    )
