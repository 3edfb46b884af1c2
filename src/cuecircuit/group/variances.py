"""Do the groups that permutation exchanges differ in variance? Told in one line, and kept for `settings.json`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from cuecircuit.arrays import Array, Float
from cuecircuit.models.family import Family
from cuecircuit.models.formula import FormulaFamily, MixedFitter
from cuecircuit.models.strata import StrataFamily
from cuecircuit.stats.between_model import ONE_ERROR
from cuecircuit.stats.group_variances import GroupVariances, formula_variances, stratum_variances
from cuecircuit.stats.rotation import Variance
from cuecircuit.stats.strata_design import StrataModel, Stratum, groups_of
from cuecircuit.stats.variance_error import nearest_measured_error

_REMEDY = (
    "--variance groups (correction.variance in a study file, variance='groups' in Python) rotates subjects within "
    "groups"
)
_MIXED_REMEDY = "a mixed model has no remedy but simulation; the error-strata model (between, within) has"

# by error stratum, "residual" where there is one
Variances = Mapping[str, GroupVariances]
ReadBlocks = Callable[[], Iterator[Float[Array, "row voxel"]]]


def compare_variances(read: ReadBlocks, family: Family) -> Variances:
    """Compare the variances of groups of subjects in every error stratum of a model; random effects are in them.

    Args:
        read: reads the measure, some voxels after the others.
        family: what is fitted to it.
    """
    if isinstance(family, StrataFamily):
        strata = (*family.model.strata, *family.model.contrast_strata)
        compared = {each.name: compare_in_stratum(read(), family.model, each) for each in strata}
        return {name: each for name, each in compared.items() if each is not None}
    assert isinstance(family, FormulaFamily)
    between = formula_variances(read(), family.fitter.design)
    return {} if between is None else {ONE_ERROR: between}


def compare_in_stratum(
    y_blocks: Iterable[Float[Array, "row voxel"]], model: StrataModel, stratum: Stratum
) -> GroupVariances | None:
    """Compare the variances of groups in one error stratum; None where there is one group."""
    cells = (y.reshape(model.n_subjects, -1, y.shape[1]) for y in y_blocks)
    return stratum_variances(cells, stratum, groups_of(model.design))


def variance_note(variances: Variances, variance: Variance, family: Family) -> str | None:
    """State in one line which groups differ in variance, and what is done about it, or what it does to permutation."""
    mixed = isinstance(family, FormulaFamily) and isinstance(family.fitter, MixedFitter)
    differ = {name: each for name, each in variances.items() if each.differ}
    if not differ:
        return None
    name, worst = max(differ.items(), key=lambda item: item[1].sd_ratio)
    groups = ", ".join(
        f"{group} (n = {n}, SD {sd:.2f})" for group, n, sd in zip(worst.groups, worst.n, worst.sd, strict=True)
    )
    where = f", largest in {name}" if len(variances) > 1 else ""
    sentence = f"groups differ in variance: {groups}; SD ratio {worst.sd_ratio:.2f}, p = {worst.p:.2g}{where}"
    if variance != "equal" and not mixed:
        return f"{sentence}: subjects are rotated within groups ({', '.join(differ)})"
    cell = nearest_measured_error(worst)
    power = "such a design loses power; " if cell.rate < 0.05 and cell.sd_ratio < 1 else ""
    return (
        f"warning: {sentence}: in null studies of groups of {cell.n[0]} and {cell.n[1]}, the first with "
        f"{cell.sd_ratio:.2g} × the SD, permutation at .05 found something in {100 * cell.rate:.0f} %; "
        f"{power}{_MIXED_REMEDY if mixed else _REMEDY}"
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
