"""`cuecircuit plan`: draw studies, answer the questions of each, count what is found.

Every study has a random stream of its own, so that results are the same on any number of cores, and are the same
whatever else is asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from cuecircuit.errors import StudyError
from cuecircuit.io.atomic import check_unused, replacing
from cuecircuit.io.bounded import read_text
from cuecircuit.io.lock import writing
from cuecircuit.nodes.graph import ordered_nodes, upstream
from cuecircuit.pipeline.engine import engine
from cuecircuit.pipeline.progress import say, steps
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.pipeline.workers import ends_with_parent, tied
from cuecircuit.planning.askable import askable
from cuecircuit.planning.assumptions import group_sizes, located, read_assumptions
from cuecircuit.planning.drawing import (
    DrawnStudy,
    Template,
    draw_planting,
    draw_tables,
    first_subjects,
    region_names,
    template_of,
)
from cuecircuit.planning.multiples import check_multiples, with_multiple
from cuecircuit.planning.outcomes import Outcomes, outcomes
from cuecircuit.planning.plan_content import whose_effects
from cuecircuit.planning.plan_files import PLAN_PAGE, write_plan
from cuecircuit.planning.power import DRAWS, FEW_DRAWS, Plan, PlanSettings, World
from cuecircuit.planning.voxels import Voxels, map_outcomes, prepare_voxels
from cuecircuit.report.neighbors import pages_near
from cuecircuit.simulation.declared import with_weights
from cuecircuit.simulation.planting import first_hypothesis
from cuecircuit.simulation.question_truth import question_truth
from cuecircuit.tables.rows import Tables
from cuecircuit.tables.study_files import StudyFiles

# studies that are one task
_BATCH, _FEW = 20, 5


@writing
def plan_study(path: Path, out: Path, *, settings: PlanSettings, n_jobs: int = 1, dask: str | None = None) -> Path:
    """Simulate studies of each size under each hypothesis, and return the page of what came of it.

    Args:
        path: the study file; its data need not be there.
        out: folder to make; must not hold anything yet.
        settings: what is asked.
        n_jobs: processes at work; results do not depend on it.
        dask: `local` or a scheduler's address.

    Raises:
        StudyError: a study that cannot be drawn, with the lines of its file; hypotheses, questions or sizes that
            cannot be; nothing that can be planned.
        DataError: `out` holds files already or cannot be written; a file that is not there.
    """
    check_unused(out)
    files = read_assumptions(path, settings.effects)
    stated_study = files.study
    assert stated_study.simulation is not None
    sizes = group_sizes(stated_study.simulation, settings.sizes, settings.power)
    multiples = check_multiples(settings.multiples, lived=stated_study.simulation.lived)
    if settings.stop is not None and not 1 < settings.stop < np.inf:
        raise StudyError([f"stop: found {settings.stop:g}, expected a Bayes factor above 1, such as 6"])
    files, reasons, regions = _askable(files, settings)
    few = settings.smoothness or stated_study.simulation.lived
    settings = replace(settings, draws=settings.draws or (FEW_DRAWS if few else DRAWS))
    hypotheses = tuple(dict.fromkeys(settings.hypotheses)) or (first_hypothesis(files.study),)
    largest = {group: max(size[group] for size in sizes) for group in sizes[0]}
    try:
        stated = {name: template_of(files, hypothesis=name, regions=regions, sizes=largest) for name in hypotheses}
        templates = {
            (name, multiple): with_multiple(template, multiple)
            for name, template in stated.items()
            for multiple in (multiples if name == hypotheses[0] and template.planting.effects else (1.0,))
        }
    except StudyError as error:
        raise located(error, path, settings.effects) from error
    effects = [effect for template in stated.values() for effect in template.planting.effects.values()]
    voxels = None
    if settings.smoothness:
        voxels = prepare_voxels(stated_study, files, settings.smoothness, effects, n_jobs=n_jobs)
    with one_blas_thread(), engine(dask, n_jobs):
        simulated = {
            world: _simulate(template, sizes, settings, voxels, n_jobs) for world, template in templates.items()
        }
    plan = Plan(
        files=files,
        settings=settings,
        sizes=sizes,
        outcomes={world: rows for world, (rows, _) in simulated.items()},
        truth={world: _truth(template) for world, template in templates.items()},
        reasons=reasons | _untestable(files, simulated),
        stated_study=stated_study,
        voxels=voxels,
    )
    effects_text = None if settings.effects is None else read_text(settings.effects)
    pages = pages_near(out / PLAN_PAGE, files.study.about.title)
    with replacing(out.resolve(), folder=True) as new:
        write_plan(new, plan, read_text(path), effects_text, pages)
    say(f"plan: {whose_effects(plan)}")
    return out / PLAN_PAGE


def _askable(files: StudyFiles, settings: PlanSettings) -> tuple[StudyFiles, dict[str, str], tuple[str, ...]]:
    """Return the study with the questions that can be planned, why others cannot, and the regions of its maps."""
    study = with_weights(files.study)
    if unknown := [name for name in settings.questions if name not in study.questions]:
        names = ", ".join(study.questions)
        raise StudyError([f"{files.file.name}: no question '{name}'; expected one of: {names}" for name in unknown])
    if settings.questions:
        kept = {name: question for name, question in study.questions.items() if name in settings.questions}
        study = study.model_copy(update={"questions": kept})
    regions = region_names(StudyFiles(study=study, file=files.file))
    asked = askable(study, regions)
    if not asked.study.questions:
        faults = [f"{files.file.name}: questions.{name}: {why}" for name, why in asked.reasons.items()]
        raise StudyError(["no question of the study can be planned", *faults])
    return StudyFiles(study=asked.study, file=files.file), asked.reasons, regions


def _truth(template: Template) -> pd.DataFrame:
    planting, drawn = draw_planting(template, 0)
    return question_truth(planting, drawn.responses)


def _simulate(
    template: Template, sizes: Sequence[Mapping[str, int]], settings: PlanSettings, voxels: Voxels | None, n_jobs: int
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the outcomes of all studies (columns size, draw, question, those of a test), and a fault by question."""
    assert template.files.study.simulation is not None
    # maps take room, animals time
    size = 1 if voxels else _FEW if template.files.study.simulation.lived else _BATCH
    starts = range(0, settings.draws, size)
    batches_of = [range(start, min(start + size, settings.draws)) for start in starts]
    tasks = [joblib.delayed(tied(_batch))(template, sizes, settings, voxels, draws) for draws in batches_of]
    parts, faults = [], dict[str, str]()
    with steps("studies", settings.draws) as advance:
        batches: Any = joblib.Parallel(n_jobs=n_jobs, return_as="generator", **ends_with_parent())(tasks)
        for start, (rows, lost) in zip(starts, batches, strict=True):
            parts.append(rows)
            faults = lost | faults
            advance(min(size, settings.draws - start))
    return pd.concat(parts, ignore_index=True), faults


def _batch(
    template: Template,
    sizes: Sequence[Mapping[str, int]],
    settings: PlanSettings,
    voxels: Voxels | None,
    draws: range,
) -> tuple[pd.DataFrame, dict[str, str]]:
    study, group = template.files.study, template.planting.columns.group
    order = ordered_nodes(study)
    parts, faults = [], dict[str, str]()
    with one_blas_thread():
        largest = [draw_tables(template, draw_seed(settings.seed, draw), voxels) for draw in draws]
        for place, size in enumerate(sizes):
            drawn = [first_subjects(one, group, size) for one in largest]
            for name, question in study.questions.items():
                needed = upstream(order, f"questions.{name}")
                ask = partial(outcomes, question, bayes=settings.stop is not None)
                if voxels and name in voxels.questions:
                    ask = partial(map_outcomes, voxels, name)
                answered = _testable(ask, drawn, needed)
                number = answered.rows["_draw"].to_numpy(int) + draws.start
                parts.append(answered.rows.assign(size=place, question=name, draw=number).drop(columns="_draw"))
                if answered.fault:
                    faults.setdefault(name, answered.fault)
    return pd.concat(parts, ignore_index=True), faults


def _testable(
    ask: Callable[[Sequence[Tables]], Outcomes], drawn: Sequence[DrawnStudy], needed: Sequence[str]
) -> Outcomes:
    """Answer a question in the studies in which everything that it goes back to could be made."""
    lost = {k: fault for k, one in enumerate(drawn) for node, fault in one.faults.items() if node in needed}
    kept = [k for k in range(len(drawn)) if k not in lost]
    answered = ask([drawn[k].with_maps for k in kept])
    rows = answered.rows.assign(_draw=np.asarray(kept, int)[answered.rows["_draw"].to_numpy(int)])
    return Outcomes(rows=rows, fault=answered.fault or next(iter(lost.values()), None))


def draw_seed(seed: int, draw: int) -> int:
    """Return the seed of a drawn study."""
    return int(np.random.SeedSequence(seed, spawn_key=(draw,)).generate_state(1, np.uint64)[0])


def _untestable(files: StudyFiles, found: Mapping[World, tuple[pd.DataFrame, dict[str, str]]]) -> dict[str, str]:
    """Return the questions that no drawn study could answer, with the first fault."""
    tested = {name for rows, _ in found.values() for name in rows["question"]}
    faults = {name: fault for _, lost in found.values() for name, fault in lost.items()}
    return {name: faults.get(name, "no test") for name in files.study.questions if name not in tested}
