"""Every figure of a study: one of each question under its name, and those that the study file names further."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import font_manager

from cuecircuit.errors import StudyError
from cuecircuit.figures.corrections import corrections_figure
from cuecircuit.figures.glass_brain import glass_brain_figure
from cuecircuit.figures.slices import slices_figure
from cuecircuit.figures.style import PANEL_HEIGHT_MM, PANEL_MM, Look, house_look, sheet, style
from cuecircuit.io.nifti import read_volume
from cuecircuit.io.tables import ColumnNote, read_table
from cuecircuit.pages.drawn_figure import DrawnFigure
from cuecircuit.pages.edge_pictures import connectogram, is_about_edges
from cuecircuit.pages.map_pictures import anatomy_of, level_of, map_folders, map_picture, map_unit, shown_effect
from cuecircuit.pages.pictures import picture
from cuecircuit.pages.session_figures import session_figures
from cuecircuit.pages.viewer import viewed_question, viewer_text
from cuecircuit.pipeline.map_tests.corrections import method_map
from cuecircuit.questions.answer import NOTES
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.questions import AnyQuestion, Style
from cuecircuit.study.questions import Figure as Named
from cuecircuit.tables.operant import known_kinetics
from cuecircuit.tables.rows import VALUE, Tables
from cuecircuit.tables.shared_mask import COLUMNS
from cuecircuit.tables.space import regions_asked, study_space
from cuecircuit.tables.study_files import StudyFiles

VIEWER, SHARED_MASK = "viewer.json", "shared_mask"
_MM: Mapping[str, ColumnNote] = {axis: {"Units": "mm"} for axis in ("x", "y", "z_mm")}
# the table that a figure is drawn from: the first of these that an answer has
_SOURCES = ("rows", "correlation", "reliability", "ratios", "means", "terms", "regions")


def look_of(style: Style) -> AbstractContextManager[None]:
    """Draw everything inside in the style of a study.

    Raises:
        StudyError: its font is not on this machine.
    """
    if style.font and style.font not in font_manager.get_font_names():
        raise StudyError(f"style.font: no font '{style.font}' on this machine; install it, or leave it out")
    look = Look(font=style.font, font_pt=style.font_pt, double_mm=style.width_mm, colors=style.colors)
    return house_look(look)


def draw_figures(tables: Tables, questions: Path, folder: Path) -> None:
    """Draw everything that was asked, each figure beside its table.

    Args:
        tables: of the study.
        questions: folder of the answers.
        folder: where to write.
    """
    study = tables.files.study
    for name, question in study.questions.items():
        for stem, drawn in _of_question(tables, question, questions / name, name):
            drawn.save(folder / stem)
    if study.space is not None and study.space.is_shared:
        _shared_mask(tables.files).save(folder / SHARED_MASK)
    viewed = viewed_question(tables)
    text = viewer_text(tables, viewed, questions / viewed) if viewed else None
    if text is not None:
        (folder / VIEWER).write_text(text + "\n", encoding="utf-8")
    for stem, drawn in session_figures(study, questions.parent / "operant", known_kinetics(study)):
        drawn.save(folder / stem)
    for stem, named in study.figures.items():
        drawn = _named(tables, named, questions / named.question)
        if drawn is not None:
            drawn.save(folder / stem)


def is_about_maps(question: AnyQuestion) -> bool:
    """Return whether a question's response is a map."""
    return split_reference(question.of)[0].startswith(("maps.", "contrasts."))


def _of_question(tables: Tables, question: AnyQuestion, place: Path, name: str) -> Iterator[tuple[str, DrawnFigure]]:
    if not is_about_maps(question):
        drawn = _of_table(tables, question, place, {})
        yield from [(name, drawn)] if drawn is not None else []
        if is_about_edges(question):
            yield from _connectogram(tables, question, place, name)
        return
    for level, folder in map_folders(place):
        drawn = _of_map(tables, question, folder)
        if drawn is not None:
            yield f"{name}_{level}" if level else name, drawn


def _of_map(tables: Tables, question: AnyQuestion, folder: Path) -> DrawnFigure | None:
    picture = map_picture(tables, question, folder)
    if picture is None:
        return None
    effect: ColumnNote = {"Description": "size of the effect in the voxel", "Units": map_unit(folder)}
    notes = {**_MM, "z": "statistic of the voxel", "value": "of the voxel", "effect": effect}
    return DrawnFigure(figure=picture[0], source=picture[1], notes=notes)


def _connectogram(tables: Tables, question: AnyQuestion, place: Path, name: str) -> Iterator[tuple[str, DrawnFigure]]:
    answer = _answer_of(place)
    figure = connectogram(tables, question, answer)
    if figure is not None:
        source = answer.get("network_edges", answer["terms"])
        yield f"{name}_connectogram", DrawnFigure(figure=figure, source=source, notes=NOTES)


def _answer_of(place: Path) -> dict[str, pd.DataFrame]:
    return {path.stem: read_table(path, text=("subject", "day", "bin")) for path in sorted(place.glob("*.tsv"))}


def _named(tables: Tables, named: Named, place: Path) -> DrawnFigure | None:
    question = tables.files.study.questions[named.question]
    only = {key: levels[0] for key, levels in named.only.items()}
    if named.kind == "region_map":
        return _region(tables, question, only.get("region", ""))
    if not is_about_maps(question):
        return _of_table(tables, question, place, only)
    level = " ".join(only[key] for key in question.each)
    folder = next((part for _, part in map_folders(place) if level_of(part) == level), None)
    if folder is None:
        return _nothing(level)
    return (_corrections if named.kind == "corrections" else _of_map)(tables, question, folder)


def _of_table(tables: Tables, question: AnyQuestion, place: Path, only: Mapping[str, str]) -> DrawnFigure | None:
    answer = _answer_of(place)
    for key, level in only.items():
        answer = {
            stem: table[table[key].astype(str) == level].reset_index(drop=True) if key in table else table
            for stem, table in answer.items()
        }
    each = tuple(key for key in question.each if key not in only)
    figure = picture(tables, question.model_copy(update={"each": each}), answer, title=" ".join(only.values()))
    if figure is None:
        return _nothing(" ".join(only.values())) if only else None
    paired = "pairs" in answer and not each and len(answer["correlation"]) == 1
    source = answer["pairs"] if paired else next(answer[name] for name in _SOURCES if name in answer)
    notes = {**NOTES, VALUE: "response", "x": "x axis", "y": "y axis"}
    return DrawnFigure(figure=figure, source=source, notes=notes)


def _nothing(name: str) -> DrawnFigure:
    """Draw a sentence where a figure that is asked for has no number to show."""
    with style():
        figure = sheet(PANEL_MM, PANEL_HEIGHT_MM)
        axes = figure.subplots()
        axes.axis("off")
        axes.text(0.5, 0.5, f"{name}:\nno number to show", ha="center", va="center", transform=axes.transAxes)
    return DrawnFigure(figure=figure, source=pd.DataFrame({"shown": [name]}), notes={"shown": "what has no number"})


def _region(tables: Tables, question: AnyQuestion, name: str) -> DrawnFigure | None:
    space = study_space(tables.files, regions_asked(tables.files.study, question))
    atlas = space.atlas
    label = next((label for label, region in atlas.names.items() if region == name), None) if atlas else None
    if atlas is None or label is None:
        return None
    inside = atlas.labels == label
    source = pd.DataFrame(np.round(space.grid.mm(np.argwhere(inside).astype(float)), 3), columns=["x", "y", "z_mm"])
    return DrawnFigure(figure=glass_brain_figure(inside, space.mask, space.grid, title=name), source=source, notes=_MM)


def _corrections(tables: Tables, question: AnyQuestion, folder: Path) -> DrawnFigure | None:
    """Draw which voxels survive each of the corrections that the study sets side by side."""
    study = tables.files.study
    correction = question.correction or study.correction
    effect = shown_effect(question, read_table(folder / "terms.tsv", text=("term", "prefix", "stratum")))
    term = str(effect["term"])
    methods = [name.replace("_", " ") for name in correction.compare] if correction else []
    there = {method: folder / method_map(term, method) for method in methods}
    there = {method: path for method, path in there.items() if path.is_file()}
    if correction is None or not there:
        return None
    space = study_space(tables.files)
    statistic, grid = read_volume(folder / f"contrast-{effect['prefix']}_stat-F_statmap.nii.gz")
    survivors = {method: space.mask & (read_volume(path)[0] <= correction.alpha) for method, path in there.items()}
    anatomy, anatomy_grid = anatomy_of(tables.files, space.mask, grid)
    figure = corrections_figure(
        statistic,
        {_method_label(method): kept for method, kept in survivors.items()},  # pyright: ignore[reportArgumentType]
        space.mask,
        grid,
        anatomy=anatomy,
        anatomy_grid=anatomy_grid,
        label=f"F({effect['df1']}, {effect['df2']})",
        reference=space.reference,
    )
    anywhere = np.any(list(survivors.values()), axis=0)
    places = np.round(grid.mm(np.argwhere(anywhere).astype(float)), 3)
    source = pd.DataFrame(places, columns=["x", "y", "z_mm"]).assign(F=statistic[anywhere])
    for method, kept in survivors.items():
        source[method] = np.where(kept[anywhere], "yes", "no")
    notes = {**_MM, "F": "statistic of the effect", **{method: f"whether it survives: {method}" for method in there}}
    return DrawnFigure(figure=figure, source=source, notes=notes)


def _shared_mask(files: StudyFiles) -> DrawnFigure:
    """Draw the part of the subjects whose brain masks have each voxel, wherever anyone has it."""
    shared = files.shared_mask
    anywhere = shared.counts > 0
    anatomy, anatomy_grid = anatomy_of(files, anywhere, shared.grid)
    assert files.study.space is not None
    figure = slices_figure(
        shared.counts / len(shared.subjects),
        anywhere,
        anywhere,
        shared.grid,
        anatomy=anatomy,
        anatomy_grid=anatomy_grid,
        label="part of\nsubjects",
        height=1.0,
        reference=files.study.space.origin,
    )
    return DrawnFigure(figure=figure, source=shared.subjects, notes=COLUMNS)


def _method_label(method: str) -> str:
    """Print the name of a correction: Permutation TFCE, FDR."""
    said = method.replace("tfce", "TFCE").replace("fdr", "FDR")
    return said[:1].upper() + said[1:]
