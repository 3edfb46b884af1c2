"""The questions of a study that can be asked of drawn tables, and why others cannot.

Maps are drawn as one number per region, so a question on maps becomes the same question on region means, one fit for
each region, corrected over the regions: Holm in place of a cluster correction, FDR where the study corrects by FDR,
least squares in place of mixed effects. A question falls out where its rows do not follow from what is drawn, with
the reason and what to do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cuecircuit.nodes.graph import ordered_nodes, upstream
from cuecircuit.simulation.columns import WHOLE, drawn_source
from cuecircuit.simulation.faults import lacking_bases, lacking_fault
from cuecircuit.study.accounting import levels_of_phases, split_reference
from cuecircuit.study.acquisition import Regions
from cuecircuit.study.questions import Means, Question, Reduce, Rows
from cuecircuit.study.schema import Study

# numbers of sessions that follow from counts
_FROM_COUNTS = ("intake_mg_kg", "breakpoint")
OF_MAPS = "regions.of "
"""How the tables of region means begin that take the place of maps; no name of a study file has a space."""
_ADJUST = {"fdr": "fdr", "none": "none"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Askable:
    """A study with the questions that can be planned, of regions in place of maps; `reasons` has the others."""

    study: Study
    reasons: dict[str, str]


def askable(study: Study, regions: Sequence[str]) -> Askable:
    """Keep the questions that can be asked of drawn tables.

    Args:
        study: with a section `simulation`.
        regions: of the atlas, or those that the study names; none where it has neither.
    """
    # nothing of a map is drawn that could choose voxels, and the question that would may not be asked
    plain_sets = {name: region_set.model_copy(update={"within": None}) for name, region_set in study.regions.items()}
    study = study.model_copy(update={"regions": plain_sets})
    reasons = {}
    for name, question in study.questions.items():
        if reason := next(_reasons(study, question, regions), None):
            reasons[name] = reason
    study = _without(_on_numbers(study, reasons), reasons)
    study, lacking = (study, {}) if study.simulation and study.simulation.lived else _with_bases(study)
    return Askable(study=study, reasons=reasons | lacking)


def _reasons(study: Study, question: Question, regions: Sequence[str]) -> Iterator[str]:
    if isinstance(question, Means):
        yield "means and SEM alone; nothing is tested"
    if study.simulation and study.simulation.lived:
        return  # its logs are written
    for rows in _rows_behind(study, question):
        table, response = split_reference(rows.of)
        kind = table.partition(".")[0]
        if kind in ("maps", "contrasts", "regions", "edges"):
            yield from _map_reasons(study, question, regions)
            if kind == "regions" and study.regions[table.partition(".")[2]].atlas:
                yield f"{table} has an atlas of its own, and a plan draws the regions of space.atlas"
            if slopes := [label for label in rows.where.get("contrast", ()) if "." in label]:
                yield f"slopes within a cell ({', '.join(slopes)}) are not drawn; ask about cells or contrasts"
        if kind == "operant":
            yield from _operant_reasons(study, rows, response)


def _map_reasons(study: Study, question: Question, regions: Sequence[str]) -> Iterator[str]:
    if not regions:
        yield "no region for maps or edges; give space.atlas and space.labels, or name regions in effects"
    if study.scans is not None and study.scans.runs == "key":
        yield "runs are a key of these rows, and one number is drawn for all runs; set scans.runs to combine"


def _operant_reasons(study: Study, rows: Rows, response: str) -> Iterator[str]:
    assert study.operant is not None
    measures = study.operant.measures
    by_day = {name for phase in study.operant.phases.values() for name in phase.by_day}
    if response not in {*WHOLE.values(), *measures, *by_day, *_FROM_COUNTS}:
        yield f"operant.{response} follows from the times of events, which a plan does not draw; ask about a count"
    bases = {base.in_ for base in study.simulation.base} if study.simulation else set()
    delivering = any(phase.drugs for phase in levels_of_phases(study.operant, rows))
    if drawn_source(study, rows.of) == "operant.active" and "operant.infusions" in bases and delivering:
        yield "active presses of sessions with deliveries follow from the times of deliveries; ask about infusions"


def _rows_behind(study: Study, question: Question) -> Iterator[Rows]:
    """Yield the rows of a question and of every derived number that it goes back to."""
    yield question
    other = getattr(question, "with_", None)
    if other is not None:
        yield other
    name = next(name for name, asked in study.questions.items() if asked is question)
    for node in upstream(ordered_nodes(study), f"questions.{name}"):
        kind, _, short_name = node.partition(".")
        derived = study.derived.get(short_name) if kind == "derived" else None
        if isinstance(derived, Reduce):
            yield derived
            if derived.less is not None:
                yield derived.less


def _without(study: Study, reasons: dict[str, str]) -> Study:
    """Leave out questions, and derived numbers that neither another question nor an effect goes back to."""
    kept = study.model_copy(update={"questions": {n: q for n, q in study.questions.items() if n not in reasons}})
    order = ordered_nodes(kept)
    effects = kept.simulation.effects.values() if kept.simulation else ()
    leaned_on = {split_reference(effect.slope_on)[0] for effect in effects if effect.slope_on}
    needed = {node for node in leaned_on if node in order}
    for name in (*needed, *(f"questions.{name}" for name in kept.questions)):
        needed |= set(upstream(order, name))
    return kept.model_copy(
        update={
            "derived": {name: definition for name, definition in kept.derived.items() if f"derived.{name}" in needed}
        }
    )


def _with_bases(study: Study) -> tuple[Study, dict[str, str]]:
    """Leave out what has no base: measures of trials, and questions with the reason."""
    reasons: dict[str, str] = {}
    absent = {name.removeprefix("trials.") for path, name in lacking_bases(study) if path == "trials.measures"}
    if absent:
        study = _without_measures(study, absent)
    order = ordered_nodes(study)
    for path, source in lacking_bases(study):
        for name in study.questions:
            if path in (f"questions.{name}", *upstream(order, f"questions.{name}")):
                reasons.setdefault(name, lacking_fault(path, source).removeprefix(f"questions.{name}: "))
    return _without(study, reasons), reasons


def _without_measures(study: Study, names: set[str]) -> Study:
    assert study.trials is not None
    trials = study.trials.model_copy(update={"measures": tuple(n for n in study.trials.measures if n not in names)})
    maps = {
        name: kind.model_copy(update={"carry": tuple(one for one in kind.carry if one not in names)})
        for name, kind in study.maps.items()
    }
    return study.model_copy(update={"trials": trials, "maps": maps})


def _on_numbers(study: Study, reasons: dict[str, str]) -> Study:
    """Ask questions on maps of region means; what only files need is left out."""
    regions = dict(study.regions)
    questions: dict[str, Any] = {}
    for name, question in study.questions.items():
        table = split_reference(question.of)[0]
        if table.startswith(("maps.", "contrasts.")) and name not in reasons:
            means = OF_MAPS.removeprefix("regions.") + table.replace(".", " ")
            regions[means] = Regions(of=table)
            questions[name] = _by_region(study, question, means)
        else:
            questions[name] = question
    plain = {"preprocess": None, "figures": {}, "alternatives": {}}
    operant = study.operant.model_copy(update={"source": None}) if study.operant else None
    subjects = study.subjects.model_copy(update={"exclude": {}})
    return study.model_copy(
        update={**plain, "regions": regions, "questions": questions, "operant": operant, "subjects": subjects}
    )


def _by_region(study: Study, question: Question, means: str) -> Question:
    correction = question.correction or study.correction
    adjust = _ADJUST.get(correction.method, "holm") if correction else "none"
    alpha = correction.alpha if correction else question.alpha
    # a variance beside each number is not drawn: every one weighs the same
    equal = {"method": "ols"} if getattr(question, "method", "") == "mixed-effects" else {}
    return question.model_copy(
        update={
            **equal,
            "of": f"regions.{means}",
            "each": (*question.each, "region"),
            "family": ("region",),
            "adjust": adjust,
            "alpha": alpha,
        }
    )
