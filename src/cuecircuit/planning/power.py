"""What a plan finds: power and precision of every test over sizes, and the smallest size that is enough."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.io.tables import column_notes
from cuecircuit.planning.multiples import MULTIPLES
from cuecircuit.planning.outcomes import ANYWHERE, NETWORK
from cuecircuit.planning.voxels import Voxels
from cuecircuit.stats.simulated_power import shares, smallest_size
from cuecircuit.study.schema import Study
from cuecircuit.tables.study_files import StudyFiles

DRAWS, FEW_DRAWS, WANTED = 200, 50, 0.8
"""Drawn studies where nothing is asked, where maps are drawn or animals live, and power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """What is asked of a plan.

    `sizes`: subjects of every group ("12"), or of each ("11,10"); half to twice those of the study where none is
    named. `hypotheses`: names of sets of effects, power is wanted for the first; the study's first where none is
    named. `draws`: studies of each size and hypothesis; 0: `DRAWS`, of maps that are drawn and animals that live
    through the study `FEW_DRAWS`. `questions`: names; all where none is named. `effects`: a file in place of
    `simulation`. `multiples`: true effects of the first hypothesis as multiples of those stated, which are always among
    them. `stop`: the Bayes factor at which studies stop that look after each size, above 1. `smoothness`: of maps that
    are drawn voxel by voxel, FWHM in mm or a file `smoothness.tsv`; none are drawn where it is empty.
    """

    sizes: tuple[str, ...] = ()
    draws: int = 0
    power: float = WANTED
    hypotheses: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    effects: Path | None = None
    multiples: tuple[float, ...] = MULTIPLES
    stop: float | None = None
    smoothness: str = ""
    seed: int = 0


World = tuple[str, float]
"""What is true: a hypothesis, and its effects as a multiple of those that are stated."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What was drawn and found.

    `outcomes`: by hypothesis and multiple of its effects, a row for each size, draw and test. `truth`: by the same,
    what each question would find without noise. `reasons`: why a question is not planned. `stated_study`: the study as
    its file states it, with questions that are not planned, and on maps. `voxels`: where maps were drawn.
    """

    files: StudyFiles
    settings: PlanSettings
    sizes: tuple[Mapping[str, int], ...]
    outcomes: Mapping[World, pd.DataFrame]
    truth: Mapping[World, pd.DataFrame]
    reasons: Mapping[str, str]
    stated_study: Study
    voxels: Voxels | None = None

    @property
    def lived(self) -> bool:
        """Whether animals of the mechanism live through the studies, and no effects are stated."""
        assert self.files.study.simulation is not None
        return self.files.study.simulation.lived

    @property
    def totals(self) -> tuple[int, ...]:
        """Subjects of each design."""
        return tuple(sum(size.values()) for size in self.sizes)

    @property
    def hypothesis(self) -> str:
        """The hypothesis that power is wanted for."""
        return self.hypotheses[0]

    @property
    def hypotheses(self) -> tuple[str, ...]:
        """All hypotheses, in the order they were asked for."""
        return tuple(dict.fromkeys(name for name, _ in self.outcomes))

    @property
    def multiples(self) -> tuple[float, ...]:
        """Multiples of the effects of the first hypothesis, rising."""
        return tuple(sorted(multiple for name, multiple in self.outcomes if name == self.hypothesis))

    @property
    def stated(self) -> int:
        """The design nearest to the subjects of the file, as a place in `sizes`."""
        assert self.files.study.simulation is not None
        total = sum(self.files.study.simulation.n.values())
        return min(range(len(self.sizes)), key=lambda place: abs(self.totals[place] - total))


TEST = ["question", "kind", "level", "term"]
"""Columns that identify a test."""
POWER_NOTES = column_notes("power")
SMALLEST_NOTES = column_notes("smallest")


def power_table(plan: Plan) -> pd.DataFrame:
    """Return power, estimate and precision of every test in every design under every hypothesis."""
    parts = [
        _of_design(plan, world, size, rows[rows["size"] == size])
        for world, rows in plan.outcomes.items()
        for size in range(len(plan.sizes))
    ]
    return pd.concat(parts, ignore_index=True)[list(POWER_NOTES)]


def _of_design(plan: Plan, world: World, size: int, rows: pd.DataFrame) -> pd.DataFrame:
    questions = plan.files.study.questions
    alpha = rows["question"].map({name: asked.alpha for name, asked in questions.items()})
    networks = {name: getattr(question, "networks", None) for name, question in questions.items()}
    of_networks = {name: network.alpha for name, network in networks.items() if network is not None}
    alpha = alpha.where(rows["kind"] != NETWORK, rows["question"].map(of_networks))
    rows = rows.assign(alpha=alpha, found=rows["p"] <= alpha, tested=rows["p"].notna())
    grouped = rows.groupby(TEST, sort=False, dropna=False)
    table = grouped.agg(
        alpha=("alpha", "first"),
        found=("found", "sum"),
        tested=("tested", "sum"),
        estimate=("estimate", "mean"),
        sd=("estimate", "std"),
        ci_width=("width", "median"),
    ).reset_index()
    share = shares(table["found"].to_numpy(int), plan.settings.draws)
    table = table.assign(
        hypothesis=world[0],
        multiple=world[1],
        subjects=plan.totals[size],
        by_group=", ".join(f"{n} {group}" for group, n in plan.sizes[size].items()),
        draws=plan.settings.draws,
        untestable=plan.settings.draws - table["tested"],
        power=share.share,
        low=share.ci_low,
        high=share.ci_high,
    )
    return _with_truth(table, plan.truth[world])


def _with_truth(table: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    truth_of = {(one.question, one.level, one.effect): (one.planted, one.value) for one in truth.itertuples()}
    planted, true = [], []
    for one in table.itertuples():
        correlation = one.kind == "correlation"
        level, effect = str(one.level), "correlation" if correlation else one.term
        answer = truth_of.get((one.question, level, effect), ("unknown", np.nan))
        if level.endswith(ANYWHERE):
            planted_of = [truth_of[key][0] for key in truth_of if (key[0], key[2]) == (one.question, effect)]
            answer = next((yes for yes in ("yes", "unknown") if yes in planted_of), "no"), np.nan
        planted.append(answer[0])
        # the correlation that is planted is one of single rows, not of what is averaged
        true.append(np.nan if correlation else answer[1])
    table = table.assign(planted=planted, true=np.array(true, float))
    return table.assign(bias=table["estimate"] - table["true"])


def smallest_table(plan: Plan, power: pd.DataFrame) -> pd.DataFrame:
    """Return the fewest subjects for the wanted power, of every test and multiple of the effects."""
    stated = power[power["hypothesis"] == plan.hypothesis]
    enough, rows = plan.settings.power, []
    for names, test in stated.groupby([*TEST, "multiple"], sort=False):
        test = test.set_index("subjects").reindex(list(plan.totals)).fillna({"power": 0.0, "low": 0.0, "high": 0.0})
        size, high, low = (
            smallest_size(plan.totals, test[column].to_numpy(float), enough) for column in ("power", "low", "high")
        )
        numbers = {"subjects": size, "subjects_low": low, "subjects_high": high}
        rows.append(
            dict(zip([*TEST, "multiple"], names, strict=True))
            | {"wanted_power": enough}
            | {name: math.ceil(value) if math.isfinite(value) else np.nan for name, value in numbers.items()}
            | {"how": _how(plan.totals, size)}
        )
    return pd.DataFrame(rows, columns=list(SMALLEST_NOTES))


def _how(totals: Sequence[int], size: float) -> str:
    if size == math.inf:
        return f"not reached with {totals[-1]}"
    if size <= totals[0]:
        return f"reached by the smallest design drawn, {totals[0]}"
    above = next(total for total in totals if total >= size)
    return f"interpolated between {totals[totals.index(above) - 1]} and {above}"
