"""The records of a group analysis beside its statistics: settings, which map was which, how many entered where."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import cuecircuit
from cuecircuit.arrays import Array, Int
from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.group.coverage import MapFacts
from cuecircuit.io.nifti import write_volume
from cuecircuit.io.tables import column_notes, write_json, write_table
from cuecircuit.models.design import Design
from cuecircuit.models.family import Fitted
from cuecircuit.pipeline.map_tests.design import Correction
from cuecircuit.pipeline.map_tests.files import Space
from cuecircuit.pipeline.map_tests.permuted import Permutation, PermutedMap
from cuecircuit.records.cells import cell_labels, row_numbers


def write_counts(path: Path, counts: Int[Array, "voxel"], space: Space) -> None:
    """Write how many subjects or maps entered the test of each voxel, where that differs between voxels."""
    if np.ptp(counts) > 0:
        volume = np.zeros(space.grid.shape, np.int16)
        volume[space.mask] = counts
        write_volume(path, volume, space.grid)


def counted(entered: Int[Array, "voxel"]) -> dict[str, int]:
    """Return the number of voxels by number of subjects or maps, most first."""
    counts = np.bincount(entered)
    return {str(n): int(counts[n]) for n in np.flatnonzero(counts)[::-1]}


def cluster_rule(correction: Correction) -> dict[str, Any]:
    """State in the sidecar of clusters.tsv how clusters were formed and corrected."""
    if correction is None:
        return {}
    by_permutation = isinstance(correction, Permutation)
    settings = correction.settings if by_permutation else correction
    return {
        "Correction": f"permutation, {correction.statistic}" if by_permutation else "simulated null fields, size",
        "VoxelP": settings.voxel_p,
        "Alpha": settings.alpha,
        "Connectivity": settings.connectivity,
        "Sided": settings.sided,
    }


def write_observations(
    folder: Path, rows: pd.DataFrame, columns: Sequence[str], *, files: Sequence[str], up: str
) -> None:
    """Write `maps.tsv`: which map was which observation.

    Args:
        folder: of the results.
        rows: the observations.
        columns: of the design.
        files: columns that name files, `map` among them.
        up: the way from the results back to where names of files start, such as `../`; empty leaves them alone.
    """
    rows = rows[list(dict.fromkeys([*columns, *files]))].assign(**{name: up + rows[name] for name in files})
    notes = dict.fromkeys(rows, "column of the design")
    notes["map"] = "map of the row; volume k of residuals.nii.gz is what the model leaves of map k, from 0"
    write_table(folder / "maps.tsv", rows, notes)


def unused_maps(frame: pd.DataFrame, bound: Design, aside: Sequence[str]) -> list[str]:
    """Name the maps that no test takes, and why: those set aside, then those that the model leaves out."""
    reasons = dict(line.split(": ", 1) for line in bound.left_out)
    subject, numbers = bound.model.subject, row_numbers(frame.index)
    lines = []
    for place in np.setdiff1d(np.arange(len(frame)), bound.rows):
        whose = cell_labels(frame.iloc[[place]], subject)[0] if subject else ""
        reason = reasons.get(whose) or reasons.get(f"row {numbers[place]}") or "left out"
        lines.append(f"{frame['map'].iloc[place]}: {reason}")
    named = {line.partition(":")[0] for line in aside}
    return [*aside, *(line for line in lines if line.partition(":")[0] not in named)]


def write_coverage(path: Path, facts: Sequence[MapFacts], aside: Sequence[str]) -> None:
    """Write what is in the voxels of each map, and which maps were not used."""
    rows = [{"map": each.name, "entered": "yes", **_voxels(each)} for each in facts]
    rows += [{"map": line.partition(":")[0], "entered": line.partition(": ")[2]} for line in aside]
    columns = column_notes("coverage")
    write_table(path, pd.DataFrame(rows, columns=list(columns)), columns)


def _voxels(facts: MapFacts) -> dict[str, int]:
    return {"not_finite": facts.n_missing, "exactly_zero": facts.n_zero}


_MODELS = {
    "strata": "error-strata ANCOVA, type III, sum-to-zero coding",
    "reml": "linear mixed model by REML, type III, sum-to-zero coding",
}
_BETWEEN = "between subjects, one map each, type III, sum-to-zero coding"


def model_settings(bound: Design, fitted: Fitted, left_out: Sequence[str], *, zero_is_missing: bool) -> dict[str, Any]:
    """Return what was asked of the model, who entered, what each column is, and how many voxels could not be tested."""
    model = bound.model
    tested = np.any([np.isfinite(test.f) for test in fitted.tests], axis=0)
    asked = {name: value for name, value in asdict(model).items() if name not in ("block", "method") and value}
    if model.fitted_by != "reml":
        asked.pop("df")
    if model.fitted_by != "mixed-effects":
        asked = {name: value for name, value in asked.items() if name not in ("criterion", "variance_test")}
    return {
        "model": _MODELS.get(model.fitted_by, _BETWEEN),
        "method": model.fitted_by,
        **asked,
        "roles": dict(bound.roles),
        "left_out": list(left_out),
        **({"notes": list(bound.notes)} if bound.notes else {}),
        "zero_is_missing": zero_is_missing,
        "n_maps": len(bound.rows),
        "n_subjects": int(fitted.n_units.max()),
        "n_voxels_tested": int(tested.sum()),
        "voxels": {
            **fitted.counts,
            "by_subjects": counted(fitted.n_units),
            "by_observations": counted(fitted.n_rows),
        },
        **(_OF_STRATA if model.fitted_by == "strata" else {}),
    }


_OF_STRATA = {
    "grand_mean": "tested where every covariate is 0; other tests do not depend on where",
    "contrasts_error": "each contrast by the scores of the subjects on it, regressed on groups and covariates",
}


def write_settings(
    folder: Path, space: Space, correction: Correction, model: Mapping[str, Any], permuted: Iterable[PermutedMap]
) -> None:
    """Write `settings.json`: every choice made."""
    settings = {
        "software": f"cuecircuit {cuecircuit.__version__}",
        **model,
        "mask_voxels": int(space.mask.sum()),
        "voxel_mm": [round(float(edge), 6) for edge in space.grid.voxel_mm],
        "correction": None,
    }
    if isinstance(correction, CorrectionSettings):
        settings["correction"] = {"rule": "simulated null fields", **asdict(correction)}
    elif correction is not None:
        rule = {"rule": "permutation", "statistic": correction.statistic, "exchange": correction.exchange}
        done = {"permuted": [each.facts for each in permuted]}
        settings["correction"] = {**rule, **asdict(correction.settings), **done}
    if settings["correction"]:
        del settings["correction"]["n_jobs"]  # results do not depend on it
    write_json(folder / "settings.json", settings)
