"""Results of a study under its own choice and under others: the grid of them, and the verdict on each result."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cuecircuit.io.tables import ColumnNote
from cuecircuit.records.choices import ChoiceGrid

PLANNED = "as planned"
RESULT_COLUMNS: Mapping[str, ColumnNote] = {
    "kind": {
        "Levels": {
            "map": "effect tested in every voxel",
            "correlation": "correlation of two numbers",
            "contrast": "difference of means, or ratio of counts, of a column of a table",
            "test": "effect on a number of a table",
        }
    },
    "result": "question, level of `each`, effect",
    "touched": "whether the choice changes anything that the result rests on; yes for the study itself",
    "choice": f"alternative of the study file; '{PLANNED}': the study itself",
    "holds": "yes: a cluster of the map survives; p (adjusted where the question adjusts) is at most its alpha; n/a: "
    "this choice has no number for it",
    "value": "significant voxels of a map, r of a correlation (groups pooled), t of a contrast, F of a test",
    "df1": "numerator degrees of freedom of F",
    "df2": "denominator degrees of freedom of F; median over voxels",
    "p": "smallest corrected p of a cluster, or p of the test as the question adjusts it",
    "clusters": "significant clusters of a map",
    "estimate": "effect: r, difference or contrast of means, ratio of counts; of a map at the peak of its strongest "
    "cluster, n/a for effects of more than one degree of freedom",
    "low": "lower end of its 95 % interval",
    "high": "upper end of its 95 % interval",
}
VERDICT_COLUMNS: Mapping[str, ColumnNote] = {
    "kind": "as in alternatives.tsv",
    "result": "as in alternatives.tsv",
    "verdict": {"Levels": {"everywhere": "holds under every choice, in one direction",
                           "depends": "holds under some choices only, or in both directions",
                           "nowhere": "holds under no choice", "untouched": "no choice changes what it rests on",
                           "untested": "no choice has a number for it"}},
    "held": "choices that touch it and under which it holds",
    "tested": "choices that have a number for it",
    "choices": "choices that touch it, the study's own among them",
    "smallest": "smallest value over the choices",
    "largest": "largest value over the choices",
    "deviant": "choices under which it is not what it is in the study: held or not, or its direction",
}  # fmt: skip
CHOICE_COLUMNS: Mapping[str, ColumnNote] = {
    "choice": "alternative of the study file",
    "setting": "dotted path of the setting that differs",
    "value": "its value there",
    "planned": "its value in the study",
    "source": "where the value of the study comes from: paper, convention, assumed, study file",
    "reason": "why one could have chosen so",
}


def choice_grid(rows: pd.DataFrame, choices: tuple[str, ...]) -> ChoiceGrid:
    """Lay rows of results out by choice, in the order in which results first come up, kinds together."""
    keys = rows[["kind", "result"]].drop_duplicates()
    order = list(dict.fromkeys(keys["kind"]))
    keys = keys.sort_values("kind", key=lambda kinds: kinds.map(order.index), kind="stable")
    index = pd.MultiIndex.from_frame(keys)
    table = rows.set_index(["kind", "result", "choice"])
    wide = table[["value", "holds", "touched"]].unstack("choice").reindex(index)
    value = wide["value"].reindex(columns=choices)
    holds = wide["holds"].reindex(columns=choices) == "yes"
    return ChoiceGrid(
        kinds=tuple(keys["kind"]),
        results=tuple(keys["result"]),
        choices=choices,
        value=value.to_numpy(float),
        holds=holds.to_numpy(bool),
        touched=(wide["touched"].reindex(columns=choices) != "no").to_numpy(bool),
        signed=keys["kind"].isin(["correlation", "contrast"]).to_numpy(),
    )


def verdict_table(grid: ChoiceGrid) -> pd.DataFrame:
    """Return a row for each result: where it holds, how often, and which choices say otherwise than the study."""
    rows = []
    for index, (kind, result) in enumerate(zip(grid.kinds, grid.results, strict=True)):
        values = grid.value[index, grid.tested[index]]
        rows.append(
            {
                "kind": kind,
                "result": result,
                "verdict": grid.verdict(index),
                "held": grid.held(index),
                "tested": len(values),
                "choices": grid.choices_of(index),
                "smallest": values.min() if len(values) else np.nan,
                "largest": values.max() if len(values) else np.nan,
                "deviant": ", ".join(grid.deviant(index)) or np.nan,
            }
        )
    return pd.DataFrame(rows, columns=list(VERDICT_COLUMNS))
