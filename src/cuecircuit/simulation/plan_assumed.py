"""What a plan rests on: every number of the simulated studies, and who says so."""

from collections.abc import Iterator, Mapping
from dataclasses import fields

import pandas as pd

from cuecircuit.simulation.breathing import rate_changes
from cuecircuit.simulation.intake import intake_model
from cuecircuit.simulation.parameters import PARAMETERS
from cuecircuit.simulation.plan_draws import Measurement
from cuecircuit.simulation.planted import SLOPE_REGIONS, TABLE_1, Spread
from cuecircuit.simulation.rats import GROUP_SIZES
from cuecircuit.study.study import Study

NOTES: Mapping[str, str] = {
    "part": "part of the simulation",
    "quantity": "what it is; pairs are the first and the second group",
    "value": "its value",
    "source": "paper: printed; assumed: somebody had to choose; study file, table: the user's; simulated scans: "
    "measured in scans whose own noise is assumed",
}
Row = tuple[str, str, str, str]


def planted_numbers(study: Study, hypothesis: str) -> pd.DataFrame:
    """Give the numbers of the planted statistics under a hypothesis."""
    return _frame([*_intake(hypothesis), *_table(), *_spread(), *_breathing(hypothesis), *_measurement(), *_own(study)])


def mechanism_numbers(study: Study) -> pd.DataFrame:
    """Give the parameters of the mechanism's animals."""
    given = study.simulation.parameters
    rows = [
        (
            "mechanism",
            f"{one.name}: {one.meaning} ({one.unit})",
            f"{given.get(one.name, one.value):g}, SD of log {one.sd:g}",
            "study file" if one.name in given else "assumed",
        )
        for one in PARAMETERS
    ]
    table = [("regions", "paths into the circuit, by Table 1 and assumed inputs", "19 × 4 numbers", "assumed")]
    return _frame([*rows, *table, *_measurement(), *_own(study)])


def table_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of a user's table of effects."""
    said = table["source"] if "source" in table else pd.Series("table", index=table.index)
    r_behavior = table["r_behavior"] if "r_behavior" in table else pd.Series(float("nan"), index=table.index)
    rows = []
    for at, row in table.iterrows():
        value = f"mean {row['mean']:g}, SD {row['sd']:g}, r {row['r']:g}"
        if pd.notna(r_behavior.loc[at]):  # pyright: ignore
            value += f", r with behavior {r_behavior.loc[at]:g}"  # pyright: ignore
        source = said.loc[at]  # pyright: ignore
        rows.append((str(row["measure"]), f"{row['group']} {row['condition']}", value, str(source)))
    return _frame(rows)


def _frame(rows: list[Row]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(NOTES))


def _intake(hypothesis: str) -> Iterator[Row]:
    model = intake_model(hypothesis)
    for field in fields(model):
        value = getattr(model, field.name)
        text = " and ".join(f"{x:g}" for x in value) if isinstance(value, tuple) else f"{value:g}"
        yield "intake", field.name.replace("_", " "), text, "assumed"


def _table() -> Iterator[Row]:
    for region, cells in TABLE_1.items():
        yield "regions", f"{region}: mean % BOLD in the cells of Table 1", ", ".join(f"{x:g}" for x in cells), "paper"


def _spread() -> Iterator[Row]:
    spread = Spread()
    yield "regions", "SD between rats, common to both cues (% BOLD)", f"{spread.common:g}", "assumed"
    yield "regions", "SD between cues of a rat (% BOLD)", f"{spread.specific:g}", "assumed"
    yield "regions", f"r with intake inside a group: {' and '.join(SLOPE_REGIONS)}", f"{spread.slope_r:g}", "assumed"


def _breathing(hypothesis: str) -> Iterator[Row]:
    text = ", ".join(f"{x:.3g}" for x in rate_changes(hypothesis).ravel())
    yield "breathing", "change of the rate by each cue, in the cells of Table 1 (1/min)", text, "assumed"


def _measurement() -> Iterator[Row]:
    words = {
        "shared_sd": "noise shared by all regions of a cue and half (SD, % BOLD)",
        "region_sd": "noise of a region's own (SD, % BOLD)",
        "percent_per_breath": "% BOLD that one breath a minute more leaves after nuisance regression",
        "rate_level": "breaths per minute",
        "rate_level_sd": "SD of it between rats",
        "rate_half_sd": "SD of it between the halves of a scan",
        "rate_shown": "part of a cue's change that the rate of its blocks shows",
        "change_sd": "SD of a cue's change from scan to scan (1/min)",
    }
    own = Measurement()
    for name, meaning in words.items():
        yield "measurement", meaning, f"{getattr(own, name):g}", "simulated scans"


def _own(study: Study) -> Iterator[Row]:
    for group, size in zip(study.subjects.groups, GROUP_SIZES, strict=False):
        found = study.simulation.animals.get(group)
        yield "design", f"animals of {group} in the study file", str(found or size), "study file" if found else "paper"
