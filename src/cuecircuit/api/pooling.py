"""Regions by partial pooling, from a table with a row for each subject and region."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import Field

from cuecircuit.api.arguments import Names, Positive, Seed, checked
from cuecircuit.api.notes import warn
from cuecircuit.errors import DataError
from cuecircuit.models.roles import levels_of
from cuecircuit.records.cells import cell_labels, numeric
from cuecircuit.regions.pooled import PooledTables, pool_table


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PooledRegions(PooledTables):
    """Effects of every region, pooled.

    `regions`: effect, region, posterior mean, sd, low, high (95 %), p_positive, unpooled, unpooled_se. `spread`: the
    standard deviations of the model. `checks`: posterior predictive. `sensitivity`: other scales of the prior. `notes`
    say who was left out.
    """

    @checked
    def plot(self, effect: str | None = None) -> Any:
        """Draw a point and an interval for each region, with P+; the first effect where none is named.

        Raises:
            DataError: no such effect.
        """
        from cuecircuit.figures.forest import forest_figure

        effects = self.regions["effect"].unique().tolist()
        if effect is not None and effect not in effects:
            raise DataError(f"effect '{effect}': expected one of {', '.join(effects)}")
        rows = self.regions[self.regions["effect"] == (effect or effects[0])].sort_values("mean", ascending=False)
        names = [f"{name}  P+ {p:.3f}" for name, p in zip(rows["region"], rows["p_positive"], strict=True)]
        limits = (rows[name].to_numpy(float) for name in ("mean", "low", "high"))
        return forest_figure(names, *limits, measure=f"{effect or effects[0]}, 95 % posterior interval")


@checked
def pool(
    table: pd.DataFrame,
    dv: str,
    *,
    region: str,
    subject: str,
    between: str = "",
    levels: Sequence[Any] = (),
    covariates: Names = (),
    noise: Literal["normal", "student"] = "normal",
    scale: Positive = 2.5,
    draws: Annotated[int, Field(ge=2)] = 4000,
    seed: Seed = 0,
) -> PooledRegions:
    """Estimate every region's effects by one Bayesian multilevel model (Chen et al. 2019; AFNI's RBA).

    Args:
        table: one row per subject and region; of conditions, their difference.
        dv: column that was measured.
        region: column that names the region.
        subject: column that names the subject.
        between: factor between subjects; its levels less the first are effects.
        levels: of that factor, reference first; by letters where none are given.
        covariates: numbers between subjects, centered; slopes are effects.
        noise: "student" where single scores may be far off.
        scale: of the half-t priors of standard deviations, in standard deviations of the scores.
        draws: from the posterior.
        seed: of the generator.

    Returns:
        Posterior of each effect in each region, checks of the model and of its prior.

    Raises:
        DataError: the table is at fault.
        DesignError: too few subjects or regions.

    Examples:
        >>> import cuecircuit as cc, numpy as np, pandas as pd
        >>> rng = np.random.default_rng(1)
        >>> rows = [(rat, region, rng.normal(1)) for rat in "abcdefgh" for region in ("Insula", "NAc", "PVN")]
        >>> table = pd.DataFrame(rows, columns=["rat", "region", "percent"])
        >>> found = cc.pool(table, "percent", region="region", subject="rat", draws=100)
        >>> found.regions[["effect", "region"]].values.tolist()
        [['mean', 'Insula'], ['mean', 'NAc'], ['mean', 'PVN']]
    """
    numbers = (covariates,) if isinstance(covariates, str) else tuple(covariates)
    named = [dv, region, subject, *filter(None, [between]), *numbers]
    if absent := [name for name in named if name not in table]:
        raise DataError(f"no column '{name}', expected one of {', '.join(map(str, table))}" for name in absent)
    rows = table.reset_index(drop=True)
    rows = rows.assign(
        **{name: cell_labels(rows, name) for name in (region, subject)},
        **{name: numeric(rows, name) for name in (dv, *numbers)},
    )
    order = tuple(map(str, levels))
    pooled = pool_table(
        rows,
        dv,
        region=region,
        subject=subject,
        between=between,
        levels=order or (levels_of(rows[between], rows[between].dropna()) if between else ()),
        covariates=numbers,
        noise=noise,
        scale=scale,
        draws=draws,
        seed=seed,
    )
    warn(pooled.notes)
    return PooledRegions(**{each.name: getattr(pooled, each.name) for each in fields(PooledTables)})
