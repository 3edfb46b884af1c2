"""Partial pooling over regions as tables: effects, what the model might miss, and how much hangs on the prior."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError
from cuecircuit.stats.pooling import CHECKS, Noise, Pooled, pool_regions

# the prior's scale is halved and doubled
_OTHER_SCALES = (0.5, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PooledTables:
    """What partial pooling gives.

    `regions` has a row for each effect and region: posterior mean, sd and limits of 95 %, P+, and the region's own
    least-squares estimate with its standard error. `spread` has posterior means of the standard deviations. `checks`
    are posterior predictive, `sensitivity` compares other scales of the prior with the one chosen. `notes` say who was
    left out.
    """

    regions: pd.DataFrame
    spread: pd.DataFrame
    checks: pd.DataFrame
    sensitivity: pd.DataFrame
    notes: tuple[str, ...]
    n_subjects: int


def pool_table(
    rows: pd.DataFrame,
    dv: str,
    *,
    region: str,
    subject: str,
    between: str = "",
    levels: Sequence[str] = (),
    covariates: Sequence[str] = (),
    scale: float = 2.5,
    noise: Noise = "normal",
    draws: int = 4000,
    seed: int = 0,
) -> PooledTables:
    """Pool the regions of a table with a row for each subject and region.

    A factor is coded so that the constant is the unweighted mean of its groups; covariates are centered.

    Args:
        rows: numbers in `dv` and `covariates`; regions in the order in which they come.
        dv: score.
        region: column that names the region.
        subject: column that names the subject.
        between: factor between subjects.
        levels: of it, reference first.
        covariates: numbers between subjects.
        scale: A of `stats.pooling`, as are `noise`, `draws` and `seed`.

    Raises:
        DataError: subjects with several scores in a region or several values between subjects.
        DesignError: too few subjects or regions.
    """
    _check_rows(rows, region, subject, [*filter(None, [between]), *covariates])
    scores = rows.pivot(index=subject, columns=region, values=dv)
    scores = scores.reindex(index=rows[subject].unique(), columns=rows[region].unique())
    who = rows.drop_duplicates(subject).set_index(subject)[[*filter(None, [between]), *covariates]]
    table = scores.join(who)
    lacking = {name: [*map(str, table.columns[row.isna()])] for name, row in table.iterrows()}
    kept = [name for name, absent in lacking.items() if not absent]
    y, who = scores.loc[kept].to_numpy(float), who.loc[kept]
    parts, effects = [np.ones((len(kept), 1))], ["mean"]
    if between:
        labels = who[between].astype(str)
        if strangers := sorted({*labels} - {*levels}):
            raise DataError(f"{between}: found the level {', '.join(strangers)}, expected one of {', '.join(levels)}")
        there = [level for level in levels if level in set(labels)]
        codes = [there.index(label) for label in labels]
        parts.append((np.eye(len(there))[:, 1:] - 1 / len(there))[codes])
        effects += [f"{level} - {there[0]}" for level in there[1:]]
    for name in covariates:
        values = who[name].to_numpy(float)
        parts.append((values - values.mean())[:, None])
        effects.append(f"slope of {name}")
    return _pooled_tables(
        y,
        [str(name) for name in scores],
        np.hstack(parts),
        effects,
        notes=tuple(f"{name}: left out, no value of {', '.join(absent)}" for name, absent in lacking.items() if absent),
        options={"scale": scale, "noise": noise, "draws": draws, "seed": seed},
    )


def _check_rows(rows: pd.DataFrame, region: str, subject: str, between: Sequence[str]) -> None:
    counts = rows.groupby([subject, region], sort=False).size()
    faults = [
        f"{who}: {n} scores in {where}, expected one; average them, or take the difference of two conditions first"
        for (who, where), n in counts[counts > 1].head(8).items()
    ]
    varying = rows.groupby(subject)[list(between)].nunique() > 1
    faults += [
        f"{who}: several values of {name}, expected one" for name in between for who in varying.index[varying[name]][:8]
    ]
    if faults:
        raise DataError(faults)


def _pooled_tables(
    y: Float[Array, "subject region"],
    regions: Sequence[str],
    x: Float[Array, "subject effect"],
    effects: Sequence[str],
    *,
    notes: tuple[str, ...],
    options: Mapping[str, Any],
) -> PooledTables:
    chosen = pool_regions(y, x, **options)
    scales = [share * options["scale"] for share in _OTHER_SCALES]
    others = [pool_regions(y, x, **{**options, "scale": scale}) for scale in scales]
    # statistics are of data divided by their sd; the kurtosis has no unit
    unit = np.where(np.array(CHECKS) == "kurtosis of residuals", 1.0, y.std())
    checks = pd.DataFrame(
        {
            "statistic": CHECKS,
            "observed": chosen.observed.mean(axis=0) * unit,
            "replicated": chosen.replicated.mean(axis=0) * unit,
            "p": chosen.predictive_p,
        }
    )
    parts = ["residual", "subjects", *(f"regions: {effect}" for effect in effects)]
    return PooledTables(
        regions=_region_rows(chosen, y, x, effects, regions),
        spread=pd.DataFrame({"part": parts, "sd": chosen.sd.mean(axis=0)}),
        checks=checks,
        sensitivity=pd.DataFrame(
            [{"scale": scale, **_differences(chosen, other)} for scale, other in zip(scales, others, strict=True)]
        ),
        notes=notes,
        n_subjects=len(y),
    )


def _region_rows(
    found: Pooled,
    y: Float[Array, "subject region"],
    x: Float[Array, "subject effect"],
    effects: Sequence[str],
    regions: Sequence[str],
) -> pd.DataFrame:
    low, high = np.quantile(found.effects, [0.025, 0.975], axis=0)
    alone = np.linalg.lstsq(x, y, rcond=None)[0]
    error = np.sum((y - x @ alone) ** 2, axis=0) / (len(x) - x.shape[1])
    columns = {
        "mean": found.effects.mean(axis=0),
        "sd": found.effects.std(axis=0),
        "low": low,
        "high": high,
        "p_positive": found.p_positive,
        "unpooled": alone,
        "unpooled_se": np.sqrt(np.diag(np.linalg.inv(x.T @ x))[:, None] * error),
    }
    labels = {"effect": np.repeat(list(effects), len(regions)), "region": np.tile(list(regions), len(effects))}
    return pd.DataFrame({**labels, **{name: values.ravel() for name, values in columns.items()}})


def _differences(chosen: Pooled, other: Pooled) -> dict[str, float]:
    shift = np.abs(other.effects.mean(axis=0) - chosen.effects.mean(axis=0)) / chosen.effects.std(axis=0)
    return {
        "largest shift of a mean (sd)": float(shift.max()),
        "largest change of P+": float(np.abs(other.p_positive - chosen.p_positive).max()),
        "smallest sd ratio": float((other.effects.std(axis=0) / chosen.effects.std(axis=0)).min()),
        "largest sd ratio": float((other.effects.std(axis=0) / chosen.effects.std(axis=0)).max()),
    }
