"""Animals that live through a program: every session of every animal, press by press.

Each animal has its own random streams, so that it lives the same life whoever else is simulated, on however many cores.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import expm

from cuecircuit.arrays import Array, Float
from cuecircuit.generators import animal_kernel as kernel
from cuecircuit.generators.animal_kernel import RECORD, REST_S, STEP_S, Body, Rule
from cuecircuit.generators.operant import TIMEOUT_S
from cuecircuit.generators.pharmacology import Chemistry, chemistry
from cuecircuit.generators.protocol import Injection, PlannedSession, Program

OUTCOMES = ("missing", "withdrawal")
"""What odors come to predict: a fall of the drug's effect, and withdrawal."""

_DAY_S = 86_400
# days over which craving rises and falls in abstinence: the peak is after 10 days; assumed
_RISE_DAYS, _FALL_DAYS = 4.0, 40.0
# every drug of the table has its peak before
_PEAK_WITHIN_MIN = 180
# parameters that the kernel takes as they are
_AS_THEY_ARE = (
    *("innate", "felt", "light", "aversion", "threshold", "noise", "patience", "pain", "learning", "ill_half"),
    *("unlearning", "disruption", "awake_share", "breath_half", "context_tolerance"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a hypothesis leaves out: the opponent process, learning, naloxone's block, different hours of access."""

    opponent: bool = True
    learning: bool = True
    naloxone: bool = True
    hours: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LivedSession:
    """One session; times in seconds; `record` has the columns of `animal_kernel.RECORD`, a row each minute."""

    plan: PlannedSession
    active: Float[Array, "active"]
    inactive: Float[Array, "inactive"]
    infusion: Float[Array, "infusion"]
    record: Float[Array, "minute 7"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Life:
    """An animal's sessions, the values of each odor after each of them, and what it brings to its scans.

    `scan_values` and `scan_strength` are the odors' values and the opponent process's strength on the day of the scans.
    """

    sessions: tuple[LivedSession, ...]
    values: Float[Array, "session outcome=2 odor"]
    scan_values: Float[Array, "outcome=2 odor"]
    scan_strength: float


@dataclass(slots=True, kw_only=True, eq=False)
class Animal:
    """One animal from second to second: what is in its body and its mind, and what odors and places mean to it.

    `now` counts seconds from the start of day 1; `clean_since` is when it last took a drug, None where it never has;
    `unit` what a delivery that it has come to know adds to its drug's level at its peak, over K.
    """

    own: Mapping[str, float]
    chemistry: Chemistry
    world: World = World()
    now: int = 0
    clean_since: int | None = None
    unit: float = 0.0
    amounts: Float[Array, "place"] = field(init=False)
    mind: Float[Array, "mind"] = field(init=False)
    odors: Float[Array, "outcome=2 odor"] = field(default_factory=lambda: np.zeros((2, 2)))
    places: dict[str, float] = field(default_factory=dict)
    pumps: dict[str, float] = field(default_factory=dict)
    step: Float[Array, "place place"] = field(init=False)
    minute: Float[Array, "place place"] = field(init=False)
    peaks: Mapping[str, float] = field(init=False)

    def __post_init__(self) -> None:
        """Begin without drugs, with a lever of which everything is expected."""
        self.amounts = np.zeros(len(self.chemistry.flows))
        self.amounts[0] = 1.0
        self.mind = np.zeros(kernel.MIND)
        self.mind[kernel.OUTCOME] = 1.0
        self.peaks = {drug: peak_level(self.chemistry, drug) for drug in self.chemistry.drugs}
        self.set_pumps({})

    def set_pumps(self, mg_kg_day: Mapping[str, float]) -> None:
        """Let these pumps run from now on, and no others."""
        self.pumps = dict(mg_kg_day)
        flows = self.chemistry.with_pumps(self.pumps)
        self.step, self.minute = expm(flows * STEP_S), expm(flows * REST_S)

    def rest_until(self, second: int) -> None:
        """Let time pass."""
        minutes = max(second - self.now, 0) // REST_S
        body = body_of(self.own, self.chemistry, world=self.world)
        kernel.rest(self.amounts, self.mind, body, self.minute, minutes)
        self.now += minutes * REST_S

    def inject(self, dose: Injection) -> None:
        """Add a dose at once."""
        if dose.drug != "naloxone" or self.world.naloxone:
            self.amounts[self.chemistry.entries[dose.drug]] += dose.dose_mg_kg

    def live_session(self, plan: PlannedSession, today: float, rng: np.random.Generator) -> LivedSession:
        """Take the animal through a session that starts now.

        Args:
            plan: of the session.
            today: set point of the day over the animal's own.
            rng: its source of chance.
        """
        if plan.drug in self.chemistry.drugs:
            self.unit = plan.dose_mg_kg * self.peaks[plan.drug]
        body = body_of(self.own, self.chemistry, today, self.world)
        rule = self._rule(plan)
        uniform = rng.random(plan.seconds // STEP_S)
        lived = kernel.live_session(self.amounts, self.mind, body, rule, self.step, uniform)
        active, infusion, record, outcome = lived
        inactive = np.flatnonzero(rng.random(plan.seconds) < self.own["inactive"] / 3600).astype(float)
        self.now += plan.seconds
        if rule.taken >= 0 and infusion.size:
            self.clean_since = self.now
        if self.world.learning:
            if plan.cue is not None:
                self.odors[:, plan.cue] += self.own["salience"] * (outcome - self.odors[:, plan.cue])
            place_learned = self.places.get(plan.context, 0.0)
            self.places[plan.context] = place_learned + self.own["salience"] * (
                float(record[:, RECORD.index("effect")].max()) - place_learned
            )
        return LivedSession(plan=plan, active=active, inactive=inactive, infusion=infusion, record=record)

    @property
    def incubated(self) -> float:
        """How far craving has grown over abstinence, over A; days of use have none."""
        days = 0.0 if self.clean_since is None else max((self.now - self.clean_since) / _DAY_S - 1, 0.0)
        return float(np.exp(-days / _FALL_DAYS) - np.exp(-days / _RISE_DAYS))

    def _rule(self, plan: PlannedSession) -> Rule:
        on, off = plan.window_s or (0, plan.seconds)
        shown = plan.cue is not None
        made = self.chemistry
        drug = plan.drug if plan.drug in made.drugs else None
        doses = [
            (one.second, made.entries[one.drug], one.dose_mg_kg)
            for one in plan.injections
            if one.second >= 0 and (one.drug != "naloxone" or self.world.naloxone)
        ]
        return Rule(
            # where hours of access must not differ, levers answer for the shortest of them only
            live=plan.seconds if self.world.hours else plan.shortest_s,
            delivers=plan.drug is not None,
            taken=-1 if drug is None else made.drugs.index(drug),
            entry=0 if drug is None else made.entries[drug],
            dose_mg_kg=plan.dose_mg_kg,
            unit=self.unit,
            timeout=round(TIMEOUT_S),
            ratios=np.array(plan.ratios, float),
            shock_ma=plan.shock_ma,
            doses=np.array(doses, float).reshape(-1, 3),
            odor_on=on if shown else plan.seconds,
            odor_off=off if shown else plan.seconds,
            odor_value=float(self.odors[OUTCOMES.index("withdrawal"), plan.cue]) if shown else 0.0,
            context_value=self.places.get(plan.context, 0.0),
            craving=self.own["incubation"] * self.incubated,
        )


def live(own: Mapping[str, float], program: Program, rng: np.random.Generator, *, world: World = World()) -> Life:
    """Take one animal through all days of a program.

    Args:
        own: its parameters.
        program: what it is taken through.
        rng: its source of chance.
        world: what is true.
    """
    animal = Animal(
        own=own,
        chemistry=chemistry(program.drugs, own, program.half_lives_min),
        world=world,
        odors=np.zeros((len(OUTCOMES), len(program.cues))),
    )
    first = next((plan for plan in program.sessions if plan.drug in program.drugs), None)
    if first is not None and first.drug is not None:
        animal.unit = first.dose_mg_kg * animal.peaks[first.drug]
    wander = iter(set_point_course(own, len(program.sessions), rng).tolist())
    sessions, values, scan = [], [], (animal.odors.copy(), 0.0)
    for second, _, what in timeline(program):
        animal.rest_until(second)
        match what:
            case PlannedSession():
                sessions.append(animal.live_session(what, float(np.exp(next(wander))), rng))
                values.append(animal.odors.copy())
            case Injection():
                animal.inject(what)
            case dict():
                animal.set_pumps(what)
            case None:
                scan = animal.odors.copy(), float(animal.mind[kernel.STRENGTH])
    return Life(sessions=tuple(sessions), values=np.array(values), scan_values=scan[0], scan_strength=scan[1])


def timeline(program: Program) -> list[tuple[int, int, PlannedSession | Injection | dict[str, float] | None]]:
    """Return what happens to an animal, by the second from the start of day 1: pumps, injections, scans, sessions.

    The number in the middle is the order of what happens at once; a mapping is pumps by mg/kg a day, None the scans.
    """
    happens: list[tuple[int, int, PlannedSession | Injection | dict[str, float] | None]] = []
    for date in {date for pump in program.pumps for date in (pump.first, pump.last + 1)}:
        running: dict[str, float] = {}
        for pump in program.pumps:
            if pump.first <= date <= pump.last:
                running[pump.drug] = running.get(pump.drug, 0.0) + pump.mg_kg_day
        happens.append(((date - 1) * _DAY_S, 0, running))
    if program.scan_date:
        happens.append(((program.scan_date - 1) * _DAY_S, 2, None))
    for plan in program.sessions:
        start = (plan.date - 1) * _DAY_S
        happens.append((start, 3, plan))
        happens += [(start + one.second, 1, one) for one in plan.injections if one.second < 0]
    return sorted(happens, key=lambda one: one[:2])


def peak_level(made: Chemistry, drug: str) -> float:
    """Compute the highest level at the receptors within hours of a bolus of 1 mg/kg, to a minute, over K."""
    ligand = made.ligands[made.drugs.index(drug)]
    minute = expm(made.flows * REST_S)
    level = np.zeros(len(minute))
    level[made.entries[drug]] = 1
    levels = [level := minute @ level for _ in range(_PEAK_WITHIN_MIN)]
    return float(max(one[int(ligand[0])] for one in levels) / ligand[1])


def body_of(
    own: Mapping[str, float],
    made: Chemistry,
    today: float = 1.0,
    world: World = World(),
) -> Body:
    """Return an animal's parameters on a day, in the units of the kernel.

    Args:
        own: its parameters, in the units of their table.
        made: its drugs.
        today: set point of the day over the animal's own.
        world: what is true.
    """
    hour, day = 3600.0, float(_DAY_S)
    return Body(
        ligands=made.ligands,
        opponent_gain=own["opponent_gain"] * world.opponent,
        opponent_s=own["opponent_hours"] * hour,
        growth_use=own["growth_use"] / day,
        growth_withdrawal=own["growth_withdrawal"] / day,
        loss=np.log(2) / (own["strength_half_life"] * day),
        set_point=own["set_point"] * today,
        fastest=own["fastest"] / 60,
        **{name: own[name] for name in _AS_THEY_ARE},
    )


def set_point_course(own: Mapping[str, float], days: int, rng: np.random.Generator) -> Float[Array, "day"]:
    """Logarithm of the day's set point over the animal's own: AR(1)."""
    memory, fresh = own["set_point_memory"], rng.standard_normal(days)
    path = np.empty(days)
    for day in range(days):
        path[day] = fresh[day] if day == 0 else memory * path[day - 1] + np.sqrt(1 - memory**2) * fresh[day]
    return own["set_point_day"] * path
