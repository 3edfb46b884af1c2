"""How often networks are found where there is nothing: error rates of the network-based statistic.

    python validation/null_networks.py [DRAWS]

Each draw is a study of 10 + 10 subjects, 2 cues and 45 edges of 10 regions, edges correlated by way of their regions.
Every effect of group × cue is tested by `cc.network_test` (199 permutations, edges with p < .05, α = .05), and by the
formula group*cue + (1 | who).
"""

import sys
from itertools import combinations

import numpy as np
import pandas as pd

import cuecircuit as cc

PAIRS = pd.DataFrame(list(combinations(range(10), 2)), columns=["region", "region2"]).assign(
    edge=[f"e{k}" for k in range(45)]
)
CELLS = pd.DataFrame([(f"s{k:02d}", "ab"[k % 2], cue) for k in range(20) for cue in ("off", "on")])
CELLS.columns = ["who", "group", "cue"]
STRATA = {"subject": "who", "between": "group", "within": "cue"}
MODELS = {"error strata": (None, STRATA), "mixed model": ("group*cue + (1 | who)", {"subject": "who"})}


def draw(rng: np.random.Generator) -> pd.DataFrame:
    """Return a study without effects: noise of edges, of their regions, and of subjects."""
    subjects = np.repeat(rng.standard_normal((20, 45)), 2, axis=0)
    regions = rng.standard_normal((40, 10))
    shared = regions[:, PAIRS["region"]] + regions[:, PAIRS["region2"]]
    return CELLS.join(pd.DataFrame(rng.standard_normal((40, 45)) + subjects + shared, columns=list(PAIRS["edge"])))


def main(draws: int) -> None:
    """Print the share of studies in which some network survives, for each model, effect and statistic."""
    rng, p = np.random.default_rng(1), {}
    for number in range(draws):
        table = draw(rng)
        for model, (formula, columns) in MODELS.items():
            for term in ("group", "cue", "group:cue"):
                found = cc.network_test(table, term, formula, pairs=PAIRS, edge_p=0.05, n=199, seed=number, **columns)
                for statistic in ("extent", "intensity"):
                    smallest = found.networks[f"p_{statistic}"].min()
                    p.setdefault((model, term, statistic), []).append(smallest <= 0.05)
    print("model\teffect\tstatistic\tfound")
    for names, found in p.items():
        print("\t".join(names), f"{np.mean(found):.3f}", sep="\t")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
