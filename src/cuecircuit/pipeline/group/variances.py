"""Do the groups that permutation exchanges differ in variance? Told in one line, and kept for `settings.json`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.pipeline.group.blocks import GroupMaps
from cuecircuit.pipeline.progress import say
from cuecircuit.stats.between_model import BetweenModel
from cuecircuit.stats.group_variances import GroupVariances, group_variances
from cuecircuit.stats.mixed_design import MixedColumns
from cuecircuit.stats.mixed_model import MixedModel
from cuecircuit.stats.strata_design import StrataModel, groups_of
from cuecircuit.stats.variance_error import nearest_measured_error

# by error stratum, "residual" where there is one
Variances = Mapping[str, GroupVariances]


def strata_variances(maps: GroupMaps, model: StrataModel) -> Variances:
    """Compare the groups' variances in every error stratum and contrast."""
    labels, n = groups_of(model.design), model.n_subjects
    found = {}
    for stratum in (*model.strata, *model.contrast_strata):
        subjects = np.repeat(np.arange(n), stratum.scores.shape[1])
        scores = (
            np.einsum("scv,ck->skv", y.reshape(n, -1, y.shape[1]), stratum.scores).reshape(len(subjects), -1)
            for y in _blocks(maps)
        )
        found[stratum.name] = _compared(scores, stratum.basis, subjects, labels)
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
    """Compare the cells of the factors that do not vary within subjects."""
    first = np.unique(design.subjects, return_index=True)[1]
    between = [each for each in design.factors.values() if (each.codes == each.codes[first][design.subjects]).all()]
    labels = [":".join(each.levels[each.codes[row]] for each in between) for row in first]
    found = _compared(values, basis, design.subjects, labels)
    return {} if found is None else {"residual": found}


def _blocks(maps: GroupMaps) -> Iterator[Float[Array, "map voxel"]]:
    return (maps.values[0].read(part).astype(np.float64) for part in maps.blocks)


def _compared(
    values: Iterable[Float[Array, "row _"]],
    basis: Float[Array, "row column"],
    subjects: Int[Array, "row"],
    labels: Sequence[str],
) -> GroupVariances | None:
    if len(set(labels)) < 2:
        return None
    residuals = (y - basis @ (basis.T @ y) for y in values)
    return group_variances(residuals, basis, subjects, labels)


def warn_of_variances(variances: Variances, command: str = "group") -> None:
    """Say in one line which groups differ in variance, and what that does to permutation."""
    differ = {name: each for name, each in variances.items() if each.differ}
    if not differ:
        return
    name, worst = max(differ.items(), key=lambda item: item[1].sd_ratio)
    groups = ", ".join(
        f"{group} (n = {n}, SD {sd:.2f})" for group, n, sd in zip(worst.groups, worst.n, worst.sd, strict=True)
    )
    cell = nearest_measured_error(worst)
    others = f" ({', '.join(differ)})" if len(variances) > 1 else ""
    power = "; such a design loses power" if cell.rate < 0.05 and cell.sd_ratio < 1 else ""
    say(
        f"{command}: warning: groups differ in variance{others}: {groups}; SD ratio {worst.sd_ratio:.2f}, "
        f"p = {worst.p:.2g}, largest in {name}: in null studies of groups of {cell.n[0]} and {cell.n[1]}, the first "
        f"with {cell.sd_ratio:.2g} × the SD, permutation at .05 found something in {100 * cell.rate:.0f} %{power}"
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
