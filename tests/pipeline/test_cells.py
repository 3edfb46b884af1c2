import pandas as pd
import pytest

from cuecircuit.errors import DataError
from cuecircuit.pipeline.cells import cell_members, cells_of
from cuecircuit.pipeline.simulate import designs
from cuecircuit.study.file import parse_study

STUDY = parse_study(designs()["carmack2019"])


def blocks(cues: str, levels: str, rates: list[float]) -> pd.DataFrame:
    names = {"s": "saline", "n": "naloxone", "e": "early", "l": "late"}
    return pd.DataFrame({"cue": [names[c] for c in cues], "level": [names[c] for c in levels], "respiration": rates})


def test_a_cell_is_the_mean_of_its_blocks_wherever_they_stand():
    table = blocks("snsnsnsn", "eeeellll", [80, 90, 82, 94, 70, 60, 74, 62])
    cells = cells_of(STUDY, "ShA01", table)
    assert cells[["cue", "block"]].to_numpy().tolist() == [
        ["saline", "early"],
        ["saline", "late"],
        ["naloxone", "early"],
        ["naloxone", "late"],
    ]
    assert cells["respiration"].tolist() == [81, 72, 92, 61]
    members = cell_members(STUDY, table)
    assert members["naloxone", "late"].to_numpy().nonzero()[0].tolist() == [5, 7]


def test_cells_of_unequal_blocks_are_named():
    with pytest.raises(DataError) as error:
        cells_of(STUDY, "ShA01", blocks("ssnnss", "elelll", [80.0] * 6))
    assert len(error.value.faults) == 3
    assert "cell naloxone late has 1 blocks, others have 3" in error.value.faults[2]
