"""One map under several corrections: `corrections.tsv`, and a map of the corrected p of each method."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.clusters.labeling import Clusters
from cuecircuit.clusters.smoothness import Smoothness
from cuecircuit.errors import DesignError
from cuecircuit.group.correction import ClusterNulls, CorrectionSettings, correct, simulate_nulls
from cuecircuit.group.permutation import PermutationSettings, PermutedTerm
from cuecircuit.group.planned_permutation import plan_of
from cuecircuit.group.side_by_side import METHODS, Correction, CorrectionMethod, permuted_by, side_by_side
from cuecircuit.group.variances import Variances
from cuecircuit.io.derivatives import bids_label, map_name
from cuecircuit.io.nifti import write_volume
from cuecircuit.io.tables import column_notes, write_table
from cuecircuit.models.strata import StrataFamily
from cuecircuit.pipeline.map_tests.blocks import GroupMaps
from cuecircuit.pipeline.map_tests.files import Space
from cuecircuit.pipeline.map_tests.permuted import permute_map
from cuecircuit.pipeline.progress import steps
from cuecircuit.stats.strata_result import StratumTest

COLUMNS = column_notes("corrections")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The term whose corrections are compared, the methods, and how each is done.

    `stratum` is needed for a covariate that is tested in several.
    """

    term: str
    methods: tuple[CorrectionMethod, ...] = METHODS
    simulation: CorrectionSettings
    permutation: PermutationSettings
    stratum: str | None = None


def write_comparison(
    folder: Path,
    maps: GroupMaps,
    family: StrataFamily,
    test: StratumTest,
    noise: Smoothness,
    space: Space,
    comparison: Comparison,
    *,
    nulls: ClusterNulls | None,
    variances: Variances,
) -> dict[str, Float[Array, "cluster"]]:
    """Correct one term's map by every method asked for, and give the p of its clusters by method.

    `noise` is the smoothness of the term's stratum, `nulls` are its nulls where they were simulated already,
    `variances` are those of groups by stratum.

    Raises:
        DesignError: too few subjects for a permutation at this α.
    """
    permuted = _permuted(maps, family, test, space, comparison, variances)
    simulated = None
    if "simulation size" in comparison.methods or nulls is not None:
        simulated = correct(test, space.mask, nulls or _nulls(noise, space, comparison.simulation))
    # the clusters of the map that decides: its test reaches voxels that some subjects lack, permutation does not
    clusters = permuted.clusters if nulls is None or simulated is None else simulated.clusters
    done = {each.method: each for each in side_by_side(permuted, space.mask, simulated=simulated, clusters=clusters)}
    chosen = [done[method] for method in comparison.methods]
    for each in chosen:
        write_volume(folder / method_map(test.name, each.method), each.p_map.astype(np.float32), space.grid)
    rows = correction_rows(test.name, chosen, clusters)
    write_table(folder / "corrections.tsv", pd.DataFrame(rows, columns=list(COLUMNS)), COLUMNS)
    return {each.method: each.p_clusters for each in chosen}


def method_map(term: str, method: str) -> str:
    """Name the map of a method's corrected p: `permutation tfce` is stat-pPermutationTfce."""
    return map_name(term, "p" + bids_label(method.title()))


def correction_rows(term: str, chosen: Sequence[Correction], clusters: Clusters) -> list[dict[str, Any]]:
    """Return a row for each method and cluster; cluster 0 gathers the voxels that lie in none."""
    rows = []
    for each in chosen:
        counts = np.bincount(clusters.labels[each.voxels], minlength=len(clusters.sizes) + 1)
        shared = {
            "term": term,
            "method": each.method,
            "family_wise": "yes" if each.family_wise else "no",
            "alpha": each.alpha,
        }
        for label, count in enumerate(counts):
            largest = (
                {"voxels": int(clusters.sizes[label - 1]), "p": float(each.p_clusters[label - 1])} if label else {}
            )
            survives = {"survives": "yes" if count else "no"} if label else {}
            rows.append({**shared, "cluster": label, **largest, **survives, "voxels_surviving": int(count)})
    return rows


def _permuted(
    maps: GroupMaps,
    family: StrataFamily,
    test: StratumTest,
    space: Space,
    comparison: Comparison,
    variances: Variances,
) -> PermutedTerm:
    # clusters are those of the permuted map; where no permutation is asked for, the cheapest makes them
    statistics = permuted_by(comparison.methods) or ("voxel",)
    try:
        with steps(f"corrections of {test.name}", comparison.permutation.n_permutations) as advance:
            plan = plan_of(family, test, comparison.permutation, variances)
            return permute_map(maps, plan, test, space, comparison.permutation, statistics, advance)
    except DesignError as error:
        error.add_note("(correction.compare asks for permutation beside the correction; leave it out of the list)")
        raise


def _nulls(noise: Smoothness, space: Space, settings: CorrectionSettings) -> ClusterNulls:
    with steps("null fields", settings.iterations) as advance:
        return simulate_nulls(noise, space.mask, space.grid, settings, progress=advance)
