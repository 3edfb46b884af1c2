"""Questions on maps: models fitted to every voxel and corrected; agreement and change as maps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import CuecircuitError, DataError, DesignError
from cuecircuit.group.correction import on_grid
from cuecircuit.io.derivatives import bids_label, map_name
from cuecircuit.io.maps import read_maps
from cuecircuit.io.nifti import write_volume
from cuecircuit.io.tables import ColumnNote, read_json, write_json, write_table
from cuecircuit.models.evidence import EvidenceSettings
from cuecircuit.models.model import Model
from cuecircuit.pipeline.map_tests.corrections import Comparison
from cuecircuit.pipeline.map_tests.design import Correction as MapCorrection
from cuecircuit.pipeline.map_tests.files import Space
from cuecircuit.pipeline.map_tests.planned_tests import plan_tests
from cuecircuit.pipeline.map_tests.tested_maps import write_tests
from cuecircuit.questions.answer import together
from cuecircuit.questions.model_questions import evidence_settings, mixed_df
from cuecircuit.stats.reliability import change_correlation, intraclass_correlation
from cuecircuit.study.accounting import names_in, split_reference
from cuecircuit.study.acquisition import Correction
from cuecircuit.study.question_checks import formula_of
from cuecircuit.study.questions import AnyQuestion, Correlation, Formula, Question, Reliability, Strata
from cuecircuit.tables.rows import VALUE, Chosen, Tables
from cuecircuit.tables.space import compared_corrections, correction_settings, study_space

_ICC = {"absolute": "agreement", "consistency": "consistency"}
_OF_NUMBERS = "{of}: means and counts are of numbers; ask them of regions (`regions`, then of: regions.NAME)"


@dataclass(frozen=True, slots=True, kw_only=True)
class MapWork:
    """Where maps are and where what is found goes: `maps_folder` for names of maps, `up` the way back to it."""

    maps_folder: Path
    up: str
    n_jobs: int


def write_map_answer(tables: Tables, question: AnyQuestion, folder: Path, work: MapWork) -> tuple[str, ...]:
    """Answer a question on maps into a folder, or a folder for each level of `each`.

    Args:
        tables: those that are made so far.
        question: on a table of maps.
        folder: where to write.
        work: where maps are.

    Returns:
        Who is left out, a line each.

    Raises:
        DataError: maps or columns that are missing.
        DesignError: the design cannot carry its tests.
    """
    space = study_space(tables.files)
    lines: list[str] = []
    for level, chosen in map_levels(tables, question):
        place = folder / "_".join(map(bids_label, level))
        up = work.up + "../" * (1 if level else 0)
        try:
            _answer(
                tables, question, chosen, space, place, MapWork(maps_folder=work.maps_folder, up=up, n_jobs=work.n_jobs)
            )
        except CuecircuitError as error:
            raise type(error)([f"{' '.join(level)}: {fault}" if level else fault for fault in error.faults]) from error
        facts = read_json(place / "settings.json")
        absent = (*chosen.left_out, *_lacking(question, chosen), *_of_nobody(tables, question, chosen))
        facts["left_out"] = list(dict.fromkeys([*absent, *facts.get("left_out", ())]))
        write_json(place / "settings.json", {**facts, "level": " ".join(level), "unit": _unit(tables, question)})
        lines += absent
    return tuple(dict.fromkeys(lines))


def rehearse_map_answer(tables: Tables, question: AnyQuestion) -> tuple[str, ...]:
    """Answer a question on maps with drawn numbers in place of maps, and plan its corrections.

    Args:
        tables: those that are made so far; names of maps are not read.
        question: on a table of maps.

    Returns:
        Who is left out and what is not corrected, a line each.

    Raises:
        DataError: maps or columns that are missing; every level of `each` that is at fault.
        DesignError: the design cannot carry its tests, or its corrections.
    """
    lines: list[str] = []
    faults: dict[str, None] = {}
    for level, chosen in map_levels(tables, question):
        try:
            lines += (
                *chosen.left_out,
                *_lacking(question, chosen),
                *_of_nobody(tables, question, chosen),
                *_rehearse_level(tables, question, chosen),
            )
        except CuecircuitError as error:
            faults |= dict.fromkeys(f"{' '.join(level)}: {fault}" if level else fault for fault in error.faults)
    if faults:
        raise DesignError(together(faults))
    return tuple(dict.fromkeys(lines))


def _rehearse_level(tables: Tables, question: AnyQuestion, chosen: Chosen) -> tuple[str, ...]:
    rng = np.random.default_rng(0)
    match question:
        case Strata() | Formula():
            asked = map_request(tables, question, chosen, 1)
            return plan_tests(
                asked.frame,
                model=asked.model,
                correction=asked.correction,
                comparison=asked.comparison,
                evidence=asked.evidence,
            )
        case Reliability():
            levels, subjects, _ = _paired(tables, question, chosen, question.over)
            intraclass_correlation(rng.standard_normal((len(subjects), len(levels), 1)))
        case Correlation():
            change = _changes(tables, question, chosen)
            change_correlation(change.x, rng.standard_normal((*change.x.shape, 1)))
        case _:
            raise DataError(_OF_NUMBERS.format(of=question.of))
    return ()


def _answer(tables: Tables, question: AnyQuestion, chosen: Chosen, space: Space, folder: Path, work: MapWork) -> None:
    match question:
        case Strata() | Formula():
            _tests(tables, question, chosen, space, folder, work)
        case Reliability():
            _agreement(tables, question, chosen, space, folder, work)
        case Correlation():
            _change(tables, question, chosen, space, folder, work)
        case _:
            raise DataError(_OF_NUMBERS.format(of=question.of))


def _unit(tables: Tables, question: Question) -> str:
    """Return the unit of the maps that a question is asked of; empty where none is named."""
    notes = tables.made[split_reference(question.of)[0]].notes.get("map", {})
    return str(notes.get("Units", "")) if isinstance(notes, Mapping) else ""


def map_levels(tables: Tables, question: AnyQuestion) -> Iterator[tuple[tuple[str, ...], Chosen]]:
    """Yield the rows of each level of `each` with its name, a label per key."""
    # maps are differenced voxel by voxel, not as numbers of a table
    rows = question.model_copy(update={"change": None})
    chosen = tables.choose(rows, _keep(tables, question), _columns(tables, question))
    if not question.each:
        yield (), chosen
        return
    table = split_reference(question.of)[0]
    keys = list(question.each)
    there = chosen.rows[keys].drop_duplicates()
    ranks = {key: tables.levels(table, question, key) or tuple(dict.fromkeys(there[key])) for key in keys}
    order = there.assign(**{f"_{k}": there[k].map(ranks[k].index) for k in keys}).sort_values([f"_{k}" for k in keys])
    for labels in order[keys].itertuples(index=False, name=None):
        of_level = (
            chosen.rows[(chosen.rows[keys] == list(labels)).all(axis=1)].drop(columns=keys).reset_index(drop=True)
        )
        yield (
            tuple(map(str, labels)),
            Chosen(rows=of_level, keys=tuple(k for k in chosen.keys if k not in keys), left_out=chosen.left_out),
        )


def _keep(tables: Tables, question: AnyQuestion) -> tuple[str, ...]:
    keys = tables.files.books.tables[split_reference(question.of)[0]].keys
    modeled: list[str] = []
    match question:
        case Strata():
            modeled += [*question.within, *([] if question.unit == "subject" else [question.unit])]
        case Formula():
            modeled += [name for name in formula_of(question.formula).columns if name in keys and name != "subject"]
            modeled += question.repeats
        case Reliability():
            modeled.append(question.over)
        case Correlation():
            modeled += [question.change] if question.change else []
    return names_in(modeled, question.each)


def _columns(tables: Tables, question: AnyQuestion) -> tuple[str, ...]:
    if isinstance(question, Formula):
        keep = _keep(tables, question)
        return tuple(name for name in formula_of(question.formula).columns if name not in (*keep, "subject"))
    return names_in(*(getattr(question, key, ()) for key in ("between", "covariates")))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MapRequest:
    """What `write_tests` is asked for: complete rows, the model and its corrections."""

    frame: pd.DataFrame
    model: Model
    correction: MapCorrection
    exploratory: MapCorrection
    comparison: Comparison | None
    evidence: EvidenceSettings | None


def map_request(tables: Tables, question: Strata | Formula, chosen: Chosen, n_jobs: int) -> MapRequest:
    """Return the model of a question on chosen maps and how its tests are corrected.

    Raises:
        DataError: variances that are not there.
    """
    study = tables.files.study
    correction = question.correction or study.correction
    assert correction is not None
    model = _model(tables, question, chosen.rows)
    if model.variance and chosen.rows.get(model.variance, pd.Series(dtype=object)).isna().all():
        raise DataError(
            f"method mixed-effects weighs maps by their variances, and {question.of} has none; add a column variance "
            "to the table of maps, or use method: ols"
        )
    whole = _needed(question, chosen.rows)
    heights = (False, True) if correction.exploratory_z else (False,)
    made = [correction_settings(correction, seed=study.seed, n_jobs=n_jobs, exploratory=one) for one in heights]
    return MapRequest(
        frame=whole[whole.notna().all(axis=1)].reset_index(drop=True),
        model=model,
        correction=made[0],
        exploratory=made[1] if len(made) > 1 else None,
        comparison=_comparison(question, correction, study.seed, n_jobs),
        evidence=evidence_settings(question.evidence) if question.evidence is not None else None,
    )


_FILES = {"map_unsmoothed", "variance"}


def _needed(question: Strata | Formula, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of maps without which a row does not enter a model."""
    unused = {"map_unsmoothed"} if getattr(question, "method", "") == "mixed-effects" else _FILES
    return rows[[name for name in rows if name not in unused]]


def _lacking(question: AnyQuestion, chosen: Chosen) -> Iterator[str]:
    """Yield whose maps lack a number that the model of a question needs, and which."""
    if not isinstance(question, Strata | Formula):
        return
    lacks = _needed(question, chosen.rows).isna()
    for row in np.flatnonzero(lacks.any(axis=1)):
        names = ", ".join(map(str, lacks.columns[lacks.iloc[row]]))
        yield f"{chosen.rows['subject'].iloc[row]}: left out, no {names}"


def _tests(
    tables: Tables, question: Strata | Formula, chosen: Chosen, space: Space, folder: Path, work: MapWork
) -> None:
    asked = map_request(tables, question, chosen, work.n_jobs)
    write_tests(
        folder,
        asked.frame,
        work.maps_folder,
        space,
        model=asked.model,
        correction=asked.correction,
        exploratory=asked.exploratory,
        comparison=asked.comparison,
        evidence=asked.evidence,
        n_jobs=work.n_jobs,
        up=work.up,
    )


def _comparison(question: Strata | Formula, correction: Correction, seed: int, n_jobs: int) -> Comparison | None:
    if not isinstance(question, Strata) or not question.shown:
        return None
    return compared_corrections(correction, question.shown[0], seed=seed, n_jobs=n_jobs)


def _model(tables: Tables, question: Strata | Formula, rows: pd.DataFrame) -> Model:
    if isinstance(question, Strata):
        names = [*question.between, *question.within]
        return Model(
            subject=question.unit,
            between=question.between,
            within=question.within,
            covariates=question.covariates,
            contrasts=question.contrasts,
            factors=_factors(tables, question, names, rows),
        )
    columns = formula_of(question.formula).columns
    names = [name for name in columns if name in tables.files.books.factors or name in question.factors]
    return Model(
        subject="subject",
        formula=question.formula,
        method=question.method,  # pyright: ignore[reportArgumentType]
        variance="variance" if question.method == "mixed-effects" else "",
        factors=_factors(tables, question, names, rows),
        contrasts=tuple(test for test in question.tests if " - " in test),
        tests=question.tests,
        df=mixed_df(question),
    )


def _of_nobody(tables: Tables, question: AnyQuestion, chosen: Chosen) -> tuple[str, ...]:
    if not isinstance(question, Strata | Formula):
        return ()
    return tables.of_nobody(question, list(_model(tables, question, chosen.rows).factors), chosen.rows)


def _factors(
    tables: Tables, question: Question, names: Sequence[str], rows: pd.DataFrame
) -> Mapping[str, tuple[str, ...]]:
    made = {}
    for name in names:
        there = set(rows[name].dropna().astype(str))
        planned = tables.levels(split_reference(question.of)[0], question, name)
        made[name] = tuple(level for level in planned if level in there)
    return made


def _paired(tables: Tables, question: Question, chosen: Chosen, key: str) -> tuple[list[str], list[str], pd.DataFrame]:
    """Return the levels of a key, the subjects who have all of them, and their maps, subject × level."""
    levels = list(tables.levels(split_reference(question.of)[0], question, key))
    wide = chosen.rows.pivot(index="subject", columns=key, values="map").reindex(columns=levels)
    order = [subject for subject in dict.fromkeys(chosen.rows["subject"]) if wide.loc[subject].notna().all()]
    return levels, order, wide.loc[order]


def _agreement(
    tables: Tables, question: Reliability, chosen: Chosen, space: Space, folder: Path, work: MapWork
) -> None:
    levels, subjects, names = _paired(tables, question, chosen, question.over)
    y = _read(names, space, work).reshape(len(subjects), len(levels), -1)
    intraclass = intraclass_correlation(y, kind=_ICC[question.agreement])  # pyright: ignore[reportArgumentType]
    maps = {"icc": intraclass.icc, "iccLow": intraclass.ci_low, "iccHigh": intraclass.ci_high}
    _write(folder, question.over, maps, space)
    facts = {"of": question.of, "over": question.over, "n_subjects": len(subjects)}
    left_out = [f"{one}: no value at some level of {question.over}" for one in _others(chosen, subjects)]
    _summary(folder, {"icc": intraclass.icc}, space)
    write_json(folder / "settings.json", {**facts, "left_out": left_out})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Changes:
    """Both sides of a correlation of changes: numbers and names of maps of the subjects who have both."""

    levels: list[str]
    subjects: list[str]
    x: Float[Array, "subject level"]
    names: pd.DataFrame


def _changes(tables: Tables, question: Correlation, chosen: Chosen) -> _Changes:
    if question.change is None:
        raise DataError(f"{question.of}: a correlation on maps is of changes; without `change`, ask by formula")
    levels, subjects, names = _paired(tables, question, chosen, question.change)
    right = tables.choose(question.with_.model_copy(update={"change": None}), [question.with_.change or ""])
    wide = right.rows.pivot(index="subject", columns=question.with_.change or "", values=VALUE).reindex(columns=levels)
    both = [subject for subject in subjects if subject in wide.index and wide.loc[subject].notna().all()]
    return _Changes(levels=levels, subjects=both, x=wide.loc[both].to_numpy(float), names=names.loc[both])


def _change(tables: Tables, question: Correlation, chosen: Chosen, space: Space, folder: Path, work: MapWork) -> None:
    change = _changes(tables, question, chosen)
    assert question.change is not None
    y = _read(change.names, space, work).reshape(*change.x.shape, -1)
    correlated = change_correlation(change.x, y)
    _write(folder, question.change, {"changeR": correlated.r, "changeP": correlated.p}, space)
    _summary(folder, {"r": correlated.r}, space)
    n, first, last = len(change.subjects), change.levels[0], change.levels[-1]
    facts = {"of": question.of, "with": question.with_.of, "change": question.change, "n_subjects": n}
    left_out = [f"{one}: no value at {first} or {last} on one side" for one in _others(chosen, change.subjects)]
    write_json(folder / "settings.json", {**facts, "left_out": left_out})


def _others(chosen: Chosen, kept: Sequence[str]) -> list[str]:
    return [subject for subject in dict.fromkeys(chosen.rows["subject"]) if subject not in set(kept)]


def _summary(folder: Path, numbers: Mapping[str, Float[Array, "voxel"]], space: Space) -> None:
    """Write the median and the middle 90 % of a map over each region of the atlas and the whole mask."""
    labels = np.zeros(int(space.mask.sum()), int) if space.atlas is None else space.atlas.labels[space.mask]
    parts = {"whole mask": np.ones(len(labels), dtype=bool)}
    parts |= {name: labels == label for label, name in (space.atlas.names if space.atlas else {}).items()}
    rows = []
    for statistic, values in numbers.items():
        for region, inside in parts.items():
            finite = values[inside & np.isfinite(values)]
            low, median, high = np.percentile(finite, [5, 50, 95]) if len(finite) else (np.nan,) * 3
            row = {"region": region, "statistic": statistic, "voxels": len(finite)}
            rows.append({**row, "median": median, "percentile_5": low, "percentile_95": high})
    notes: dict[str, ColumnNote] = {
        "region": "region of the atlas",
        "statistic": "icc: intraclass correlation; r: correlation of the changes",
        "voxels": "voxels with a number",
        "median": "over the voxels",
        "percentile_5": "over the voxels",
        "percentile_95": "over the voxels",
    }
    write_table(folder / "summary.tsv", pd.DataFrame(rows), notes)


def _read(names: pd.DataFrame, space: Space, work: MapWork) -> Float[Array, "map voxel"]:
    return read_maps([str(name) for name in names.to_numpy().ravel()], work.maps_folder, space.mask, space.grid)


def _write(folder: Path, contrast: str, maps: Mapping[str, Float[Array, "voxel"]], space: Space) -> None:
    for statistic, values in maps.items():
        volume = on_grid(np.asarray(values), space.mask).astype(np.float32)
        write_volume(folder / map_name(contrast, statistic), volume, space.grid)
