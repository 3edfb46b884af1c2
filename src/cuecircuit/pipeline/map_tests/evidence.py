"""Maps of evidence beside those of a test, and how many voxels each effect is supported in, or its absence."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.io.tables import column_notes, write_table
from cuecircuit.models.evidence import Evidence, EvidenceSettings, evidence
from cuecircuit.models.model import Model
from cuecircuit.pipeline.map_tests.files import Effect, Space, write_term_map
from cuecircuit.stats.multiple_testing import adjust_p

# near √10, from where Jeffreys (1961) calls evidence "substantial"
_SUBSTANTIAL = np.log(3.0)
_Q = 0.05
COLUMNS = column_notes("evidence")


def evidence_faults(model: Model) -> list[str]:
    """Return why the effects of a model have no one standard deviation; nothing where they have."""
    if not model.covariate and model.fitted_by in ("strata", "ols"):
        return []
    what = "a covariate by voxel" if model.covariate else f"method {model.fitted_by}"
    return [
        f"evidence: found {what}, expected error strata or least squares, whose effects have one standard deviation; "
        "use --between and --within, or --method ols"
    ]


def write_evidence(folder: Path, effects: Sequence[Effect], space: Space, settings: EvidenceSettings) -> None:
    """Write maps of the Bayes factor, of g and of the p of equivalence of every effect, and `evidence.tsv`.

    Args:
        folder: where the maps of the effects are.
        effects: tests as written.
        space: of the maps.
        settings: scale of the prior and bound of equivalence.

    Raises:
        DesignError: the model has no one standard deviation to measure effects by.
    """
    rows = []
    for effect in effects:
        if effect.test.name == "(Intercept)" and len(effects) > 1:
            continue  # the grand mean of responses to cues has no null of interest
        term_evidence = evidence(effect.test, settings)
        for statistic, values in _maps(term_evidence).items():
            write_term_map(folder, effect, statistic, values, space)
        rows.append(_row(effect, term_evidence, settings))
    write_table(folder / "evidence.tsv", pd.DataFrame(rows, columns=list(COLUMNS)), COLUMNS)


def _maps(found: Evidence) -> dict[str, Float[Array, "voxel"]]:
    maps = {"logBF10": found.log_bf10, "g": found.g, "pequivalence": found.p_equivalence}
    return {name: values for name, values in maps.items() if values is not None}


def _row(effect: Effect, found: Evidence, settings: EvidenceSettings) -> dict[str, Any]:
    there = np.isfinite(found.log_bf10)
    log_bf10 = found.log_bf10[there]
    row = {"term": effect.test.name, "prefix": effect.prefix, "scale": found.scale, "voxels": int(there.sum())}
    row |= {
        "voxels_for": int((log_bf10 >= _SUBSTANTIAL).sum()),
        "voxels_against": int((log_bf10 <= -_SUBSTANTIAL).sum()),
        "median_log_bf10": float(np.median(log_bf10)) if len(log_bf10) else np.nan,
    }
    if found.p_equivalence is not None:
        q = adjust_p(found.p_equivalence[there], "fdr")
        row |= {"bound": settings.bound, "voxels_negligible": int((q <= _Q).sum())}
    return row
