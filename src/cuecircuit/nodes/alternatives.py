"""Other choices of the analysis beside the study's own: each is a run on shared nodes, then all are set side by side.

`OUT/alternatives_runs/NAME` is a run like any other; a node whose key is that of the study or of an alternative before
it takes over its files (`store`). `OUT/alternatives` has what came of all: results, verdicts, choices, a figure.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.figures.alternatives import alternatives_figure
from cuecircuit.figures.saving import save
from cuecircuit.figures.specification import Curve, specification_figure
from cuecircuit.io.atomic import remove
from cuecircuit.io.tables import read_table, write_table
from cuecircuit.nodes.stages import bring_up_to_date
from cuecircuit.nodes.work import QUESTIONS, Work
from cuecircuit.pages.figures import is_about_maps, look_of
from cuecircuit.pages.map_pictures import level_text, map_folders
from cuecircuit.pipeline.progress import say
from cuecircuit.pipeline.store import Stage, Store
from cuecircuit.questions.answer import deciding_p
from cuecircuit.questions.verdicts import (
    CHOICE_COLUMNS,
    PLANNED,
    RESULT_COLUMNS,
    VERDICT_COLUMNS,
    choice_grid,
    verdict_table,
)
from cuecircuit.report.marks import counted, value_text
from cuecircuit.study.fields import settings_of
from cuecircuit.study.questions import AnyQuestion, Correlation, Counts, Formula, Strata
from cuecircuit.study.schema import Study
from cuecircuit.tables.study_files import alternative_files

FOLDER, RUNS, GRID, CURVES = "alternatives", "alternatives_runs", "alternatives", "specification"
_RATIO = "Ratio"
# columns of clusters.tsv
_PEAK = {"estimate": "peak_effect", "low": "peak_effect_low", "high": "peak_effect_high"}


def run_alternatives(work: Work) -> None:
    """Run every alternative of a study that is up to date, then set all results side by side.

    Raises:
        DataError: what was wrong with each that failed, after all others are done.
    """
    study, faults, done = work.files.study, list[str](), [work.out]
    work.store.check_inside(work.out / RUNS)
    for root in sorted((work.out / RUNS).glob("*")):
        if root.name not in study.alternatives:
            remove(root)
    for name, files in alternative_files(work.files).items():
        say(f"alternative {name}: {study.alternatives[name].why}")
        chosen = Work(files, Store(work.out / RUNS / name, work.store.sources, tuple(done), files.roots), work.n_jobs)
        try:
            for node in chosen.nodes:
                bring_up_to_date(chosen, node)
        except CuecircuitError as error:
            faults += (f"alternative {name}: {fault}" for fault in error.faults)
            continue
        shared = len(chosen.store.taken_over())
        say(f"alternative {name}: {counted(len(chosen.store.records()) - shared, 'stage')} of its own, {shared} shared")
        done.append(chosen.out)
    DataError.raise_any(faults)
    stage = alternatives_stage(work)
    if why := work.store.why_stale(stage):
        say(f"alternatives: {why}")
        work.store.run(stage)


def alternatives_stage(work: Work) -> Stage:
    """Make the stage that sets the results of all alternatives beside those of the study."""
    roots = {PLANNED: work.out, **{name: work.out / RUNS / name for name in work.files.study.alternatives}}
    inputs = [path for root in roots.values() for path in sorted((root / QUESTIONS).rglob("*.tsv"))]

    def make(folder: Path) -> None:
        studies = {PLANNED: work.files.study, **{n: f.study for n, f in alternative_files(work.files).items()}}
        records = {name: Store(root).records() for name, root in roots.items()}
        touched = {
            (choice, name): choice == PLANNED or _differs(of_choice, records[PLANNED], f"{QUESTIONS}.{name}")
            for choice, of_choice in records.items()
            for name in work.files.study.questions
        }
        _write(folder, {name: (studies[name], root / QUESTIONS) for name, root in roots.items()}, touched)

    settings = {"study": work.files.study}
    return Stage(name=FOLDER, target=FOLDER, settings=settings, inputs=tuple(inputs), make=make)


def _differs(records: Mapping[str, Any], planned: Mapping[str, Any], stage: str) -> bool:
    """Return whether a stage rests on other settings or inputs than in the study's own run."""
    return any(records[stage][part] != planned[stage][part] for part in ("settings", "inputs"))


def forget_outdated(work: Work) -> None:
    """Remove what came of alternatives that no longer belong to the study; the page shows what is there."""
    if FOLDER in work.store.records() and (why := work.store.why_stale(alternatives_stage(work))):
        work.store.drop([FOLDER])
        say(f"alternatives: left out, {why}; add --alternatives to bring them up to date")


def _write(folder: Path, runs: Mapping[str, tuple[Study, Path]], touched: Mapping[tuple[str, str], bool]) -> None:
    rows = pd.DataFrame(
        [
            {"question": name, "choice": choice, "touched": "yes" if touched[choice, name] else "no", **row}
            for choice, (study, place) in runs.items()
            for name, question in study.questions.items()
            for row in _results(name, question, place / name)
        ]
    )
    grid = choice_grid(rows, tuple(runs))
    index = pd.MultiIndex.from_tuples(
        [(k, r, choice) for k, r in zip(grid.kinds, grid.results, strict=True) for choice in grid.choices],
        names=["kind", "result", "choice"],
    )
    full = rows.set_index(["kind", "result", "choice"]).reindex(index).reset_index()
    write_table(folder / f"{GRID}.tsv", full[list(RESULT_COLUMNS)], RESULT_COLUMNS)
    write_table(folder / "verdicts.tsv", verdict_table(grid), VERDICT_COLUMNS)
    write_table(folder / "choices.tsv", _choices(runs), CHOICE_COLUMNS)
    (planned, _), *_ = runs.values()
    with look_of(planned.style):
        save(alternatives_figure(grid.somewhere()), folder / GRID)
        if curves := list(_curves(planned, rows)):
            save(specification_figure(curves), folder / CURVES)
    if curves:
        drawn = full[full["result"].isin([curve.result for curve in curves])]
        write_table(folder / f"{CURVES}.tsv", drawn[list(RESULT_COLUMNS)], RESULT_COLUMNS)


def _curves(planned: Study, rows: pd.DataFrame) -> Iterator[Curve]:
    """Yield a curve for each question that a choice touches: of the shown effect, else of the strongest as planned."""
    for name, of_question in rows[rows["estimate"].notna()].groupby("question", sort=False):
        named = [of_question["result"].str.endswith(f", {term}") for term in planned.questions[str(name)].shown]
        asked = of_question[np.any(named, axis=0)] if named else of_question
        first = asked[asked["choice"] == PLANNED].sort_values("p", kind="stable")
        if first.empty:
            continue
        result, measure = str(first.iloc[0]["result"]), str(first.iloc[0]["measure"])
        shown = of_question[
            (of_question["result"] == result) & ((of_question["touched"] == "yes") | (of_question["choice"] == PLANNED))
        ]
        if len(shown) > 1:
            yield Curve(
                result=result,
                measure=measure,
                choices=tuple(shown["choice"]),
                **{part: shown[part].to_numpy(float) for part in ("estimate", "low", "high")},
                holds=(shown["holds"] == "yes").to_numpy(),
                none=1.0 if measure == _RATIO else 0.0,
            )


def _choices(runs: Mapping[str, tuple[Study, Path]]) -> pd.DataFrame:
    """Return a row for each setting that an alternative changes, with the study's own value and its source."""
    (planned, _), *_ = runs.values()
    setting_of = {setting.path: setting for setting in settings_of(planned, planned.assumed, planned.about.follows)}
    rows = []
    for name, alternative in planned.alternatives.items():
        for path, value in alternative.settings.items():
            stated = setting_of.get(path)
            rows.append(
                {
                    "choice": name,
                    "setting": path,
                    "value": value_text(value),
                    "planned": value_text(stated.value) if stated else "n/a",
                    "source": stated.source if stated else "study file",
                    "reason": alternative.why,
                }
            )
    return pd.DataFrame(rows, columns=list(CHOICE_COLUMNS))


def _results(name: str, question: AnyQuestion, place: Path) -> Iterator[dict[str, Any]]:
    title = question.title or name.replace("_", " ")
    if is_about_maps(question):
        for level, folder in map_folders(place):
            yield from _maps(f"{title}, {level_text(folder)}" if level else title, folder)
        return
    match question:
        case Strata() | Formula():
            for stem in ("terms", "contrasts"):
                path = place / f"{stem}.tsv"
                yield from _tests(title, question, path) if path.is_file() else ()
        case Correlation():
            yield from _correlations(title, question, place / "correlation.tsv")
        case Counts():
            for row in read_table(place / "ratios.tsv", text=("comparison",)).to_dict("records"):
                name = f"{title}, {row['comparison']}"
                effect = (_RATIO, row["ratio"], row["ci_low"], row["ci_high"])
                yield _row("contrast", name, row["t"], row["p"], question.alpha, effect, df2=float(row["df"]))
        case _:
            return


def _maps(title: str, folder: Path) -> Iterator[dict[str, Any]]:
    path = folder / "terms.tsv"
    if not path.is_file():
        return
    terms = read_table(path, text=("term", "prefix", "stratum"))
    if "significant_voxels" not in terms:
        return
    clusters = read_table(folder / "clusters.tsv", text=("prefix", "regions"))
    strongest = clusters.sort_values(["prefix", "p_fwe", "peak_f"], ascending=[True, True, False], kind="stable")
    strongest = strongest.drop_duplicates("prefix").set_index("prefix")
    times = terms["term"].value_counts()
    for row in terms[terms["significant_voxels"].notna()].to_dict("records"):
        term = str(row["term"])
        shown = term if times[term] == 1 else f"{term} ({row['stratum']})"
        yield {
            "kind": "map",
            "result": f"{title}, {shown}",
            "holds": "yes" if row["significant_voxels"] else "no",
            "value": row["significant_voxels"],
            "df1": row["df1"],
            "df2": row["df2"],
            "p": strongest["p_fwe"].get(str(row["prefix"]), np.nan),
            "clusters": row["significant_clusters"],
            "measure": "Effect at the peak",
            **{
                part: strongest[column].get(str(row["prefix"]), np.nan) if column in strongest else np.nan
                for part, column in _PEAK.items()
            },
        }


def _tests(title: str, question: Strata | Formula, path: Path) -> Iterator[dict[str, Any]]:
    effect = "term" if path.stem == "terms" else "contrast"
    table = read_table(path, text=(effect, "stratum", *question.each))
    asked = question.tests if isinstance(question, Formula) else ()
    for row in table.assign(p=deciding_p).to_dict("records"):
        if asked and row[effect] not in asked:
            continue
        where, p = " ".join(str(row[key]) for key in question.each), row["p"]
        name = ", ".join(filter(None, (title, where, str(row[effect]))))
        df1, df2 = float(row.get("df1", 1)), float(row.get("df2", row.get("df")))
        estimate, low, high = (float(row.get(part, np.nan)) if df1 == 1 else np.nan for part in _PEAK)
        size = ("Effect", estimate, low, high)
        if effect == "contrast":
            t = float(np.copysign(np.sqrt(row["F"]), row["estimate"]))
            yield _row("contrast", name, t, p, question.alpha, size, df2=df2)
        else:
            yield _row("test", name, row["F"], p, question.alpha, size, df1=df1, df2=df2)


def _correlations(title: str, question: Correlation, path: Path) -> Iterator[dict[str, Any]]:
    for row in read_table(path, text=question.each).assign(p=deciding_p).to_dict("records"):
        where = " ".join(str(row[key]) for key in question.each)
        name = ", ".join(filter(None, (title, where)))
        effect = ("r", row["r"], row["ci_low"], row["ci_high"])
        yield _row("correlation", name, row["r"], row["p"], question.alpha, effect)


def _row(
    kind: str,
    result: str,
    value: float,
    p: float,
    alpha: float,
    effect: tuple[str, float, float, float],
    *,
    df1: float = np.nan,
    df2: float = np.nan,
) -> dict[str, Any]:
    holds = np.nan if pd.isna(p) else "yes" if p <= alpha else "no"
    measure, estimate, low, high = effect
    return {
        "kind": kind,
        "result": result,
        "holds": holds,
        "value": value if not pd.isna(p) else np.nan,
        "df1": df1,
        "df2": df2,
        "p": p,
        "clusters": np.nan,
        "measure": measure,
        "estimate": estimate,
        "low": low,
        "high": high,
    }
