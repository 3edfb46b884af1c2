"""The files of a group analysis, whichever model and correction made it: maps, terms, clusters, residuals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.clusters.smoothness import Smoothness
from cuecircuit.errors import DataError
from cuecircuit.group.correction import CorrectedTerm, on_grid
from cuecircuit.io.atomic import check_unused
from cuecircuit.io.derivatives import bids_label, map_name
from cuecircuit.io.maps import MapsPart, write_maps
from cuecircuit.io.nifti import Intent, write_volume
from cuecircuit.io.tables import column_notes, write_json, write_table
from cuecircuit.models.evidence import has_d, standardized_effect
from cuecircuit.pipeline.map_tests.peaks import local_peaks, peak_distance_mm
from cuecircuit.records.atlas import Atlas
from cuecircuit.records.grid import Grid
from cuecircuit.regions.overlap import OUTSIDE, overlaps
from cuecircuit.stats.effect_limits import eta2_limits
from cuecircuit.stats.strata_result import StratumTest
from cuecircuit.stats.term_test import TermTest

TERM_COLUMNS = column_notes("map_terms")
CLUSTER_COLUMNS = column_notes("clusters")
PEAK_COLUMNS = column_notes("peaks")
_REGIONS_NOTE = "atlas regions, largest overlap first: name, voxels of the cluster in it, and their share of the region"
OVERLAP_COLUMNS = column_notes("cluster_regions")
SMOOTHNESS_COLUMNS = column_notes("smoothness")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Space:
    """The voxels that were tested, the grid they lie on, what mm are counted from, and the atlas, if there is one.

    Raises:
        DataError: the atlas lies on another grid.
    """

    mask: Bool[Array, "x y z"]
    grid: Grid
    reference: str = "the origin of the mask's space"
    atlas: Atlas | None = None

    def __post_init__(self) -> None:
        """Refuse an atlas whose voxels are not those of the mask."""
        if self.atlas is not None and not self.grid.same_as(self.atlas.grid):
            raise DataError(f"the atlas has {self.atlas.grid}, but the mask has {self.grid}; resample one to the other")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effect:
    """One test as it is written: `prefix` names its files, `more` are maps beside F, p, z and t.

    `p_by_method` has the p of each cluster under every correction that was compared; `direction` says what positive t
    means; `held_out` has columns of clusters from split halves.
    """

    test: TermTest
    prefix: str
    stratum: str | None
    more: Mapping[str, Float[Array, "voxel"]]
    corrected: CorrectedTerm | None
    direction: str | None
    p_by_method: Mapping[str, Float[Array, "cluster"]] = field(default_factory=dict)
    held_out: Mapping[str, Float[Array, "cluster"]] = field(default_factory=dict)


def term_prefix(name: str, stratum: str | None, *, covariate: bool) -> str:
    """Name the files of a term; a covariate that is tested in several strata is told apart by them."""
    if name == "(Intercept)":
        return "intercept"
    if covariate and stratum is not None and ":" in stratum:
        return bids_label(f"{name} In {stratum}")
    return bids_label(name)


def effect_maps(test: TermTest, further: Mapping[str, Float[Array, "voxel"]]) -> dict[str, Float[Array, "voxel"]]:
    """Return the maps of a test beside F, p, z and t: the effect with its error and limits, and its size.

    Args:
        test: of all voxels.
        further: maps of the model itself, by words such as "variance residual".
    """
    maps = {bids_label(name.title()) if " " in name else name: values for name, values in further.items()}
    maps["pes"] = test.partial_eta2
    maps["pesLow"], maps["pesHigh"] = eta2_limits(test.f, test.df1, test.df2)
    low, high = test.interval()
    if test.estimate is not None and test.se is not None and low is not None and high is not None:
        maps |= {"effect": test.estimate, "se": test.se, "effectLow": low, "effectHigh": high}
    if has_d(test):
        sizes = standardized_effect(test)
        maps |= {"d": sizes["d"], "dLow": sizes["d_low"], "dHigh": sizes["d_high"]}
    if _one_df2(test) is None:
        maps["df2"] = np.broadcast_to(test.df2, test.f.shape)
    if isinstance(test, StratumTest) and test.eps_gg is not None and test.log_p_gg is not None and test.df1 > 1:
        maps |= {"epsGG": test.eps_gg, "pGG": np.exp(test.log_p_gg)}
    return maps


def write_effects(
    folder: Path, effects: Sequence[Effect], space: Space, *, rule: Mapping[str, Any] | None = None
) -> None:
    """Write the maps of every effect, `terms.tsv`, and `clusters.tsv` where maps were corrected.

    With an atlas, `clusters.tsv` names the regions of each cluster and `cluster_regions.tsv` has them one a row.
    `rule` says how clusters were formed and corrected; it goes into the sidecar of `clusters.tsv`.
    """
    for effect in effects:
        _write_maps(folder, effect, space)
    write_verdicts(folder, effects, space, rule=rule)


def write_verdicts(
    folder: Path, effects: Sequence[Effect], space: Space, *, rule: Mapping[str, Any] | None = None
) -> None:
    """Write what the correction says of every effect: maps of its p and of its clusters, and the tables."""
    for effect in effects:
        _write_corrected(folder, effect, space)
    write_table(folder / "terms.tsv", pd.DataFrame([_term_row(effect) for effect in effects]), TERM_COLUMNS)
    if any(effect.corrected for effect in effects):
        _write_clusters(folder, effects, space, rule or {})


def check_replaceable(out: Path) -> None:
    """Refuse to replace a folder with files, unless they are the results of an earlier test of maps.

    Raises:
        DataError: `out` holds something else.
    """
    if not all((out / name).is_file() for name in ("terms.tsv", "settings.json")):
        check_unused(out)


def write_residuals(folder: Path, parts: Sequence[MapsPart], n_maps: int, space: Space, *, n_jobs: int = 1) -> None:
    """Write what the model leaves of each of `n_maps` maps, given part by part."""
    write_maps(folder / "residuals.nii.gz", parts, n_maps, space.mask, space.grid, n_jobs=n_jobs)


def write_smoothness(folder: Path, noise: Mapping[str, Smoothness], uneven: Mapping[str, float]) -> None:
    """Write the smoothness of the noise of each stratum, and its unevenness."""
    rows = [
        {
            "stratum": stratum,
            "a": measured.acf.a,
            "b_mm": measured.acf.b_mm,
            "c_mm": measured.acf.c_mm,
            "fwhm_mm": measured.acf.fwhm_mm,
            "fwhm_classic_mm": measured.fwhm_classic_mm,
            "unevenness": uneven[stratum],
        }
        for stratum, measured in noise.items()
    ]
    write_table(folder / "smoothness.tsv", pd.DataFrame(rows), SMOOTHNESS_COLUMNS)


def _write_maps(folder: Path, effect: Effect, space: Space) -> None:
    test = effect.test
    maps = {"F": test.f, "p": test.p, "z": test.z, **effect.more}
    if test.t is not None:
        maps["t"] = test.t
        for statistic in ("t", "z", "effect"):
            sidecar = map_name(effect.prefix, statistic).replace(".nii.gz", ".json")
            write_json(folder / sidecar, {"Term": test.name, "PositiveDirection": effect.direction})
    for statistic, values in maps.items():
        write_term_map(folder, effect, statistic, values, space)


def write_term_map(folder: Path, effect: Effect, statistic: str, values: Float[Array, "voxel"], space: Space) -> None:
    """Write one map of an effect; outside the mask p is 1 and all else 0."""
    is_p = statistic in ("p", "pGG", "puncorrected", "pequivalence")
    # p in double precision: in single, p below 1e-45 would be 0
    volume = np.where(space.mask, on_grid(values, space.mask), 1.0 if is_p else 0.0).astype("f8" if is_p else "f4")
    intent = _intent(effect.test, statistic)
    write_volume(folder / map_name(effect.prefix, statistic), volume, space.grid, intent=intent)


def _intent(test: TermTest, statistic: str) -> Intent | None:
    """NIfTI's name of a statistic with its df; degrees of freedom that differ between voxels have no place there."""
    plain = {"p": "p value", "z": "z score", "effect": "estimate"}
    if statistic in plain:
        return plain[statistic], ()
    df2 = _one_df2(test)
    if df2 is not None and np.isfinite(df2) and statistic in ("F", "t"):
        return ("f test", (float(test.df1), df2)) if statistic == "F" else ("t test", (df2,))
    return None


def _one_df2(test: TermTest) -> float | None:
    """Return the denominator's degrees of freedom where all voxels have the same; None where they differ."""
    distinct = np.unique(np.broadcast_to(test.df2, test.f.shape)[np.isfinite(test.f)])
    return None if len(distinct) > 1 else float(distinct[0] if len(distinct) else np.max(test.df2))


def _write_corrected(folder: Path, effect: Effect, space: Space) -> None:
    if effect.corrected is not None:
        labels = effect.corrected.clusters.labels.astype(np.int32)
        p_map = effect.corrected.p_map.astype(np.float32)
        write_volume(folder / map_name(effect.prefix, "pfwe"), p_map, space.grid)
        write_volume(folder / map_name(effect.prefix, "cluster"), labels, space.grid)


def _write_clusters(folder: Path, effects: Sequence[Effect], space: Space, rule: Mapping[str, Any]) -> None:
    overlap_rows = [row for effect in effects for row in _overlap_rows(effect, space)]
    regions: dict[tuple[object, object], list[str]] = {}
    for row in overlap_rows:
        share = "" if np.isnan(row["percent_of_region"]) else f" ({row['percent_of_region']:.0f} %)"
        regions.setdefault((row["prefix"], row["cluster"]), []).append(f"{row['region']} {row['voxels']}{share}")
    rows = [row for effect in effects for row in _cluster_rows(effect, space)]
    methods = dict.fromkeys(name for effect in effects for name in effect.p_by_method)
    notes = {
        **CLUSTER_COLUMNS,
        "cluster": {"Description": CLUSTER_COLUMNS["cluster"], **rule},
        **{f"p_{name.replace(' ', '_')}": f"smallest corrected p in the cluster: {name}" for name in methods},
    }
    for axis, side in zip("xyz", ("right", "anterior", "superior"), strict=True):
        where = f"{side} is positive, from {space.reference}"
        notes[f"peak_{axis}"] = {"Description": f"voxel of the largest F; {where}", "Units": "mm"}
        notes[f"center_{axis}"] = {"Description": f"center of mass weighted by the statistic; {where}", "Units": "mm"}
    if space.atlas is not None:
        notes["regions"] = _REGIONS_NOTE
        rows = [row | {"regions": "; ".join(regions[row["prefix"], row["cluster"]])} for row in rows]
        table = pd.DataFrame(overlap_rows, columns=list(OVERLAP_COLUMNS))
        write_table(folder / "cluster_regions.tsv", table, OVERLAP_COLUMNS)
    write_table(folder / "clusters.tsv", pd.DataFrame(rows, columns=list(notes)), notes)
    peaks = [row for effect in effects for row in _peak_rows(effect, space)]
    apart = {"Description": PEAK_COLUMNS["peak"], "ApartMm": peak_distance_mm(space.grid)}
    notes = {**PEAK_COLUMNS, "peak": apart}
    write_table(folder / "peaks.tsv", pd.DataFrame(peaks, columns=list(notes)), notes)


def _overlap_rows(effect: Effect, space: Space) -> list[dict[str, Any]]:
    if effect.corrected is None or space.atlas is None:
        return []
    labels = effect.corrected.clusters.labels
    clusters = np.arange(1, len(effect.corrected.clusters.sizes) + 1)
    shared = {"term": effect.test.name, "prefix": effect.prefix}
    return [{**shared, **row} for row in overlaps(labels, clusters, space.atlas, space.mask)]


def _term_row(effect: Effect) -> dict[str, Any]:
    test, corrected = effect.test, effect.corrected
    finite = np.isfinite(test.f)
    row = {
        "term": test.name,
        "prefix": effect.prefix,
        "stratum": effect.stratum,
        "df1": test.df1,
        "df2": float(np.median(np.asarray(test.df2)[finite])) if np.ndim(test.df2) and finite.any() else test.df2,
        "largest_f": test.f[finite].max() if finite.any() else np.nan,
        "voxels_tested": int(finite.sum()),
    }
    if corrected is not None:
        row |= {
            "cluster_size": corrected.size_threshold,
            "cluster_size_se": corrected.size_threshold_se,
            "significant_clusters": int((corrected.p <= corrected.alpha).sum()),
            "significant_voxels": int(corrected.significant.sum()),
        }
    return row


def _cluster_rows(effect: Effect, space: Space) -> list[dict[str, Any]]:
    if effect.corrected is None:
        return []
    clusters, f = effect.corrected.clusters, on_grid(effect.test.f, space.mask)
    at = peak_places(effect, space)
    low, high = effect.test.interval()
    named = {"peak_t": effect.test.t, "peak_effect": effect.test.estimate}
    named |= {"peak_effect_low": low, "peak_effect_high": high}
    numbers = {name: np.full(len(at), np.nan) if values is None else values[at] for name, values in named.items()}
    peaks = space.grid.mm(clusters.peak_voxels.astype(float))
    centers = space.grid.mm(clusters.center_voxels)
    return [
        {
            "term": effect.test.name,
            "prefix": effect.prefix,
            "cluster": index + 1,
            "voxels": int(clusters.sizes[index]),
            "mm3": float(clusters.sizes[index] * space.grid.voxel_mm3),
            "p_fwe": effect.corrected.p[index],
            "peak_f": f[tuple(clusters.peak_voxels[index])],
            **{name: column[index] for name, column in (numbers | dict(effect.held_out)).items()},
            **{f"peak_{axis}": mm for axis, mm in zip("xyz", peaks[index], strict=True)},
            **{f"center_{axis}": mm for axis, mm in zip("xyz", centers[index], strict=True)},
            **{f"p_{name.replace(' ', '_')}": p[index] for name, p in effect.p_by_method.items()},
        }
        for index in range(len(clusters.sizes))
    ]


def peak_places(effect: Effect, space: Space) -> Int[Array, "cluster"]:
    """Return the place of each cluster's peak among the voxels of the mask."""
    assert effect.corrected is not None
    number = np.zeros(space.mask.shape, int)
    number[space.mask] = np.arange(int(space.mask.sum()))
    return number[tuple(effect.corrected.clusters.peak_voxels.T)]


def _peak_rows(effect: Effect, space: Space) -> list[dict[str, Any]]:
    if effect.corrected is None:
        return []
    labels, f = effect.corrected.clusters.labels, on_grid(effect.test.f, space.mask)
    t = None if effect.test.t is None else on_grid(effect.test.t, space.mask)
    rows = []
    for cluster, number, voxel in local_peaks(f, labels, space.grid, apart_mm=peak_distance_mm(space.grid)):
        place = dict(zip("xyz", space.grid.mm(voxel[None].astype(float))[0], strict=True))
        at = tuple(voxel)
        shared = {"term": effect.test.name, "prefix": effect.prefix, "cluster": cluster, "peak": number, "f": f[at]}
        label = None if space.atlas is None else space.atlas.names.get(int(space.atlas.labels[at]), OUTSIDE)
        rows.append({**shared, "t": np.nan if t is None else t[at], **place, "region": label})
    return rows
