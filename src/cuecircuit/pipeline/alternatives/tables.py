"""What the tables of several runs say of one result: `alternatives.tsv`, `verdicts.tsv`, `choices.tsv`, pictures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Bool, Int
from cuecircuit.io.derivatives import map_name
from cuecircuit.io.nifti import read_mask, read_volume, write_volume
from cuecircuit.io.tables import ColumnNote, read_table, write_table
from cuecircuit.pipeline.job import StudyFiles
from cuecircuit.pipeline.store import Store
from cuecircuit.records.choices import ChoiceGrid
from cuecircuit.report.marks import value_text
from cuecircuit.study.alternatives import changes
from cuecircuit.study.sections import StudyBase
from cuecircuit.study.settings import resolved
from cuecircuit.study.study import Study

PLANNED = "as planned"
# the widest of the levels that stars stand for; the study file has none for behavior
BEHAVIOR_ALPHA = 0.05
RESULT_COLUMNS: Mapping[str, ColumnNote] = {
    "kind": {"Levels": {"map": "effect tested in every voxel", "region": "correlation of a region with behavior",
                        "behavior": "effect of a behavioral test"}},
    "result": "effect, region, or test and effect",
    "choice": f"alternative of the study file; '{PLANNED}': the study itself",
    "holds": "yes: a cluster of the map survives; q of the region is at most the study's q; p of the test is at most "
             f"{BEHAVIOR_ALPHA}; n/a: this choice has no number for it",
    "value": "significant voxels of a map, r of a region (groups pooled), F of a behavioral test",
    "df1": "numerator degrees of freedom of F",
    "df2": "denominator degrees of freedom of F; median over voxels",
    "p": "smallest corrected p of a cluster, q of the region, or p of the test (Greenhouse-Geisser where it applies)",
    "clusters": "significant clusters of a map",
}  # fmt: skip
VERDICT_COLUMNS: Mapping[str, ColumnNote] = {
    "kind": "as in alternatives.tsv",
    "result": "as in alternatives.tsv",
    "verdict": {"Levels": {"everywhere": "holds under every choice, in one direction",
                           "depends": "holds under some choices only, or in both directions",
                           "nowhere": "holds under no choice", "untested": "no choice has a number for it"}},
    "held": "choices under which it holds",
    "tested": "choices that have a number for it",
    "choices": "all choices, the study's own among them",
    "smallest": "smallest value over the choices",
    "largest": "largest value over the choices",
    "deviant": "choices under which it is not what it is in the study: held or not, or its direction",
}  # fmt: skip
CHOICE_COLUMNS: Mapping[str, ColumnNote] = {
    "choice": "alternative of the study file",
    "setting": "dotted path of the setting that differs",
    "value": "its value there",
    "planned": "its value in the study",
    "source": "where the value of the study comes from: paper, convention, assumed, study file",
    "reason": "why one could have chosen so",
}
GRID, MAP = "alternatives", "alternatives_map"
_MAP_FOLDERS = ("group", "longitudinal")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRun:
    """A study as one choice makes it, and the folder of its run."""

    files: StudyFiles
    root: Path

    @property
    def study(self) -> StudyBase:
        """What this choice plans."""
        return self.files.study


def tables_read(store: Store) -> dict[str, str]:
    """Give the SHA-256 of every file of a run that the tables are made from, by name."""
    kept = (".tsv", "_stat-pfwe_statmap.nii.gz")
    folders = tuple(f"{name}/" for name in ("behavior", "regions", *_MAP_FOLDERS))
    outputs = (item for record in store.records().values() for item in record["outputs"].items())
    return {name: digest for name, digest in outputs if name.endswith(kept) and name.startswith(folders)}


def write_tables(folder: Path, runs: Mapping[str, ChoiceRun]) -> None:
    """Write the tables, the map and the pictures of what holds under which choice.

    Args:
        folder: where to.
        runs: by choice; the first is the study's own.
    """
    from cuecircuit.figures.alternatives import alternatives_figure
    from cuecircuit.figures.saving import save

    planned, *others = runs.values()
    rows = pd.DataFrame([row for choice, run in runs.items() for row in _rows(run, choice)])
    grid = choice_grid(rows, tuple(runs))
    choices = choice_table(planned.study, dict(zip(tuple(runs)[1:], (run.study for run in others), strict=True)))
    write_table(folder / f"{GRID}.tsv", _with_gaps(rows, grid), RESULT_COLUMNS)
    write_table(folder / "verdicts.tsv", verdict_table(grid), VERDICT_COLUMNS)
    write_table(folder / "choices.tsv", choices, CHOICE_COLUMNS)
    save(alternatives_figure(grid.somewhere()), folder / GRID)
    if isinstance(planned.study, Study):
        _write_map(folder, planned, planned.study, runs)


def choice_grid(rows: pd.DataFrame, choices: tuple[str, ...]) -> ChoiceGrid:
    """Lay rows of results out by choice, in the order in which results first come up, kinds together."""
    keys = rows[["kind", "result"]].drop_duplicates()
    order = list(dict.fromkeys(keys["kind"]))
    keys = keys.sort_values("kind", key=lambda kinds: kinds.map(order.index), kind="stable")
    index = pd.MultiIndex.from_frame(keys)
    table = rows.set_index(["kind", "result", "choice"])
    wide = table[["value", "holds"]].unstack("choice").reindex(index)
    value = wide["value"].reindex(columns=choices)
    holds = wide["holds"].reindex(columns=choices) == "yes"
    return ChoiceGrid(
        kinds=tuple(keys["kind"]),
        results=tuple(keys["result"]),
        choices=choices,
        value=value.to_numpy(float),
        holds=holds.to_numpy(bool),
        signed=keys["kind"].isin(["region", "correlation"]).to_numpy(),
    )


def verdict_table(grid: ChoiceGrid) -> pd.DataFrame:
    """Give a row for each result: where it holds, how often, and which choices say otherwise than the study."""
    rows = []
    for index, (kind, result) in enumerate(zip(grid.kinds, grid.results, strict=True)):
        values = grid.value[index, grid.tested[index]]
        rows.append(
            {
                "kind": kind,
                "result": result,
                "verdict": grid.verdict(index),
                "held": grid.held(index),
                "tested": len(values),
                "choices": len(grid.choices),
                "smallest": values.min() if len(values) else np.nan,
                "largest": values.max() if len(values) else np.nan,
                "deviant": ", ".join(grid.deviant(index)) or np.nan,
            }
        )
    return pd.DataFrame(rows, columns=list(VERDICT_COLUMNS))


def choice_table(planned: StudyBase, others: Mapping[str, StudyBase]) -> pd.DataFrame:
    """Give a row for each setting that an alternative changes, with the study's own value and its source."""
    settings = {setting.path: setting for setting in resolved(planned, planned.assumed)}
    rows = []
    for name, other in others.items():
        alternative = planned.alternatives[name]
        values = {setting.path: setting.value for setting in resolved(other, {})}
        rows += [
            {
                "choice": name,
                "setting": each.path,
                "value": value_text(values[each.path]),
                "planned": value_text(settings[each.path].value),
                "source": settings[each.path].source,
                "reason": alternative.why,
            }
            for each in changes(alternative.settings, settings)
        ]
    return pd.DataFrame(rows, columns=list(CHOICE_COLUMNS))


def _with_gaps(rows: pd.DataFrame, grid: ChoiceGrid) -> pd.DataFrame:
    """Give every result a row under every choice, `n/a` where the choice has no number for it."""
    results = list(zip(grid.kinds, grid.results, strict=True))
    index = pd.MultiIndex.from_tuples(
        [(kind, result, choice) for kind, result in results for choice in grid.choices],
        names=["kind", "result", "choice"],
    )
    full = rows.set_index(["kind", "result", "choice"]).reindex(index).reset_index()
    return full[list(RESULT_COLUMNS)]


def _rows(run: ChoiceRun, choice: str) -> Iterator[dict[str, Any]]:
    yield from ({"kind": "map", "choice": choice, **row} for row in _maps(run.root))
    yield from ({"kind": "region", "choice": choice, **row} for row in _regions(run))
    for path in sorted((run.root / "behavior").glob("*_anova.tsv")):
        name = path.stem.removesuffix("_anova").replace("_", " ")
        yield from ({"kind": "behavior", "choice": choice, **row} for row in _tests(path, name))


def _maps(root: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(path for folder in _MAP_FOLDERS for path in (root / folder).rglob("terms.tsv")):
        # a study of people has a folder for each question and contrast
        first, *parts = path.parent.relative_to(root).parts
        where = " ".join(parts if first == "group" else (first, *parts))
        terms = read_table(path, text=("term", "prefix", "stratum"))
        clusters = read_table(path.with_name("clusters.tsv"), text=("prefix", "regions"))
        smallest = clusters.groupby("prefix")["p_fwe"].min()
        times = terms["term"].value_counts()
        for row in terms[terms["significant_voxels"].notna()].to_dict("records"):
            name = str(row["term"])
            said = name if times[name] == 1 else f"{name} ({row['stratum']})"
            yield {
                "result": f"{where}, {said}" if where else said,
                "holds": "yes" if row["significant_voxels"] else "no",
                "value": row["significant_voxels"],
                "df1": row["df1"],
                "df2": row["df2"],
                "p": smallest.get(str(row["prefix"]), np.nan),
                "clusters": row["significant_clusters"],
            }


def _regions(run: ChoiceRun) -> Iterator[dict[str, Any]]:
    study, path = run.study, run.root / "regions" / "correlations.tsv"
    if study.correlations is None or not path.exists():
        return
    table = read_table(path, text=("region", "contrast"))
    for row in table[np.isfinite(table["r"])].to_dict("records"):
        where = f"{row['contrast']}, " if "contrast" in row else ""
        holds = "yes" if row["q"] <= study.correlations.q else "no"
        yield {"result": f"{where}{row['region']}", "holds": holds, "value": row["r"], "p": row["q"]}


def _tests(path: Path, name: str) -> Iterator[dict[str, Any]]:
    table = read_table(path, text=("term", "stratum"))
    corrected = table["p_gg"].fillna(table["p"]) if "p_gg" in table else table["p"]
    for row, p in zip(table.to_dict("records"), corrected, strict=True):
        if np.isfinite(row["F"]):
            yield {
                "result": f"{name}, {row['term']}",
                "holds": "yes" if p <= BEHAVIOR_ALPHA else "no",
                **{"value": row["F"], "df1": row["df1"], "df2": row["df2"], "p": p},
            }


def choices_map(study: Study) -> str:
    """Name the map that counts under how many choices a voxel is significant."""
    return map_name(study.group.effect, "choices")


def voxels_by_share(count: Int[Array, "x y z"], choices: int) -> dict[str, Bool[Array, "x y z"]]:
    """Give the voxels that are significant under any choice, at least half of them, and every one."""
    return {"Any choice": count > 0, "At least half": 2 * count >= choices, "Every choice": count == choices}


def _write_map(folder: Path, planned: ChoiceRun, study: Study, runs: Mapping[str, ChoiceRun]) -> None:
    """Write under how many choices each voxel is significant, and draw it."""
    from cuecircuit.figures.corrections import corrections_figure
    from cuecircuit.figures.saving import save

    mask, grid = read_mask(planned.files.path(study.space.mask))
    anatomy, anatomy_grid = read_volume(planned.files.path(study.space.anatomy))
    significant = [mask & _significant(run) for run in runs.values()]
    count = np.sum(significant, axis=0)
    write_volume(folder / choices_map(study), count.astype(np.int16), grid)
    figure = corrections_figure(
        count.astype(float),
        voxels_by_share(count, len(runs)),
        mask,
        grid,
        anatomy=anatomy,
        anatomy_grid=anatomy_grid,
        label="choices",
        reference=study.space.reference_point,
    )
    save(figure, folder / MAP)
    data = pd.DataFrame(np.round(grid.mm(np.argwhere(count > 0).astype(float)), 3), columns=["x", "y", "z"])
    notes: dict[str, ColumnNote] = {axis: {"Units": "mm"} for axis in "xyz"}
    for choice, kept in zip(runs, significant, strict=True):
        data[choice] = np.where(kept[count > 0], "yes", "no")
        notes[choice] = f"whether the voxel is significant for {study.group.effect}: {choice}"
    write_table(folder / f"{MAP}.tsv", data.assign(choices=count[count > 0]), {**notes, "choices": "how many of them"})


def _significant(run: ChoiceRun) -> Bool[Array, "x y z"]:
    assert isinstance(run.study, Study)
    p, _ = read_volume(run.root / "group" / map_name(run.study.group.effect, "pfwe"))
    return p <= run.study.correction.alpha
