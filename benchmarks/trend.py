"""Numbers per release: `python -m benchmarks.trend [FIGURE.svg]` draws ratios.tsv and names what got 10 % worse.

Rows of ratios.tsv are measures of a release: "times faster: ..." than a peer in the same run (more is better), and
"instructions: ..." of a kernel (fewer is better). Exit status 1 where the last release is worse than the one before.
"""

import sys
from pathlib import Path

import pandas as pd

TABLE = Path(__file__).with_name("ratios.tsv")
TOLERANCE = 0.1


def record(release: str, found: dict[str, float], table: Path = TABLE) -> None:
    """Add measures of a release; those it has already are measured anew."""
    old = pd.read_csv(table, sep="\t", dtype={"release": str}) if table.exists() else pd.DataFrame()
    new = pd.DataFrame({"release": release, "measure": list(found), "value": list(found.values())})
    every = pd.concat([old, new]).drop_duplicates(["release", "measure"], keep="last")
    releases = list(dict.fromkeys([*(old["release"] if len(old) else ()), release]))
    every = every.sort_values("release", key=lambda own: own.map(releases.index), kind="stable")
    every.to_csv(table, sep="\t", index=False, float_format="%.6g")


def worse(table: pd.DataFrame) -> list[str]:
    """Measures whose last release is worse than the one before by 10 % or more."""
    lines = []
    for measure, own in table.groupby("measure", sort=False):
        if len(own) < 2:
            continue
        before, last = own["value"].iloc[-2:]
        change = last / before if str(measure).startswith("instructions") else before / last
        if round(change - 1, 6) >= TOLERANCE:
            releases = " to ".join(own["release"].iloc[-2:])
            lines.append(f"{measure}: {before:.4g} to {last:.4g} ({releases}), {100 * (change - 1):.0f} % worse")
    return lines


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw one panel per measure over the releases."""
    import matplotlib.pyplot as plt

    measures = table["measure"].unique()
    figure, axes = plt.subplots(len(measures), figsize=(7, 1.3 * len(measures) + 0.5), sharex=True, squeeze=False)
    for axis, measure in zip(axes.ravel(), measures, strict=True):
        own = table[table["measure"] == measure]
        axis.plot(own["release"], own["value"], "o-", color="#0072b2")
        axis.set_title(measure, fontsize=9, loc="left")
        axis.set_ylim(0, 1.2 * own["value"].max())
    axes[-1, 0].set_xlabel("release")
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    table = pd.read_csv(TABLE, sep="\t", dtype={"release": str})
    if len(sys.argv) > 1:
        draw(table, Path(sys.argv[1]))
    found = worse(table)
    print("\n".join(found) or "no measure is 10 % worse than in the release before")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
