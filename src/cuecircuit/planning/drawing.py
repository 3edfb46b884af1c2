"""One simulated study as tables in memory: what its files would hold, without files.

Subjects, visits, counts of sessions and of bins, ratings of trials and one number per region of every map are drawn as
`cuecircuit simulate` draws them; scans, logs and times of events are not. Where animals live through the study, its
files are written to a temporary folder and read as those of any study. A smaller study is the first subjects of
each group of a larger one, so that sizes share their chance and curves are smooth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from cuecircuit.errors import CuecircuitError, StudyError
from cuecircuit.io.tables import read_table
from cuecircuit.nodes.graph import ordered_nodes, upstream
from cuecircuit.planning.map_numbers import map_tables, region_tables
from cuecircuit.planning.session_numbers import bins_table, operant_table
from cuecircuit.planning.voxels import Voxels, draw_maps
from cuecircuit.simulation.cohort import draw_cohort
from cuecircuit.simulation.columns import columns_of
from cuecircuit.simulation.declared import check_effects, effect_tables, scan_keys, trial_rows
from cuecircuit.simulation.faults import study_faults
from cuecircuit.simulation.lived import check_lived, simulate_lived
from cuecircuit.simulation.places import draw_place, kind_of, regions_named
from cuecircuit.simulation.planting import Drawn, Planting, draw_study, effects_of, stream
from cuecircuit.simulation.trial_plan import draw_events, timing_of
from cuecircuit.study.questions import Composite, Split
from cuecircuit.study.schema import Study
from cuecircuit.tables.derived import derived_table
from cuecircuit.tables.making import asks_for_levels, make_node
from cuecircuit.tables.rows import Tables
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Template:
    """What all draws share: `planting` of the largest study, in which nobody misses anything, under a hypothesis."""

    files: StudyFiles
    planting: Planting
    hypothesis: str


def region_names(files: StudyFiles) -> tuple[str, ...]:
    """Return the regions that maps are averaged over: of the atlas of the study, or those that it names.

    The names are those of the table of labels where it is there, and of a drawn brain with the regions that the study
    names otherwise.
    """
    study = files.study
    if study.space is None:
        return ()
    if study.space.atlas is None:
        return regions_named(study)
    if study.space.labels is not None and files.path(study.space.labels).is_file():
        return tuple(read_table(files.path(study.space.labels), text=("name",))["name"].astype(str))
    return draw_place(study, "tiny").regions


def template_of(files: StudyFiles, *, hypothesis: str, regions: Sequence[str], sizes: Mapping[str, int]) -> Template:
    """Prepare draws of a study.

    Args:
        files: the study, with questions that can be asked of numbers alone.
        hypothesis: name of a set of effects, or `null`; of animals that live through the study one of theirs.
        regions: that maps have.
        sizes: subjects of each group in the largest study.

    Raises:
        StudyError: a study that cannot be drawn or lived through, no such hypothesis, effects that do not fit the rows
            they are to change.
        DataError: a table of effects that is at fault.
    """
    study = _of_size(files.study, sizes)
    assert study.simulation is not None
    columns = columns_of(study)
    if study.simulation.lived:
        check_lived(study, hypothesis)
    elif faults := list(study_faults(study, columns)):
        raise StudyError(faults)
    cohort = replace(draw_cohort(study, columns, stream(0, "cohort")), missing={})
    planting = Planting(
        study=study,
        cohort=cohort,
        columns=columns,
        effects={} if study.simulation.lived else effects_of(study, hypothesis),
        seed=0,
        regions=tuple(regions),
        tables=effect_tables(study, files.file.parent),
        every_edge=True,
    )
    if study.trials is not None:
        # when trials come changes no number of theirs: one order of trials serves all draws
        # no scan is drawn, so that its length does not matter
        roomy = study.scans and study.scans.model_copy(update={"volumes": None})
        timing = timing_of(study.model_copy(update={"scans": roomy}), kind_of(study), "tiny")
        keys = scan_keys(study, cohort)
        events = {key.words: draw_events(study, timing, stream(0, "events", *key.words)) for key in keys}
        planting = replace(planting, trials=trial_rows(keys, events))
    check_effects(planting)
    return Template(files=replace(files, study=study), planting=planting, hypothesis=hypothesis)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnStudy:
    """The tables of a drawn study; `faults` has why a derived table could not be made, `maps` tables of drawn maps."""

    tables: Tables
    faults: Mapping[str, str]
    maps: Mapping[str, Table] = field(default_factory=dict)

    @property
    def with_maps(self) -> Tables:
        """The tables with maps in place of numbers by region."""
        return replace(self.tables, made={**self.tables.made, **self.maps})


def draw_tables(template: Template, seed: int, voxels: Voxels | None = None) -> DrawnStudy:
    """Draw one study of the largest size, with maps where there are voxels to draw."""
    files, study = template.files, template.planting.study
    if study.simulation and study.simulation.lived:
        return _live(template, seed)
    planting, drawn = draw_planting(template, seed)
    made = {"subjects": _subjects(planting, drawn)}
    if planting.cohort.visits is not None:
        made["visits"] = _visits(planting, drawn)
    if study.operant is not None:
        made["operant"] = operant_table(files, planting, drawn, made["subjects"])
        if bins := bins_table(drawn):
            made["bins"] = bins
    if trials := _trials(files, drawn):
        made["trials"] = trials
    made |= map_tables(files, drawn, made.get("trials"))
    made |= region_tables(files, made)
    for of in [of for of in drawn.responses if of.startswith("edges.")]:
        keys = files.books.tables[of].keys
        made[of] = drawn_table(of, keys, drawn.responses[of][[*keys, "value"]])
    whole = _with_derived(files, made)
    return replace(whole, maps=draw_maps(files, planting, drawn, made.get("trials"), voxels)) if voxels else whole


def _live(template: Template, seed: int) -> DrawnStudy:
    """Let animals live through a study and read what `simulate` would write of them."""
    files, made = template.files, dict[str, Table]()
    with TemporaryDirectory() as folder:
        out = Path(folder) / "study"
        written = simulate_lived(files.study, "", out, seed=seed, hypothesis=template.hypothesis)
        for node in ("subjects", "operant"):
            tables = Tables(files=replace(files, file=written), made=made)
            made |= {one.name: one for one in make_node(tables, node, levels=asks_for_levels(files.study)).tables}
    return _with_derived(files, made)


def _with_derived(files: StudyFiles, made: Mapping[str, Table]) -> DrawnStudy:
    nodes = [node for node in ordered_nodes(files.study) if node.startswith("derived.")]
    return _derive(Tables(files=files, made=made), nodes)


def draw_planting(template: Template, seed: int) -> tuple[Planting, Drawn]:
    """Draw who misses what, and every response."""
    planting = template.planting
    cohort = draw_cohort(planting.study, planting.columns, stream(seed, "cohort"))
    planting = replace(planting, cohort=cohort, seed=seed)
    return planting, draw_study(planting)


def first_subjects(study: DrawnStudy, group: str | None, sizes: Mapping[str, int]) -> DrawnStudy:
    """Return the study of the first subjects of each group.

    Args:
        study: of the largest size.
        group: factor of the sizes; None for one group.
        sizes: subjects of each group, or of `all`.
    """
    tables = study.tables
    subjects = tables.made["subjects"]
    rows = subjects.rows.sort_values("subject", kind="stable")
    number = rows.groupby(group).cumcount() if group else pd.Series(np.arange(len(rows)), rows.index)
    size = rows[group].map(dict(sizes)) if group else sizes["all"]
    kept = subjects.rows[(number < size).reindex(subjects.rows.index)].reset_index(drop=True)
    smaller = Tables(files=tables.files, made={**tables.made, "subjects": replace(subjects, rows=kept)})
    return replace(_derive(smaller, _among_subjects(tables.files.study)), maps=study.maps)


def _among_subjects(study: Study) -> list[str]:
    """Return the derived tables that depend on who else takes part: of standardized numbers, splits and these."""
    order = ordered_nodes(study)
    relative = {
        f"derived.{name}" for name, definition in study.derived.items() if isinstance(definition, Composite | Split)
    }
    return [node for node in order if node.startswith("derived.") and relative & {node, *upstream(order, node)}]


def _derive(tables: Tables, nodes: Sequence[str]) -> DrawnStudy:
    made, faults = dict(tables.made), {}
    for node in nodes:
        made.pop(node, None)
        try:
            made[node] = derived_table(Tables(files=tables.files, made=made), node.removeprefix("derived."))
        except CuecircuitError as error:
            faults[node] = f"{node}: {error.faults[0]}"
    return DrawnStudy(tables=Tables(files=tables.files, made=made), faults=faults)


def drawn_table(name: str, keys: Sequence[str], rows: pd.DataFrame) -> Table:
    """Return rows as a table of the study."""
    return Table(name=name, keys=tuple(keys), rows=rows, notes=dict.fromkeys(map(str, rows), "drawn"))


def _of_size(study: Study, sizes: Mapping[str, int]) -> Study:
    assert study.simulation is not None
    return study.model_copy(update={"simulation": study.simulation.model_copy(update={"n": dict(sizes)})})


def _subjects(planting: Planting, drawn: Drawn) -> Table:
    rows = planting.cohort.subjects.copy()
    for name in planting.columns.subject_numbers:
        numbers = drawn.responses[f"subjects.{name}"].set_index("subject")["value"]
        rows[name] = rows["subject"].map(numbers)
    first = next((name for name in planting.study.factors if name in rows), None)
    rank = rows[first].map(planting.study.factors[first].levels.index) if first else 0
    order = rows.assign(_rank=rank).sort_values(["_rank", "subject"]).index
    return drawn_table("subjects", ["subject"], rows.loc[order].reset_index(drop=True))


def _visits(planting: Planting, drawn: Drawn) -> Table:
    assert planting.cohort.visits is not None
    rows = planting.cohort.present(planting.cohort.visits)
    for name in planting.columns.visit_numbers:
        numbers = drawn.responses[f"visits.{name}"][["subject", "session", "value"]]
        rows = rows.merge(numbers.rename(columns={"value": name}), on=["subject", "session"], how="left")
    return drawn_table("visits", ["subject", "session"], rows)


def _trials(files: StudyFiles, drawn: Drawn) -> Table | None:
    measures = {of.partition(".")[2]: rows for of, rows in drawn.responses.items() if of.startswith("trials.")}
    if not measures:
        return None
    keys = files.books.tables["trials"].keys
    first = next(iter(measures.values()))
    names = [str(name) for name in first if not str(name).startswith("effect_") and name not in _OF_DRAWS]
    rows = first[names].assign(**{name: one["value"].to_numpy() for name, one in measures.items()})
    if "run" in rows:
        rows["run"] = rows["run"].astype(str)
    return drawn_table("trials", keys, rows)


_OF_DRAWS = ("base", "expected", "value", "number", "onset", "duration")
