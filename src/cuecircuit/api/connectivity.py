"""Edges between the regions of a scan, and the networks of a table of edges."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import pandas as pd

from cuecircuit.api.arguments import Count, NotNegative, Positive, Seed, Share, checked
from cuecircuit.api.fitting import fit
from cuecircuit.api.images import voxels_of
from cuecircuit.api.notes import warn
from cuecircuit.api.trials import event_faults, nuisance_of, series_of
from cuecircuit.clusters.neighbors import Sided
from cuecircuit.errors import DataError
from cuecircuit.group.network_tables import EDGE_KEYS, NetworkTables, network_tables
from cuecircuit.group.permutation import PermutationSettings
from cuecircuit.imaging.nuisance import Regressors, cosine_drift
from cuecircuit.imaging.scan_edges import (
    EdgeKind,
    EdgeSettings,
    edge_rows,
    join_scans,
    region_courses,
    scan_edges,
)
from cuecircuit.imaging.single_trials import TrialMethod
from cuecircuit.records.cells import cell_labels, numeric


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkTest(NetworkTables):
    """Networks of one term, from `network_test`.

    `networks`: network, edges, intensity, p_extent, p_intensity, regions. `edges`: region, region2, statistic (t or F),
    p, q, network (0: none). `height` is what a statistic must exceed to join a network, `exchanged` what changed places
    and how often. `notes` say what is odd.
    """

    @checked
    def plot(self, kind: Literal["matrix", "connectogram"] = "matrix") -> Any:
        """Draw the statistic of every edge, or the edges that are in a network."""
        from cuecircuit.figures.edges import connectogram_figure, matrix_figure

        names = list(dict.fromkeys([*self.edges["region"], *self.edges["region2"]]))
        place = {name: number for number, name in enumerate(names)}
        pairs = np.column_stack([self.edges[key].map(place) for key in EDGE_KEYS])
        values, inside = self.edges["statistic"].to_numpy(float), (self.edges["network"] > 0).to_numpy()
        if kind == "matrix":
            return matrix_figure(values, pairs, names, measure="t or F", outlined=inside)
        return connectogram_figure(values[inside], pairs[inside], names)


@checked
def edges(
    scan: Any,
    atlas: Any,
    events: pd.DataFrame | None = None,
    *,
    kind: EdgeKind = "correlation",
    names: Mapping[int, str] | None = None,
    tr_s: NotNegative = 0.0,
    hrf: Literal["spm", "glover", "rat"] = "spm",
    trials: TrialMethod = "lss",
    deconvolve: bool = False,
    drift_period_s: Positive | None = 128.0,
    nuisance: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Estimate how every pair of regions of a scan goes together.

    Args:
        scan: path or NIfTI image of four dimensions.
        atlas: path or image of labels on its grid, 0 outside.
        events: columns onset, duration (s), trial_type; not for correlations.
        kind: "correlation" of courses (rest); "beta_series", correlation over the trials of a trial type; or "ppi",
            the change of a slope during a trial type (gPPI).
        names: of labels; the labels themselves where none are given.
        tr_s: time step; that of the header where it is 0.
        hrf: "spm", "glover" or "rat".
        trials: of beta series, "lss" or "lsa".
        deconvolve: of "ppi": form products with the neural activity behind a course, for trials briefer than blocks.
        drift_period_s: slower drift is removed; None removes none.
        nuisance: a row for each volume, such as motion.

    Returns:
        A row for each trial type (none for correlations) and pair: region, region2 and value, which is Fisher's z, or
        a slope in standard deviations.

    Raises:
        DataError: the scan, its events or its atlas are at fault.
        DesignError: too few trials or volumes, or trials that the scan tells nothing of.

    Examples:
        >>> import cuecircuit as cc, nibabel as nib, numpy as np
        >>> rng = np.random.default_rng(1)
        >>> scan = nib.Nifti1Image(rng.normal(100, 1, (3, 3, 3, 60)).astype("f4"), np.eye(4))
        >>> names = {1: "NAc", 2: "Insula", 3: "PVN"}
        >>> labels = nib.Nifti1Image(np.arange(27, dtype=np.int16).reshape(3, 3, 3) % 4, np.eye(4))
        >>> cc.edges(scan, labels, names=names, tr_s=2.0)[["region", "region2"]].values.tolist()
        [['NAc', 'Insula'], ['NAc', 'PVN'], ['Insula', 'PVN']]
    """
    series = series_of(scan, tr_s)
    faults = list(event_faults(events)) if events is not None else []
    if (events is None) != (kind == "correlation"):
        faults.append(f"kind {kind}: {'needs' if events is None else 'takes no'} events")
    extra = nuisance_of(nuisance, series, faults)
    n = series.n_volumes
    if drift_period_s is not None:
        drift = cosine_drift(n, tr_s=series.tr_s, period_s=drift_period_s)
        named = (*extra.names, *(f"drift{number:02d}" for number in range(drift.shape[1])))
        extra = Regressors(values=np.hstack([extra.values, drift]), names=named)
    labels = voxels_of([atlas], np.ones(series.data.shape[:3], bool), series.grid)[0].reshape(series.data.shape[:3])
    labels = np.rint(np.nan_to_num(labels)).astype(int)
    named = names or {int(label): str(label) for label in np.unique(labels[labels != 0])}
    if absent := [label for label in named if not (labels == label).any()]:
        raise DataError(f"atlas: no voxel has label {label} ({named[label]}); leave it out" for label in absent)
    if len(named) < 2:
        raise DataError(f"atlas: found {', '.join(named.values()) or 'no region'}, expected two regions or more")
    scans = join_scans(
        [
            scan_edges(
                region_courses(series, labels, np.array(list(named))),
                pd.DataFrame() if events is None else events[["onset", "duration", "trial_type"]],
                EdgeSettings(kind=kind, hrf=hrf, trials=trials, min_df=1, deconvolve=deconvolve),
                regressors=extra,
                keep=np.ones(n, bool),
            )
        ]
    )
    tables = [edge_rows(matrix, list(named.values())).assign(trial_type=name) for name, matrix in scans.items()]
    table = pd.concat(tables, ignore_index=True)
    return table.drop(columns="trial_type") if events is None else table[["trial_type", *EDGE_KEYS, "value"]]


@checked
def network_test(
    data: pd.DataFrame,
    term: str,
    formula: str | None = None,
    *,
    pairs: pd.DataFrame | None = None,
    dv: str = "value",
    edge_p: Share = 0.001,
    height: Positive | None = None,
    sided: Sided = "2",
    n: Count = 5000,
    alpha: Share = 0.05,
    variance: Literal["auto", "equal", "groups"] = "equal",
    seed: Seed = 0,
    **model: Any,
) -> NetworkTest:
    """Test one term on every edge, corrected over networks (network-based statistic, Zalesky et al. 2010).

    Args:
        data: one row per observation and edge (columns region, region2, `dv` and those of the model), or one row per
            observation with a column for each edge that `pairs` names.
        term: a term or contrast of the model.
        formula: as of `fit`.
        pairs: columns edge (a column of `data`), region and region2.
        dv: column that was measured, where rows are edges.
        edge_p: uncorrected p that an edge needs to join a network.
        height: t or F that it must exceed, in place of that p.
        sided: "1" takes positive effects, "2" both signs together, "bi" each sign by itself.
        n: permutations.
        alpha: level that the number of subjects must be able to reach.
        variance: as of `Result.correct`.
        seed: the same gives the same numbers.
        model: further arguments of `fit`.

    Returns:
        Networks with their p, and every edge with its p, its q and its network.

    Raises:
        DataError: the table is at fault.
        DesignError: the term cannot be permuted.

    Examples:
        >>> import cuecircuit as cc, numpy as np, pandas as pd
        >>> rng = np.random.default_rng(1)
        >>> pairs = [("NAc", "PVN"), ("NAc", "BLA"), ("PVN", "BLA")]
        >>> rows = [(rat, "LgA" if k % 2 else "ShA", a, b, rng.normal() + 6 * (k % 2) * (a == "NAc"))
        ...         for k, rat in enumerate("abcdefghijkl") for a, b in pairs]
        >>> table = pd.DataFrame(rows, columns=["rat", "access", "region", "region2", "value"])
        >>> found = cc.network_test(table, "access", subject="rat", between="access", n=200)
        >>> found.networks[["edges", "regions"]].values.tolist()
        [[2, 'NAc, PVN, BLA']]
    """
    table, values, labels = _wide(data, dv) if pairs is None else _named_columns(data, pairs)
    settings = PermutationSettings(
        voxel_p=edge_p, alpha=alpha, n_permutations=n, sided=sided, variance=variance, seed=seed
    )
    contrasts = (term,) if " - " in term else ()
    fitted = fit(table, formula, values=values, **{"contrasts": contrasts, **model})
    tables = network_tables(fitted.fit, fitted.fit.test(term), labels, settings, height=height)
    warn(tables.notes)
    return NetworkTest(**{each.name: getattr(tables, each.name) for each in fields(NetworkTables)})


def _wide(data: pd.DataFrame, dv: str) -> tuple[pd.DataFrame, Any, pd.DataFrame]:
    """Lay rows of edges out: a row for each observation, a column for each edge."""
    if absent := [name for name in (*EDGE_KEYS, dv) if name not in data]:
        raise DataError(f"no column '{name}', expected one of {', '.join(map(str, data))}" for name in absent)
    data = data.reset_index(drop=True)
    data = data.assign(**{name: cell_labels(data, name) for name in EDGE_KEYS})
    others = [name for name in data if name not in (*EDGE_KEYS, dv)]
    if not others:
        raise DataError(f"no column beside {', '.join((*EDGE_KEYS, dv))}; add those of the model, such as subject")
    rows, columns = data.groupby(others, sort=False, dropna=False), data.groupby(list(EDGE_KEYS), sort=False)
    row, column = rows.ngroup().to_numpy(), columns.ngroup().to_numpy()
    if pd.Series(zip(row, column, strict=True)).duplicated().any():
        raise DataError("several rows for one edge of one observation; add the column that tells them apart")
    values = np.full((rows.ngroups, columns.ngroups), np.nan)
    values[row, column] = numeric(data, dv)
    labels = data[list(EDGE_KEYS)].drop_duplicates().reset_index(drop=True)
    return data[others].drop_duplicates().reset_index(drop=True), values, labels


def _named_columns(data: pd.DataFrame, pairs: pd.DataFrame) -> tuple[pd.DataFrame, Any, pd.DataFrame]:
    if absent := [name for name in ("edge", *EDGE_KEYS) if name not in pairs]:
        raise DataError(f"pairs: no column '{name}', expected edge, region and region2" for name in absent)
    names = list(pairs["edge"])
    if absent := [str(name) for name in names if name not in data]:
        raise DataError(f"pairs: the table has no column {', '.join(absent[:8])} ({len(absent)} of {len(names)} edges)")
    table = data.drop(columns=names).reset_index(drop=True)
    values = np.column_stack([numeric(data.reset_index(drop=True), name) for name in names])
    return table, values, pairs[list(EDGE_KEYS)].reset_index(drop=True)
