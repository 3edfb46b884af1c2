"""The way of docs/howto.md for two bottles weighed once a day, as it is written there."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.nodes.check import check_study
from cuecircuit.tables.making import make_node
from cuecircuit.tables.rows import Tables
from cuecircuit.tables.study_files import read_study
from cuecircuit.tables.table import Table

HOWTO = (Path(__file__).parents[2] / "docs" / "howto.md").read_text(encoding="utf-8")
WAY = HOWTO.partition("## … two bottles")[2].partition("\n## …")[0]


def test_intake_and_preference_are_those_of_the_bottles(tmp_path: Path) -> None:
    source, study = re.findall(r"```yaml\n(.*?)```", WAY, re.DOTALL)
    mice = [f"{group}{number}" for group in ("air", "vapor") for number in range(4)]
    people = {"participant_id": mice, "group": [mouse[:-1] for mouse in mice], "sex": ["female", "male"] * 4}
    pd.DataFrame({**people, "weight": 0.025}).to_csv(tmp_path / "participants.tsv", sep="\t", index=False)
    days = pd.date_range("2025-03-03", periods=28).strftime("%Y-%m-%d")
    bottles = pd.MultiIndex.from_product([mice, days], names=["mouse", "date"]).to_frame(index=False)
    rng = np.random.default_rng(1)
    bottles = bottles.assign(
        ethanol_ul=rng.integers(500, 2000, len(bottles)), water_ul=rng.integers(0, 1000, len(bottles))
    )
    missing = (bottles["mouse"] == "air2") & (bottles["date"] == days[4])
    bottles[~missing].to_csv(tmp_path / "bottles.csv", index=False)
    (tmp_path / "source.yaml").write_text(source)
    (tmp_path / "study.yaml").write_text(f"about: {{ title: Bottles }}\n{study}")

    notes = check_study(tmp_path / "study.yaml")
    assert "questions.intake: air2: left out, no row for 5" in notes

    made: dict[str, Table] = {}
    for node in ("subjects", "operant"):
        tables = make_node(Tables(files=read_study(tmp_path / "study.yaml"), made=made), node).tables
        made |= {table.name: table for table in tables}
    rows = made["operant"].rows.merge(
        bottles.assign(day=bottles.groupby("mouse").cumcount() + 1).rename(columns={"mouse": "subject"})
    )
    assert len(rows) == 8 * 28 - 1
    # 15 % is 150 µg/µl; the mice weigh 25 g
    np.testing.assert_allclose(rows["intake_mg_kg"], rows["ethanol_ul"] * 0.15 / 0.025)
    np.testing.assert_allclose(rows["discrimination"], rows["ethanol_ul"] / (rows["ethanol_ul"] + rows["water_ul"]))
