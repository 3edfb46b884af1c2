"""Maps that lack 1 % of their values at random: processor time of every model, in multiples of complete maps.

21 subjects × cue 2 × block 2, two groups, a covariate; 20 000 voxels, of which 57 % lack a value. Crossed: the same
subjects by four pictures. Least squares: the first map of each subject.
"""

import time

import numpy as np
import pandas as pd

from benchmarks import ratio
from cuecircuit.models.fit import fit
from cuecircuit.models.model import Model

STRATA = Model(subject="subject", between=("group",), within=("cue", "block"), covariates=("resp",))
REML = Model(formula="group*cue*block + resp + (1 | subject)")
CROSSED = Model(formula="group + resp + (1 | subject) + (1 | picture)")
LEAST_SQUARES = Model(formula="group + resp", subject="subject")
VOXELS = 20_000


def processor_seconds(table: pd.DataFrame, y: np.ndarray, model: Model) -> float:
    start = time.process_time()
    fit(table, y, model)
    return time.process_time() - start


def main() -> None:
    rng = np.random.default_rng(0)
    cells = [(f"s{k}", "ab"[k % 2], cue, block) for k in range(21) for cue in "xy" for block in "el"]
    table = pd.DataFrame(cells, columns=["subject", "group", "cue", "block"]).assign(resp=rng.normal(size=84))
    y = rng.normal(size=(84, VOXELS)) + np.repeat(rng.normal(size=(21, VOXELS)), 4, axis=0)
    lacking = np.where(rng.random(y.shape) < 0.01, np.nan, y)
    table["picture"] = table["cue"] + table["block"]
    models = (
        ("error strata", STRATA, 1),
        ("REML", REML, 1),
        ("crossed", CROSSED, 1),
        ("least squares", LEAST_SQUARES, 4),
    )
    for name, model, step in models:
        rows = table.iloc[::step].reset_index(drop=True)
        fit(rows, y[::step, :50], model)  # compiled
        whole, patterns = (processor_seconds(rows, values[::step], model) for values in (y, lacking))
        print(f"{name}: complete {whole:.1f} s, 1 % missing {patterns:.1f} s")
        ratio(f"missing values, {name}, against complete maps", whole / patterns)


if __name__ == "__main__":
    main()
