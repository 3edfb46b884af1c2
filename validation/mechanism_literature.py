"""What the mechanism's animals do in the experiments of other articles, which set none of its numbers by a fit.

    python validation/mechanism_literature.py [ANIMALS]

One row per signature: what was published, what ANIMALS simulated animals do (mean), and whether the direction holds.
"""

import sys
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import expm

from cuecircuit.generators import animal_kernel as kernel
from cuecircuit.generators.animal_kernel import REST_S, STEP_S, Rule
from cuecircuit.generators.animals import body_of, drug_flows, peak_level, set_point_course
from cuecircuit.generators.parameters import draw_parameters

_DAY_S = 86_400


@dataclass
class Animal:
    """One animal outside any study file: a day at a time."""

    own: dict[str, float]
    rng: np.random.Generator
    state: np.ndarray = field(default_factory=lambda: np.zeros(kernel.STATES))

    def __post_init__(self) -> None:
        self.step, self.minute = (expm(drug_flows(self.own) * seconds) for seconds in (STEP_S, REST_S))
        self.peak = peak_level(self.step)
        self.state[kernel.OUTCOME] = 1.0
        self.wander = iter(set_point_course(self.own, 400, self.rng))

    def day(
        self,
        hours: float,
        *,
        unit: float = 0.06,
        rewarded: bool = True,
        odor: tuple[int, int] | None = None,
        value: float = 0.0,
        naloxone: float = 0.0,
        medicine: float = 0.0,
        efficacy: float = 0.0,
        **changed: float,
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Live a session and the rest of its day; presses, infusions (s), peak of withdrawal in the odor's time."""
        body = body_of(self.own | changed, unit * self.peak, float(np.exp(next(self.wander))))
        seconds = round(3600 * hours)
        on, off = (60 * odor[0], 60 * odor[1]) if odor else (0, seconds)
        rule = Rule(
            live=seconds,
            rewarded=rewarded,
            infusion_mg_kg=unit,
            timeout=20,
            injection=on if naloxone else -1,
            naloxone_mg_kg=naloxone,
            odor_on=on,
            odor_off=off,
            odor_value=value,
            medicine=medicine,
            efficacy=efficacy,
        )
        uniform = self.rng.random(seconds // STEP_S)
        active, infusion, _, outcome = kernel.live_session(self.state, body, rule, self.step, uniform)
        kernel.rest(self.state, body, self.minute, (_DAY_S - seconds) // REST_S, medicine, efficacy)
        return active, infusion, float(outcome[1])


def animals(number: int, hours: float, days: int, seed: int) -> list[Animal]:
    drawn = draw_parameters(number, {}, np.random.default_rng(seed))
    herd = [
        Animal({name: float(values[k]) for name, values in drawn.items()}, np.random.default_rng([seed, k]))
        for k in range(number)
    ]
    for one in herd:
        for _ in range(days):
            one.day(hours)
    return herd


def again(one: Animal, seed: int = 0) -> Animal:
    """The same animal, to try something that it must not remember."""
    return Animal(one.own, np.random.default_rng(seed), one.state.copy())


def counted(herd: list[Animal], *, first_min: float = 0, last_min: float = np.inf, **how) -> float:
    """Mean infusions, or presses where the drug is withheld, in a part of one more session."""
    found = []
    for number, one in enumerate(herd):
        active, infusion, _ = again(one, number).day(**how)
        times = (infusion if how.get("rewarded", True) else active) / 60
        found.append(((times >= first_min) & (times < last_min)).sum())
    return float(np.mean(found))


def row(source: str, published: str, found: str, met: bool) -> None:
    print(f"{source:28}| {published:58}| {found:70}| {'met' if met else 'NOT MET'}", flush=True)


def access(number: int) -> None:
    last, ratio = {}, {}
    for hours in (1, 6, 12, 23):
        totals = np.array([[len(one.day(hours)[1]) for _ in range(14)] for one in animals(number, hours, 0, 1)])
        last[hours], ratio[hours] = totals[:, -3:].mean(), totals[:, -3:].mean() / totals[:, :3].mean()
    shown = ", ".join(f"{hours} h {ratio[hours]:.2f}" for hours in ratio)
    met = ratio[1] < 1.15 < ratio[12] and ratio[6] < ratio[12] and ratio[23] > 1.15
    row(
        "Vendruscolo et al. 2011",
        "intake rises with 12 and 23 h, little with 6, not with 1",
        f"last/first 3: {shown}",
        met,
    )
    met = 0.8 < last[23] / last[12] < 1.25
    row("Vendruscolo et al. 2011", "totals of 12 and 23 h alike", f"{last[12]:.0f} and {last[23]:.0f}", met)


def extinction(number: int) -> None:
    sums = []
    for hours in (1, 11):
        herd = animals(number, hours, 18, 2)
        sums.append(np.mean([sum(len(one.day(1, rewarded=False)[0]) for _ in range(10)) for one in herd]))
    row(
        "Ahmed et al. 2000",
        "11 h extinguish later than 1 h",
        f"presses {sums[1]:.0f} and {sums[0]:.0f}",
        sums[1] > 1.2 * sums[0],
    )


def antagonist(number: int) -> None:
    doses = (0.0, 0.003, 0.01, 0.03, 0.12, 0.4, 2.0, 10.0)
    for name, herd, published in (
        ("non-dependent", animals(number, 3, 10, 3), "naloxone raises intake at 10, 30 µg/kg"),
        ("dependent", animals(number, 12, 14, 3), "raises at 10, lowers at 30 µg/kg"),
    ):
        course = [counted(herd, hours=3, odor=(0, 180), naloxone=dose) for dose in doses]
        met = course[2] > course[0] and (course[3] > course[0] if name == "non-dependent" else course[3] < course[0])
        row("Carrera et al. 1999", f"{name}: {published}", " ".join(f"{c:.1f}" for c in course), met)


def unit_dose(number: int) -> None:
    herd, doses = animals(number, 3, 5, 4), (0.03, 0.06, 0.1, 0.3)
    course = [counted(herd, hours=3, unit=dose) for dose in doses]
    intake = [dose * count for dose, count in zip(doses, course, strict=True)]
    met = bool((np.diff(course) < 0).all() and (np.diff(intake) > 0).all())
    row(
        "Dai et al. 1989",
        "infusions fall, intake rises with .03 to .3 mg/kg",
        " ".join(f"{c:.1f}" for c in course),
        met,
    )


def stress_antagonist(number: int) -> None:
    parts = {}
    for hours in (1, 12):
        herd = animals(number, hours, 14, 5)
        parts[hours] = [counted(herd, hours=hours, felt=felt) for felt in (1.0, 0.3)]
    met = parts[12][1] < 0.85 * parts[12][0] and parts[1][1] > 0.85 * parts[1][0]
    found = f"12 h {parts[12][0]:.1f} to {parts[12][1]:.1f}; 1 h {parts[1][0]:.1f} to {parts[1][1]:.1f}"
    row("Greenwell et al. 2009", "CRF1 antagonist lowers long access, not short", found, met)


def rest_days(number: int) -> None:
    herd, course, left = animals(number, 12, 14, 6), [], []
    for days in (1, 3, 7, 14, 28):
        kept = [again(one, number) for number, one in enumerate(herd)]
        for one in kept:
            for _ in range(days - 1):
                one.day(0)
        left.append(np.mean([one.state[kernel.STRENGTH] for one in kept]))
        course.append(counted(kept, hours=1, rewarded=False))
    found = f"presses {' '.join(f'{c:.0f}' for c in course)}; strength {left[0]:.2f} to {left[-1]:.2f}"
    row("Shalev et al. 2001", "seeking grows over 6 to 25 days (incubation)", found, max(course[1:4]) > course[0])


def medicines(number: int) -> None:
    """Five days of a medicine in animals of long access after pairings; odor seeking 12 h after a session."""
    named = {
        "none": {},
        "methadone (.6 K, 1)": {"medicine": 0.6, "efficacy": 1.0},
        "buprenorphine (3 K, .4)": {"medicine": 3.0, "efficacy": 0.4},
        "naltrexone (3 K, 0)": {"medicine": 3.0, "efficacy": 0.0},
        "CRF1 antagonist (felt .3)": {"felt": 0.3},
    }
    herd = animals(number, 12, 14, 7)
    values = []
    for one in herd:
        value = 0.0
        for pairing in range(8):
            _, _, peak = one.day(12, odor=(30, 60), naloxone=0.12 * (pairing % 2), value=value * (pairing % 2))
            value += 0.3 * (peak - value) * (pairing % 2)
        values.append(value)
    for name, how in named.items():
        intake, seeking = [], [[], []]
        for k, (one, value) in enumerate(zip(herd, values, strict=True)):
            treated = again(one, k)
            intake.append([len(treated.day(12, **how)[1]) for _ in range(5)])
            for place, own in enumerate((0.0, value)):
                active, *_ = again(treated, k).day(1, rewarded=False, odor=(0, 30), value=own, **how)
                seeking[place].append((active < 1800).sum())
        first, last = np.mean(intake, axis=0)[[0, -1]]
        plain, conditioned = np.mean(seeking, axis=1)
        found = f"infusions {first:.0f}, day 5 {last:.0f}; presses {plain:.1f}, with the odor {conditioned:.1f}"
        print(f"{name:28}| {found}", flush=True)


def main(number: int) -> None:
    for experiment in (access, extinction, antagonist, unit_dose, stress_antagonist, rest_days):
        experiment(number)
    print(
        "\nA prediction, not a signature: long access, 14 days, four pairings with naloxone, then a medicine for 5 days"
    )
    medicines(number)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
