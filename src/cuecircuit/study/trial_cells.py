"""Cells of events: the levels that trial types stand for, and the names of what is estimated within them."""

import pandas as pd

from cuecircuit.study.acquisition import BetaSeries, Blocks, Glm, Ppi
from cuecircuit.study.schema import Study


def trial_cells(study: Study) -> pd.DataFrame:
    """Return each trial type that is a cell, crossed with the levels of `trials.parts`: trial_type and factors.

    Rows are in the order of the factors' levels.
    """
    trials = study.trials
    if trials is None:
        return pd.DataFrame()
    if isinstance(trials.cells, str):
        levels = study.factors[trials.cells].levels if trials.cells in study.factors else ()
        table = pd.DataFrame({"trial_type": levels, trials.cells: levels})
    else:
        table = pd.DataFrame([{"trial_type": name, **levels} for name, levels in trials.cells.items()])
    for part, levels in trials.parts.items():
        table = table.merge(pd.DataFrame({part: list(levels)}), how="cross")
    return table


def map_cells(study: Study, maps: Blocks | Glm | BetaSeries | Ppi) -> pd.DataFrame:
    """Return the combinations of levels that maps are made of: no row for trial types without a level of a factor.

    A factor that no trial type has a level of is a fault of the study; nothing is made of it.
    """
    made = trial_cells(study)
    cells = list(maps.cells)
    return made[cells].dropna().drop_duplicates().reset_index(drop=True) if set(cells) <= {*made} else pd.DataFrame()


def slope_contrasts(study: Study, maps: Glm) -> tuple[str, ...]:
    """Name the slopes of measures within cells, `CELL.MEASURE`, as table contrasts has them."""
    cells = map_cells(study, maps).itertuples(index=False, name=None)
    return tuple(f"{'_'.join(levels)}.{measure}" for levels in cells for measure in maps.modulators)
