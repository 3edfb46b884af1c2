"""The figure of a tested map: slices through what survives, over the anatomy; the rest of the map shines through."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.figures.numbers import effect_text
from cuecircuit.figures.slices import slices_figure
from cuecircuit.io.derivatives import map_name
from cuecircuit.io.nifti import read_volume
from cuecircuit.io.tables import read_json, read_table
from cuecircuit.pipeline.map_tests.files import Space
from cuecircuit.records.grid import Grid
from cuecircuit.report.marks import words
from cuecircuit.study.questions import AnyQuestion, Formula, Question, Strata
from cuecircuit.tables.rows import Tables
from cuecircuit.tables.space import study_space, voxel_height
from cuecircuit.tables.study_files import StudyFiles


def map_folders(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the folders of a question's answers, each with the name of its level of `each`; empty for one alone."""
    if (folder / "settings.json").is_file():
        yield "", folder
        return
    for place in sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else ():
        if (place / "settings.json").is_file():
            yield place.name, place


def map_unit(folder: Path) -> str:
    """Return the unit of the maps that an answer is of; empty where none is named."""
    return str(read_json(folder / "settings.json").get("unit", ""))


def level_of(folder: Path) -> str:
    """Return the level of `each` that an answer is of; empty where there is one answer alone."""
    return str(read_json(folder / "settings.json").get("level", ""))


def level_text(folder: Path) -> str:
    """Return the level of `each` that an answer is of in words."""
    return words(level_of(folder))


def named_effects(question: AnyQuestion) -> tuple[str, ...]:
    """Return the effects that a question names, the one that is drawn first."""
    tests = question.tests if isinstance(question, Formula) else ()
    return (*question.shown, *tests, *(question.contrasts if isinstance(question, Strata) else ()))


def shown_effect(question: AnyQuestion, terms: pd.DataFrame) -> pd.Series:
    """Return the row of the effect that is drawn: the one that is asked for, else the highest interaction."""
    for effect in named_effects(question):
        rows = terms[terms["term"] == effect]
        if len(rows):
            return rows.iloc[0]
    names = terms[terms["term"] != "(Intercept)"]
    order = (names if len(names) else terms).assign(parts=lambda frame: frame["term"].str.count(":"))
    return order.sort_values("parts", kind="stable").iloc[-1]


def positive_direction(folder: Path, prefix: str) -> str:
    """Return what an effect above 0 means, such as ShA - LgA; empty of tests that have no sign."""
    sidecar = folder / map_name(prefix, "effect").replace(".nii.gz", ".json")
    return str(read_json(sidecar).get("PositiveDirection", "")) if sidecar.is_file() else ""


def map_picture(tables: Tables, question: Question, folder: Path) -> tuple[Figure, pd.DataFrame] | None:
    """Draw the shown effect of a tested map, or the map of an agreement or correlation; None where neither is there.

    Drawn are the voxels that survive the correction, or, of numbers without one, those whose interval is above 0
    (agreement) and those with p <= .05 (correlation). Of a test with a sign its z, and under it the effect.

    Args:
        tables: of the study.
        question: whose answer it is.
        folder: of the answer.

    Returns:
        The figure, and the voxels that are drawn with their values.
    """
    files = tables.files
    if not (folder / "terms.tsv").is_file():
        return _number_picture(files, question, folder)
    terms = read_table(folder / "terms.tsv", text=("term", "prefix"))
    prefix = str(shown_effect(question, terms)["prefix"])  # pyright: ignore[reportArgumentType]
    corrected, statistic, effect = (folder / map_name(prefix, kind) for kind in ("pfwe", "z", "effect"))
    if not corrected.is_file() or not statistic.is_file():
        return None
    correction = question.correction or files.study.correction
    assert correction is not None
    space = study_space(files)
    z, grid = read_volume(statistic)
    direction = positive_direction(folder, prefix)
    if not direction:  # a z below 0 of an F is a large p, not an effect the other way
        z = np.maximum(z, 0.0)
    significant = space.mask & (read_volume(corrected)[0] <= correction.alpha)
    height = float(stats.norm.isf(voxel_height(correction) / 2))
    sizes = read_volume(effect)[0] if effect.is_file() else None
    over = effect_label_of(map_unit(folder), direction)
    return _slices(files, z, significant, space, grid, label="z", height=height, effect=sizes, effect_label=over)


def effect_label_of(unit: str, direction: str) -> str:
    """Name an effect with what it is when above 0 and its unit, of slopes per unit of what it rises with."""
    slopes = "".join(f" per {words(name)}" for name in re.findall(r"slope of (\w+)", direction))
    named, above = f"{unit}{slopes}".strip(), effect_text(direction).replace("_", " ")
    return f"Effect, {named or 'unit of the maps'}: {above}"


def _number_picture(files: StudyFiles, question: Question, folder: Path) -> tuple[Figure, pd.DataFrame] | None:
    """Draw a map of intraclass or of ordinary correlations."""
    stems = {"icc": ("iccLow", "ICC"), "changeR": ("changeP", "r")}
    for statistic, (bound, label) in stems.items():
        paths = [next(iter(sorted(folder.glob(f"*_stat-{one}_statmap.nii.gz"))), None) for one in (statistic, bound)]
        if paths[0] is None or paths[1] is None:
            continue
        space = study_space(files)
        values, grid = read_volume(paths[0])
        other = read_volume(paths[1])[0]
        shown = space.mask & (other > 0 if statistic == "icc" else other <= question.alpha)
        height = float(np.min(np.abs(values[shown]))) if shown.any() else 1.0
        return _slices(files, values, shown, space, grid, label=label, height=height)
    return None


def _slices(
    files: StudyFiles,
    values: Float[Array, "x y z"],
    shown: Bool[Array, "x y z"],
    space: Space,
    grid: Grid,
    *,
    label: str,
    height: float,
    effect: Float[Array, "x y z"] | None = None,
    effect_label: str = "",
) -> tuple[Figure, pd.DataFrame]:
    anatomy, anatomy_grid = anatomy_of(files, space.mask, grid)
    figure = slices_figure(
        values,
        shown,
        space.mask,
        grid,
        anatomy=anatomy,
        anatomy_grid=anatomy_grid,
        label=label,
        height=height,
        effect=effect,
        effect_label=effect_label,
        reference=space.reference,
        most=8,
        columns=8,
    )
    voxels = pd.DataFrame(np.round(grid.mm(np.argwhere(shown).astype(float)), 3), columns=["x", "y", "z_mm"])
    voxels["z" if label == "z" else "value"] = values[shown]
    return figure, voxels if effect is None else voxels.assign(effect=effect[shown])


def anatomy_of(files: StudyFiles, mask: Array, grid: Grid) -> tuple[Float[Array, "i j k"], Grid]:
    """Return the background of figures: of the study, of MNI space, or the mask."""
    space = files.study.space
    if space is not None and space.anatomy:
        return read_volume(files.path(space.anatomy))
    if space is not None and "MNI" in space.origin:
        return _mni_anatomy()
    return mask.astype(float), grid


@cache
def _mni_anatomy() -> tuple[Float[Array, "i j k"], Grid]:
    from nilearn.datasets import load_mni152_template

    image = load_mni152_template(resolution=2)
    i, j, k = image.shape
    return np.asarray(image.dataobj, float), Grid(shape=(i, j, k), affine=np.asarray(image.affine, float))
