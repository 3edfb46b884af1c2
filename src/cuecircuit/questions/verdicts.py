"""Results of a study under its own choice and under others: the grid of them, and the verdict on each result."""

import numpy as np
import pandas as pd

from cuecircuit.io.tables import column_notes
from cuecircuit.records.choices import ChoiceGrid

PLANNED = "as planned"
RESULT_COLUMNS = column_notes("alternative_results")
VERDICT_COLUMNS = column_notes("verdicts")
CHOICE_COLUMNS = column_notes("alternative_choices")


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
