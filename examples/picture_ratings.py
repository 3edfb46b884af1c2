"""Ratings and reaction times of a picture task: group × gender × picture type in people with and without alcoholism.

    python examples/picture_ratings.py FILE

FILE is `Sawyer-IAPS.csv` of Sawyer et al. 2019 (eLife 8:e41723): one row per person. The measures are the share of
pictures of each type that were rated good, and the mean reaction time over the ratings given. Prints every effect of
the mixed-design ANOVA and who was left out for want of a cell.
"""

import sys
from pathlib import Path

import pandas as pd

import cuecircuit as cc

PICTURES = ("pos", "neg", "neutral", "erotic", "gross")
RATINGS = ("bad", "good", "neut")


def long_table(path: Path) -> pd.DataFrame:
    """One row per person and picture type, with `good` (%) and `reaction` (ms)."""
    people = pd.read_csv(path, dtype={"ID": str})
    cells = []
    for picture in PICTURES:
        times = people[[f"pics_RT_{picture}_{rating}" for rating in RATINGS]].mean(axis=1)
        good = people[f"pics_percent_{picture}_good"]
        cells.append(people[["ID", "Group", "Gender"]].assign(picture=picture, good=good, reaction=times))
    return pd.concat(cells, ignore_index=True)


def analyze(table: pd.DataFrame, measure: str) -> cc.Result:
    rated = table.dropna(subset=[measure])
    return cc.anova(rated, measure, subject="ID", between=("Group", "Gender"), within="picture")


def main(path: Path) -> None:
    table = long_table(path)
    for measure in ("good", "reaction"):
        found = analyze(table, measure)
        complete = len(found.fit.design.rows) // len(PICTURES)
        print(f"{measure}: {complete} of {table['ID'].nunique()} people have every cell")
        columns = ["term", "df1", "df2", "F", "p", "eps_gg", "p_gg", "ges"]
        print(found.tests[columns].to_string(index=False, float_format=lambda value: f"{value:.4g}"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} FILE")
    main(Path(sys.argv[1]))
