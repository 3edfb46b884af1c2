"""Do the groups that permutation exchanges differ in variance? Told in one line, and kept for `settings.json`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.pipeline.group.blocks import GroupMaps
from cuecircuit.pipeline.progress import say
from cuecircuit.stats.between_model import BetweenModel
from cuecircuit.stats.group_variances import GroupVariances, group_variances, stratum_variances
from cuecircuit.stats.mixed_design import MixedColumns, subject_groups
from cuecircuit.stats.mixed_model import MixedModel
from cuecircuit.stats.rotation import Variance
from cuecircuit.stats.strata_design import StrataModel, groups_of
from cuecircuit.stats.variance_error import nearest_measured_error

_REMEDY = "--variance groups (correction.variance in a study file) rotates subjects within groups"
MIXED_REMEDY = "a mixed model has no remedy but simulation; the error-strata model (--between, --within) has"

# by error stratum, "residual" where there is one
Variances = Mapping[str, GroupVariances]


def strata_variances(maps: GroupMaps, model: StrataModel) -> Variances:
    """Compare the groups' variances in every error stratum and contrast."""
    labels, n = groups_of(model.design), model.n_subjects
    found = {}
    for stratum in (*model.strata, *model.contrast_strata):
        blocks = (y.reshape(n, -1, y.shape[1]) for y in _blocks(maps))
        found[stratum.name] = stratum_variances(blocks, stratum, labels)
    return {name: each for name, each in found.items() if each is not None}


def mixed_variances(maps: GroupMaps, model: MixedModel) -> Variances:
    """Compare the groups' variances of a mixed model, its random effects in them."""
    return _of_rows(_blocks(maps), model.basis, model.design)


def between_variances(y: Float[Array, "subject voxel"], model: BetweenModel) -> Variances:
    """Compare the groups' variances of one map per subject."""
    return _of_rows([y.astype(np.float64)], np.linalg.qr(model.design.x)[0], model.design)


def _of_rows(
    values: Iterable[Float[Array, "row _"]], basis: Float[Array, "row column"], design: MixedColumns
) -> Variances:
    residuals = (y - basis @ (basis.T @ y) for y in values)
    found = group_variances(residuals, basis, design.subjects, subject_groups(design))
    return {} if found is None else {"residual": found}


def _blocks(maps: GroupMaps) -> Iterator[Float[Array, "map voxel"]]:
    return (maps.values[0].read(part).astype(np.float64) for part in maps.blocks)


def warn_of_variances(
    variances: Variances, variance: Variance, *, command: str = "group", remedy: str = _REMEDY
) -> None:
    """Say in one line which groups differ in variance, and what is done about it, or what it does to permutation."""
    differ = {name: each for name, each in variances.items() if each.differ}
    if not differ:
        return
    name, worst = max(differ.items(), key=lambda item: item[1].sd_ratio)
    groups = ", ".join(
        f"{group} (n = {n}, SD {sd:.2f})" for group, n, sd in zip(worst.groups, worst.n, worst.sd, strict=True)
    )
    where = f", largest in {name}" if len(variances) > 1 else ""
    found = f"groups differ in variance: {groups}; SD ratio {worst.sd_ratio:.2f}, p = {worst.p:.2g}{where}"
    if variance != "equal":
        say(f"{command}: {found}: subjects are rotated within groups ({', '.join(differ)})")
        return
    cell = nearest_measured_error(worst)
    power = "such a design loses power; " if cell.rate < 0.05 and cell.sd_ratio < 1 else ""
    say(
        f"{command}: warning: {found}: in null studies of groups of {cell.n[0]} and {cell.n[1]}, the first with "
        f"{cell.sd_ratio:.2g} × the SD, permutation at .05 found something in {100 * cell.rate:.0f} %; {power}{remedy}"
    )


def variance_facts(variances: Variances) -> dict[str, Any]:
    """Return ratios, p and verdicts for a file of settings; nothing where nothing was compared."""
    facts = {
        name: {
            "groups": dict(zip(each.groups, each.n, strict=True)),
            "relative_sd": {group: round(sd, 6) for group, sd in zip(each.groups, each.sd, strict=True)},
            "sd_ratio": round(each.sd_ratio, 6),
            "p": each.p,
            "verdict": "variances differ" if each.differ else "no sign that variances differ",
        }
        for name, each in variances.items()
    }
    return {"group_variances": facts} if facts else {}
