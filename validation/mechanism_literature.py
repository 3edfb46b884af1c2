"""What the mechanism's animals do in the experiments of other articles, which set none of its numbers by a fit.

    python validation/mechanism_literature.py [ANIMALS]

One row per signature: what was published, what ANIMALS simulated animals do (mean), and whether the direction holds.
"""

import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np

from cuecircuit.generators import animal_kernel as kernel
from cuecircuit.generators.animals import Animal, LivedSession, set_point_course
from cuecircuit.generators.parameters import draw_parameters
from cuecircuit.generators.pharmacology import chemistry
from cuecircuit.generators.protocol import Injection, PlannedSession, ratios_of
from cuecircuit.generators.readouts import is_overdose
from cuecircuit.study.experiment import Phase

_DAY_S = 86_400
_DRUGS = ("heroin", "fentanyl", "methadone", "buprenorphine", "naloxone", "naltrexone", "crf1_antagonist")
SESSION = PlannedSession(
    date=1,
    phase="",
    treatment="",
    day=1,
    seconds=0,
    shortest_s=0,
    drug="heroin",
    dose_mg_kg=0.06,
    ratios=(1,),
    shock_ma=0.0,
    cue=None,
    window_s=None,
    context="box",
    injections=(),
)


@dataclass
class Rat:
    """One animal outside any study file: a day at a time."""

    animal: Animal
    rng: np.random.Generator

    def __post_init__(self) -> None:
        self.wander = iter(set_point_course(self.animal.own, 400, self.rng))

    def day(self, hours: float, **changed) -> LivedSession:
        """Live a session, other than `SESSION` in what is named, and the rest of its day."""
        plan = replace(SESSION, seconds=round(3600 * hours), **changed)
        before = self.animal.now
        self.animal.unit = self.animal.unit or SESSION.dose_mg_kg * self.animal.peaks["heroin"]
        lived = self.animal.live_session(plan, float(np.exp(next(self.wander))), self.rng)
        self.animal.rest_until(before + _DAY_S)
        return lived

    def again(self, seed: int = 0) -> "Rat":
        """The same animal, to try something that it must not remember."""
        return Rat(deepcopy(self.animal), np.random.default_rng(seed))


def animals(number: int, hours: float, days: int, seed: int, **parameters: float) -> list[Rat]:
    drawn = draw_parameters(number, parameters, np.random.default_rng(seed))
    herd = []
    for k in range(number):
        own = {name: float(values[k]) for name, values in drawn.items()}
        herd.append(Rat(Animal(own=own, chemistry=chemistry(_DRUGS, own)), np.random.default_rng([seed, k])))
    for one in herd:
        for _ in range(days):
            one.day(hours)
    return herd


def injected(drug: str, dose_mg_kg: float, second: int = 0) -> tuple[Injection, ...]:
    return (Injection(second=second, drug=drug, dose_mg_kg=dose_mg_kg),) if dose_mg_kg else ()


def counted(herd: list[Rat], *, hours: float, **how) -> float:
    """Mean infusions, or presses where the drug is withheld, of one more session."""
    lived = [one.again(number).day(hours, **how) for number, one in enumerate(herd)]
    return float(np.mean([len(one.active if how.get("drug", "") is None else one.infusion) for one in lived]))


@dataclass(frozen=True)
class Signature:
    """What was published, what simulated animals do, and whether the direction holds."""

    source: str
    published: str
    simulated: str
    met: bool


def access(number: int, **numbers: float) -> Iterator[Signature]:
    last, ratio = {}, {}
    for hours in (1, 6, 12, 23):
        totals = np.array(
            [[len(one.day(hours).infusion) for _ in range(14)] for one in animals(number, hours, 0, 1, **numbers)]
        )
        last[hours], ratio[hours] = totals[:, -3:].mean(), totals[:, -3:].mean() / totals[:, :3].mean()
    shown = ", ".join(f"{hours} h {ratio[hours]:.2f}" for hours in ratio)
    met = ratio[1] < 1.15 < ratio[12] and ratio[6] < ratio[12] and ratio[23] > 1.15
    yield Signature(
        "Vendruscolo et al. 2011",
        "intake rises with 12 and 23 h, little with 6, not with 1",
        f"last/first 3: {shown}",
        met,
    )
    met = 0.8 < last[23] / last[12] < 1.25
    yield Signature("Vendruscolo et al. 2011", "totals of 12 and 23 h alike", f"{last[12]:.0f} and {last[23]:.0f}", met)


def extinction(number: int, **numbers: float) -> Iterator[Signature]:
    sums = []
    for hours in (1, 11):
        herd = animals(number, hours, 18, 2, **numbers)
        sums.append(np.mean([sum(len(one.day(1, drug=None).active) for _ in range(10)) for one in herd]))
    yield Signature(
        "Ahmed et al. 2000",
        "11 h extinguish later than 1 h",
        f"presses {sums[1]:.0f} and {sums[0]:.0f}",
        sums[1] > 1.2 * sums[0],
    )


def antagonist(number: int, **numbers: float) -> Iterator[Signature]:
    doses = (0.0, 0.003, 0.01, 0.03, 0.12, 0.4, 2.0, 10.0)
    for name, herd, published in (
        ("non-dependent", animals(number, 3, 10, 3, **numbers), "naloxone raises intake at 10, 30 µg/kg"),
        ("dependent", animals(number, 12, 14, 3, **numbers), "raises at 10, lowers at 30 µg/kg"),
    ):
        course = [counted(herd, hours=3, injections=injected("naloxone", dose)) for dose in doses]
        met = course[2] > course[0] and (course[3] > course[0] if name == "non-dependent" else course[3] < course[0])
        yield Signature("Carrera et al. 1999", f"{name}: {published}", " ".join(f"{c:.1f}" for c in course), met)


def unit_dose(number: int, **numbers: float) -> Iterator[Signature]:
    herd, doses = animals(number, 3, 5, 4, **numbers), (0.03, 0.06, 0.1, 0.3)
    course = [counted(herd, hours=3, dose_mg_kg=dose) for dose in doses]
    intake = [dose * count for dose, count in zip(doses, course, strict=True)]
    met = bool((np.diff(course) < 0).all() and (np.diff(intake) > 0).all())
    yield Signature(
        "Dai et al. 1989",
        "infusions fall, intake rises with .03 to .3 mg/kg",
        " ".join(f"{c:.1f}" for c in course),
        met,
    )


def stress_antagonist(number: int, **numbers: float) -> Iterator[Signature]:
    parts = {}
    for hours in (1, 12):
        herd = animals(number, hours, 14, 5, **numbers)
        parts[hours] = [
            counted(herd, hours=hours, injections=injected("crf1_antagonist", dose)) for dose in (0.0, 10.0, 20.0)
        ]
    met = parts[12][2] < 0.85 * parts[12][0] and parts[1][2] > 0.85 * parts[1][0]
    found = "; ".join(f"{hours} h {' '.join(f'{c:.1f}' for c in own)}" for hours, own in parts.items())
    yield Signature("Greenwell et al. 2009", "CRF1 antagonist (10, 20 mg/kg) lowers long access, not short", found, met)


def rest_days(number: int, **numbers: float) -> Iterator[Signature]:
    for name, parameters in (("full model", {}), ("incubation: 0", {"incubation": 0.0})):
        herd, course = animals(number, 9, 10, 6, **(numbers | parameters)), []
        for days in (1, 6, 12, 25, 66):
            kept = [one.again(number) for number, one in enumerate(herd)]
            for one in kept:
                one.animal.rest_until(one.animal.now + (days - 1) * _DAY_S)
            course.append(counted(kept, hours=1, drug=None))
        found = f"presses {' '.join(f'{c:.0f}' for c in course)}"
        met = max(course[1:4]) > 1.1 * course[0] and course[4] < max(course[1:4])
        yield Signature("Shalev et al. 2001", f"inverted U over 1, 6, 12, 25, 66 days; {name}", found, met)


def progressive_ratio(number: int, **numbers: float) -> Iterator[Signature]:
    herd, doses = animals(number, 3, 5, 8, **numbers), (0.0125, 0.025, 0.05, 0.1)
    costs = ratios_of(Phase(kind="progressive_ratio", days=1, experiment="PR"))
    course = [counted(herd, hours=3, dose_mg_kg=dose, ratios=costs) for dose in doses]
    blocked = counted(herd, hours=3, dose_mg_kg=0.05, ratios=costs, injections=injected("naltrexone", 0.4))
    found = f"deliveries {' '.join(f'{c:.1f}' for c in course)}; naltrexone at 50: {blocked:.1f}"
    met = int(np.argmax(course)) == 2 and blocked < course[2]
    yield Signature(
        "Psychopharmacology 1993", "inverted U over 12.5 to 100 µg, best 50; naltrexone .4 lowers", found, met
    )


def breathing(number: int, **numbers: float) -> Iterator[Signature]:
    naive = animals(number, 1, 0, 9, **numbers)
    for drug, doses, published in (
        ("heroin", (0.3, 0.6, 1.2), "heroin .3 to 1.2 mg/kg: to about 50 %, up to 50 min"),
        ("fentanyl", (0.012, 0.025, 0.05), "fentanyl 12 to 50 µg/kg: to about 60 %, 10 to 15 min"),
        ("buprenorphine", (0.1, 1.0, 10.0), "buprenorphine levels off at about 50 % (people: Dahan 2005)"),
    ):
        lived = [[one.again().day(2, drug=None, injections=injected(drug, d)).record for one in naive] for d in doses]
        ventilation = 100 * np.array(lived)[..., kernel.RECORD.index("ventilation")]
        course, minutes = ventilation.min(axis=2).mean(axis=1), (ventilation < 80).sum(axis=2).mean(axis=1)
        found = " ".join(f"{c:.0f}" for c in course) + " %, below 80 % for " + " ".join(f"{m:.0f}" for m in minutes)
        yield Signature("Marchette et al. 2023", published, f"{found} min", 35 < course[1] < 70)


def overdose(number: int, **numbers: float) -> Iterator[Signature]:
    shares = {}
    for name, days, place, rest in (
        ("naive", 0, "else", 0),
        ("same", 12, "box", 0),
        ("other", 12, "else", 0),
        ("same, 28 d", 12, "box", 28),
        ("other, 28 d", 12, "else", 28),
    ):
        herd = animals(number, 6, days, 10, **numbers)
        for one in herd:
            one.animal.rest_until(one.animal.now + rest * _DAY_S)
        how = {"drug": None, "context": place, "injections": injected("heroin", 5.0)}
        records = [one.again(k).day(1, **how).record for k, one in enumerate(herd)]
        shares[name] = np.mean([is_overdose(own[:, kernel.RECORD.index("ventilation")]) for own in records])
    found = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    met = shares["same"] < shares["other"] < shares["naive"]
    yield Signature("Siegel et al. 1982", "more die in another place than in the same, most of all naive", found, met)


def medicines(number: int) -> None:
    """Five days of a medicine by pump in animals of long access after pairings; seeking in the odor."""
    named = {
        "none": {},
        "methadone 10 mg/kg a day": {"methadone": 10.0},
        "buprenorphine .6 mg/kg a day": {"buprenorphine": 0.6},
        "naltrexone .2 mg/kg a day": {"naltrexone": 0.2},
        "CRF1 antagonist 20 mg/kg a day": {"crf1_antagonist": 20.0},
    }
    herd = animals(number, 12, 14, 7)
    for one in herd:
        for pairing in range(8):
            dose = injected("naloxone", 0.12 * (pairing % 2), 1800)
            one.day(12, cue=pairing % 2, window_s=(1800, 3600), injections=dose)
    for name, pumps in named.items():
        intake, seeking = [], [[], []]
        for k, one in enumerate(herd):
            treated = one.again(k)
            treated.animal.set_pumps(pumps)
            intake.append([len(treated.day(12).infusion) for _ in range(5)])
            for cue in (0, 1):
                seeking[cue].append(len(treated.again(k).day(0.5, drug=None, cue=cue).active))
        first, last = np.mean(intake, axis=0)[[0, -1]]
        plain, conditioned = np.mean(seeking, axis=1)
        found = (
            f"infusions {first:.0f}, day 5 {last:.0f}; presses {plain:.1f}, in the odor of naloxone {conditioned:.1f}"
        )
        print(f"{name:32}| {found}", flush=True)


EXPERIMENTS = (
    access,
    extinction,
    antagonist,
    unit_dose,
    stress_antagonist,
    progressive_ratio,
    breathing,
    overdose,
    rest_days,
)


def signatures(number: int, **numbers: float) -> Iterator[Signature]:
    """Yield every signature for that many animals, with medians that differ from the table."""
    for experiment in EXPERIMENTS:
        yield from experiment(number, **numbers)


def main(number: int) -> None:
    for one in signatures(number):
        verdict = "met" if one.met else "NOT MET"
        print(f"{one.source:28}| {one.published:58}| {one.simulated:70}| {verdict}", flush=True)
    print(
        "\nA prediction, not a signature: long access, 14 days, four pairings with naloxone, then a medicine for 5 days"
    )
    medicines(number)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
