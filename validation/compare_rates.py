"""How often is p of `compare` at most .05 in one voxel where groups differ in variance and in nothing else?

    python validation/compare_rates.py [--voxels 10000] > validation/compare_rates.tsv

Every voxel is a null study by itself: Gaussian values of two groups, the first with `ratio` times the SD of the second.
For mixed effects half of the second group's variance is that of the subjects' own estimates (χ² with 20 degrees of
freedom around it, known to the model), the rest is between subjects. Intervals are Clopper and Pearson's, 95 %.
"""

import argparse
import sys

import numpy as np
import pandas as pd
from scipy import stats

from cuecircuit.stats.between_fit import fit_between
from cuecircuit.stats.between_model import between_subject_model

SIZES = ((5, 12), (7, 14), (10, 11), (30, 30))
RATIOS = (2.5, 1.5, 1.0, 1 / 1.5, 1 / 2.5)
METHODS = (
    ("ols", {}),
    ("welch", {}),
    ("huber", {}),
    ("bisquare", {}),
    ("mixed-effects", {"test": "knapp-hartung"}),
    ("mixed-effects", {"test": "flame"}),
    ("mixed-effects", {"test": "z"}),
)


def rows(n_voxels):
    for sizes in SIZES:
        model = between_subject_model("group", {"group": np.repeat(["a", "b"], sizes)})
        for ratio in RATIOS:
            rng = np.random.default_rng([*sizes, round(1000 * ratio)])
            sd = np.repeat([ratio, 1.0], sizes)[:, None]
            own = 0.5 * rng.chisquare(20, (sum(sizes), n_voxels)) / 20
            y = np.sqrt(own + (sd**2 - 0.5).clip(0.05)) * rng.standard_normal(own.shape)
            plain = sd * rng.standard_normal(own.shape)
            for method, options in METHODS:
                mixed = method == "mixed-effects"
                fit = fit_between(
                    y if mixed else plain, model, method=method, variance=own if mixed else None, **options
                )
                p = fit.test("group").p
                n, k = int(np.isfinite(p).sum()), int((p <= 0.05).sum())
                interval = stats.binomtest(k, n).proportion_ci(method="exact")
                yield {
                    "n": "v".join(map(str, sizes)),
                    "ratio": round(ratio, 3),
                    "method": " ".join([method, *options.values()]),
                    "voxels": n,
                    "rate": round(k / n, 4),
                    "low": round(interval.low, 4),
                    "high": round(interval.high, 4),
                }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voxels", type=int, default=10_000)
    pd.DataFrame(rows(parser.parse_args().voxels)).to_csv(sys.stdout, sep="\t", index=False)


if __name__ == "__main__":
    main()
