"""Which numbers of the mechanism the answers of its three designs hang on: Morris' elementary effects, by SALib.

    pip install SALib
    python validation/mechanism_sensitivity.py FOLDER [TRAJECTORIES]

Every number goes from half to twice the table's median on a log scale (those with a highest value up to it), all other
numbers with it (Morris 1991, Technometrics 33:161). μ* is the mean size of what one number changes over its range, in
units of the outcome; σ says how far that hangs on the other numbers. The same seed lives every study, so that chance is
alike in all. Written to FOLDER: `morris.tsv`, `morris.png`.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from SALib.analyze import morris as effects
from SALib.sample import morris as trajectories

from cuecircuit.figures.style import DOUBLE_MM, FAINT, INK, sheet, style
from cuecircuit.generators.parameters import PARAMETERS, draw_parameters
from cuecircuit.generators.readouts import read_out
from cuecircuit.nodes.designs import design_text
from cuecircuit.simulation.cohort import draw_cohort
from cuecircuit.simulation.columns import columns_of
from cuecircuit.simulation.lived import live_cohort
from cuecircuit.simulation.planting import stream
from cuecircuit.study.reading import parse_study

DESIGNS = ("medicines", "overdose", "incubation")
VARIED = (
    *("agonist_half", "opponent_gain", "opponent_hours", "innate", "growth_use", "growth_withdrawal"),
    *("strength_half_life", "felt", "set_point", "aversion", "threshold", "noise", "fastest", "learning", "ill_half"),
    *("unlearning", "salience", "incubation", "awake_share", "breath_half", "context_tolerance"),
)
_TABLE = {one.name: one for one in PARAMETERS}
_UNITS = {
    "odor lowers the state, no medicine": "1",
    "the same, mean of four medicines": "1",
    "overdose elsewhere less same place": "%",
    "overdose after rest less without": "%",
    "presses, day 12 less day 1": "presses",
    "presses, day 66 less day 12": "presses",
}


def outcomes(numbers: dict[str, float], seed: int = 1) -> dict[str, float]:
    """Return the answers of the three designs, each a difference between conditions or groups."""
    medicines, overdose, incubation = (readouts(name, numbers, seed) for name in DESIGNS)
    odor = medicines["aversive_odor_naloxone_odor"] - medicines["aversive_odor_saline_odor"]
    by_medicine = odor.groupby(medicines["group"]).mean()
    share = 100 * overdose.groupby("group")["overdose_challenge"].mean()
    presses = incubation.groupby("group")["presses"].mean()
    high = [name for name in by_medicine.index if name.endswith("_high")]
    values = (
        by_medicine["none"],
        by_medicine[high].mean(),
        share["other"] - share["same"],
        share[["same_detox", "other_detox"]].mean() - share[["same", "other"]].mean(),
        presses["day_12"] - presses["day_1"],
        presses["day_66"] - presses["day_12"],
    )
    return dict(zip(_UNITS, map(float, values), strict=True))


def readouts(name: str, numbers: dict[str, float], seed: int) -> pd.DataFrame:
    """Live through a design; readouts of each animal, its group and its presses in the last session."""
    # four animals for each medicine take half the time of eight
    study = parse_study(design_text(name).replace(": 8\n", ": 4\n"))
    assert study.operant is not None
    cohort = draw_cohort(study, columns_of(study), stream(seed, "cohort"))
    drawn = draw_parameters(len(cohort.subjects), numbers, stream(seed, "parameters"))
    lives = live_cohort(study, cohort, drawn, seed=seed, hypothesis="withdrawal")
    table, _ = read_out(list(lives.values()), study.operant)
    presses = [len(life.sessions[-1].active) for life in lives.values()]
    return table.assign(group=cohort.subjects["group"].to_numpy(), presses=presses)


def main(folder: Path, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    ends = [(_TABLE[name].value / 2, min(2 * _TABLE[name].value, _TABLE[name].highest)) for name in VARIED]
    problem = {"num_vars": len(VARIED), "names": list(VARIED), "bounds": np.log(ends).tolist()}
    places = trajectories.sample(problem, number, num_levels=4, seed=0)
    settings = [dict(zip(VARIED, np.exp(place).tolist(), strict=True)) for place in places]
    answers = pd.DataFrame(Parallel(n_jobs=-1, verbose=1)(delayed(outcomes)(one) for one in settings))
    base = outcomes({})
    rows = []
    for name in answers:
        own = effects.analyze(problem, places, answers[name].to_numpy(float), num_levels=4, seed=0)
        low, high = np.percentile(answers[name], [5, 95])
        print(f"{name}: {base[name]:.3g} by the table; 90 % of settings {low:.3g} to {high:.3g} {_UNITS[name]}")
        for k, parameter in enumerate(VARIED):
            measures = {key: float(own[key][k]) for key in ("mu", "mu_star", "mu_star_conf", "sigma")}
            rows.append({"outcome": name, "parameter": parameter, **measures})
    table = pd.DataFrame(rows)
    table.to_csv(folder / "morris.tsv", sep="\t", index=False, float_format="%.4g")
    for name, own in table.groupby("outcome", sort=False):
        top = own.nlargest(5, "mu_star")
        print(f"{name}: " + ", ".join(f"{row.parameter} {row.mu:+.3g}" for row in top.itertuples()))
    _draw(folder / "morris.png", table)


def _draw(picture: Path, table: pd.DataFrame) -> None:
    rows = np.arange(len(VARIED))
    with style():
        figure = sheet(DOUBLE_MM, 110.0)
        panels = figure.subplots(1, len(_UNITS), sharey=True)
        for axes, (name, own) in zip(panels, table.groupby("outcome", sort=False), strict=True):
            largest = own["mu_star"].max() or 1.0
            axes.hlines(rows, 0, own["mu_star"] / largest, color=FAINT, linewidth=0.8)
            axes.plot(own["mu_star"] / largest, rows, "o", color=INK, markersize=3)
            axes.set_title(str(name).replace(", ", ",\n").replace(" less ", "\nless "), fontsize=6)
            axes.set_xlim(0, 1.08)
            axes.set_xticks([0, 1], ["0", f"{largest:.2g} {_UNITS[str(name)]}".removesuffix(" 1")])
        panels[0].set_yticks(rows, VARIED)
        panels[0].invert_yaxis()
        figure.supxlabel("μ*: what the number changes between half and twice its median", fontsize=7)
        figure.savefig(picture, dpi=200, metadata={"Software": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10)
