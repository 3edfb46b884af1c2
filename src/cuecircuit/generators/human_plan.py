"""Who takes part in the simulated human study, what they are shown, and what is planted in their brains.

The design follows Huang et al. 2023 (Am J Psychiatry, doi:10.1176/appi.ajp.20220759): 32 inpatients with heroin use
disorder (iHUD, 7 women) and 21 controls (HC, 8 women) look at drug, food and neutral pictures, reappraise drug pictures
and savor food pictures; who stays is scanned again after 15 weeks. The article states directions, not sizes: every
amplitude, spread, position and time below is assumed. Planted directions:

- ventral striatum, OFC: look-drug > look-neutral, more in iHUD; IFG: look-drug > look-food, more in iHUD;
- IFG, SMA, dlPFC: reappraise > look and savor > look, equally in both groups (no group difference in either strategy);
- ventral striatum: reappraise-drug − savor-food is above 0 in iHUD and below in HC, for want of drug reactivity there;
- vmPFC: the response to look-drug rises with craving after the task, in iHUD alone.

A person's response is the cell's mean + a deviation common to all cells + one of each cell; slope and noise are in
`truth/`. In session 2 iHUD have a share of the drug reactivity of session 1 (controls all of theirs), and a slope on
the craving of that session.
"""

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
# % BOLD at the peak of a long block, in the order of CELLS: iHUD, HC
AMPLITUDES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "ventral striatum": ((0.8, 0.4, 0.0, 0.8, 0.4), (0.2, 0.4, 0.0, 0.2, 0.4)),
    "OFC": ((0.5, 0.3, 0.0, 0.5, 0.3), (0.2, 0.3, 0.0, 0.2, 0.3)),
    "vmPFC": ((0.3, 0.3, 0.0, 0.3, 0.3), (0.3, 0.3, 0.0, 0.3, 0.3)),
    "IFG": ((0.6, 0.1, 0.0, 1.2, 0.6), (0.1, 0.1, 0.0, 0.7, 0.6)),
    "SMA": ((0.1, 0.1, 0.0, 0.8, 0.7), (0.1, 0.1, 0.0, 0.8, 0.7)),
    "dlPFC": ((0.1, 0.1, 0.0, 0.7, 0.5), (0.1, 0.1, 0.0, 0.7, 0.5)),
}
SD_COMMON, SD_CELL = 0.25, 0.15
SLOPE_REGION, SLOPE_CELL, SLOPE_R = "vmPFC", "look_drug", 0.7
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class People:
    """Everyone, and what is planted in each: % BOLD, NaN in sessions not attended."""

    people: tuple[Person, ...]
    responses: Float[Array, "person session=2 region cell"]
    slope: float


def plan_people(hypothesis: str, rng: np.random.Generator) -> People:
    """Draw participants and their responses.

    Raises:
        StudyError: no such hypothesis.
    """
    if hypothesis not in HYPOTHESES:
        raise StudyError(f"hypothesis '{hypothesis}' is unknown; expected one of: {', '.join(HYPOTHESES)}")
    people = tuple(_person(number, rng) for number in range(sum(N_SUBJECTS)))
    means = np.array([AMPLITUDES[name] for name in REGIONS]) * (hypothesis == "reactivity")
    spread = float(np.hypot(SD_COMMON, SD_CELL))
    place = list(REGIONS).index(SLOPE_REGION), CELLS.index(SLOPE_CELL)
    patients = [person for person in people if person.group == "iHUD"]
    after = np.array([person.craving[0][1] for person in patients], float)
    slope = SLOPE_R * spread / after.std(ddof=1) * (hypothesis == "reactivity")
    responses = np.full((len(people), 2, len(REGIONS), len(CELLS)), np.nan)
    for row, person in enumerate(people):
        group = GROUPS.index(person.group)
        own = SD_COMMON * rng.standard_normal((len(REGIONS), 1))
        for session in range(person.sessions):
            recovers = session and person.group == "iHUD"
            drug = np.array([SECOND_SESSION_SHARE if recovers and "drug" in cell else 1.0 for cell in CELLS])
            cells = means[:, group] * drug + own + SD_CELL * rng.standard_normal((len(REGIONS), len(CELLS)))
            if person.group == "iHUD" and slope:
                middle = means[place[0], group, place[1]] * drug[place[1]]
                # the slope takes the place of as much of the spread
                cells[place] = middle + np.sqrt(1 - SLOPE_R**2) * (cells[place] - middle)
                cells[place] += slope * (person.craving[session][1] - after.mean())
            responses[row, session] = cells
    return People(people=people, responses=responses, slope=float(slope))


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
