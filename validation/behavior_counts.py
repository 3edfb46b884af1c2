"""How often the count model is wrong: cohorts without a rise, overdispersed and correlated as intake is.

python validation/behavior_counts.py [draws]
"""

import sys

import numpy as np
import pandas as pd

from cuecircuit.behavior.counts import escalation_counts

GROUPS = {"ShA": 11, "LgA": 10}
SESSIONS = 10


def cohort(rng: np.random.Generator) -> pd.DataFrame:
    """Gamma levels, an own slope per animal (SD 0.05 per session) and gamma noise of every session."""
    rows = []
    for group, n in GROUPS.items():
        for animal in range(n):
            level, slope = rng.gamma(4, 5), rng.normal(0, 0.05)
            means = level * np.exp(slope * (np.arange(SESSIONS) - 4.5)) * rng.gamma(8, 1 / 8, SESSIONS)
            rows += [
                {"subject": f"{group}{animal}", "group": group, "phase": "p", "session": k, "infusions": count}
                for k, count in enumerate(rng.poisson(means), 1)
            ]
    return pd.DataFrame(rows)


def main(draws: int) -> None:
    """Print the share of p below .05 of each comparison."""
    rng = np.random.default_rng(0)
    tables = [escalation_counts(cohort(rng), phase="p", sessions=SESSIONS).table for _ in range(draws)]
    p = np.array([table["p"] for table in tables])
    for name, share in zip(tables[0]["comparison"], (p < 0.05).mean(axis=0), strict=True):
        print(f"{name:28} {share:.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
