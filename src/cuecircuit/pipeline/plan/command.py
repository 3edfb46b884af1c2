"""`cuecircuit plan`: power, precision and separation of a study file's tests, by simulated studies of several sizes.

Studies are drawn in batches, each with a random stream of its own, so that results are the same bytes on any number of
cores. A smaller design is the first animals of the same studies: its curve is smooth, and sizes share their chance.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import joblib
import numpy as np

from cuecircuit.errors import StudyError
from cuecircuit.io.atomic import check_unused, replacing
from cuecircuit.io.lock import writing
from cuecircuit.io.tables import read_table
from cuecircuit.pipeline.engine import engine
from cuecircuit.pipeline.faults import faults_named
from cuecircuit.pipeline.job import StudyFiles, read_study
from cuecircuit.pipeline.plan.files import write_plan
from cuecircuit.pipeline.plan.hypotheses import all_outcomes, joined
from cuecircuit.pipeline.plan.tables import Plan, PlanSettings
from cuecircuit.pipeline.progress import steps
from cuecircuit.pipeline.threads import one_blas_thread
from cuecircuit.pipeline.workers import tied
from cuecircuit.simulation.plan_draws import StudyDraws, check_planted, draw_planted
from cuecircuit.simulation.plan_effects import Effects, draw_effects, parse_effects
from cuecircuit.simulation.plan_pool import Pool, draw_from_pool, live_pool
from cuecircuit.simulation.plan_pool import joined as joined_pools
from cuecircuit.simulation.planted import HYPOTHESES, TABLE_1
from cuecircuit.stats.simulated_power import Outcomes
from cuecircuit.study.file import line_of, lines_of
from cuecircuit.study.planned import PlannedTest, planned_tests
from cuecircuit.study.study import Study

Draw = Callable[[Study, Sequence[int], int, np.random.Generator], StudyDraws]

# studies, and animals of each group of a pool, that are one task
_BATCH, _POOL_BATCH = 50, 20
# names of random streams under the seed
_STUDIES, _ANIMALS = 0, 1
_TEXT = ("measure", "group", "condition", "hypothesis", "source")


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
        StudyError: a study that cannot be simulated, with the lines of its file; hypotheses, tests or sizes that
            cannot be.
        DataError: a table of effects at fault; `out` holds files already or cannot be written.
        DesignError: so few animals that a test has no degrees of freedom.
    """
    files = read_study(path)
    check_unused(out)
    sizes = _sizes(files.study, settings)
    effects = None if settings.effects is None else _effects(files, settings.effects)
    hypotheses = _hypotheses(settings, HYPOTHESES if effects is None else effects)
    tests = _tests(files, settings, effects)
    if effects is None:
        check_planted(files.study, lines_of(path.read_text(encoding="utf-8-sig")), path.name)
    with one_blas_thread(), engine(dask, n_jobs):
        draws = _draws(files.study, hypotheses, settings, effects, n_jobs)
        results = _simulate(files.study, draws, sizes, tests, settings, n_jobs)
    plan = Plan(study=files.study, name=path.name, settings=settings, sizes=sizes, tests=tests, results=results)
    with replacing(out.resolve(), folder=True) as new:
        write_plan(new, plan, path.read_bytes())
    return out / "plan.html"


def _sizes(study: Study, settings: PlanSettings) -> tuple[tuple[int, ...], ...]:
    """Animals of each group in each design, the smallest design first."""
    groups, faults, sizes = study.subjects.groups, [], set[tuple[int, ...]]()
    for text in settings.animals:
        parts = [part.strip() for part in text.split(",")]
        numbers = tuple(int(part) for part in parts if part.isdigit())
        if len(numbers) != len(parts) or len(numbers) not in (1, len(groups)):
            faults.append(f"animals '{text}': expected a number, or one for each of {', '.join(groups)} with commas")
        elif min(numbers) < 2:
            faults.append(f"animals '{text}': {min(numbers)} cannot be compared; give 2 or more")
        else:
            sizes.add(numbers * len(groups) if len(numbers) == 1 else numbers)
    totals = sorted(map(sum, sizes))
    faults += [
        f"animals: two designs of {a} in all; give designs of different size" for a in totals if totals.count(a) > 1
    ][:1]
    if not 0 < settings.power < 1:
        faults.append(f"power {settings.power:g}: expected more than 0 and less than 1, such as 0.8")
    if faults:
        raise StudyError(faults)
    return tuple(sorted(sizes, key=sum))


def _effects(files: StudyFiles, path: Path) -> dict[str, Effects]:
    labels = files.path(files.study.space.labels)
    regions = list(read_table(labels, text=("name",))["name"]) if labels.is_file() else list(TABLE_1)
    with faults_named(path):
        return parse_effects(read_table(path, text=_TEXT), files.study, regions)


def _hypotheses(settings: PlanSettings, known: Mapping[str, object]) -> tuple[str, ...]:
    faults = [
        f"hypothesis '{name}' is unknown; expected one of: {', '.join(known)}"
        for name in settings.hypotheses
        if name not in known
    ]
    if faults:
        raise StudyError(faults)
    return tuple(dict.fromkeys(settings.hypotheses)) or tuple(known)


def _tests(files: StudyFiles, settings: PlanSettings, effects: Mapping[str, Effects] | None) -> tuple[PlannedTest, ...]:
    """The tests that are wanted and can be simulated."""
    study, known = files.study, planned_tests(files.study, tuple(TABLE_1))
    if effects is not None:
        known = tuple(test for test in planned_tests(study, _regions(effects)) if _has(study, effects, test))
    lines = lines_of(files.file.read_text(encoding="utf-8-sig"))
    faults = []
    for text in settings.tests:
        if not any(_is(test, text) for test in known):
            key = "correlations" if "correlation" in text else "group" if text.startswith("region") else "phases"
            parts = dict.fromkeys(test.part if test.kind == "phase" else test.kind for test in known)
            faults.append(
                f"{files.file.name}:{line_of(lines, (key,))}: {key}: the plan has no test '{text}'; "
                f"expected a test's name, or one of: {', '.join(parts)}"
            )
    if faults:
        raise StudyError(faults)
    return tuple(test for test in known if not settings.tests or any(_is(test, text) for text in settings.tests))


def _is(test: PlannedTest, text: str) -> bool:
    return text in (test.name, test.kind, test.part)


def _regions(effects: Mapping[str, Effects]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.name for each in effects.values() for one in each.regions))


def _has(study: Study, effects: Mapping[str, Effects], test: PlannedTest) -> bool:
    """Whether the table has what a test is made of."""
    phases = [{one.name for one in each.phases} for each in effects.values()]
    if test.kind == "phase":
        return all(test.part in names for names in phases)
    if test.kind == "any region":
        return bool(_regions(effects))
    return "correlation" not in test.kind or all(study.behavior.conditioning in names for names in phases)


def _draws(
    study: Study,
    hypotheses: Sequence[str],
    settings: PlanSettings,
    effects: Mapping[str, Effects] | None,
    n_jobs: int,
) -> dict[str, Draw]:
    """How studies are drawn under each hypothesis."""
    if effects is not None:
        return {name: partial(draw_effects, effects=effects[name]) for name in hypotheses}
    if settings.model == "planted":
        return {name: partial(draw_planted, hypothesis=name) for name in hypotheses}
    return {
        name: partial(draw_from_pool, pool=pool)
        for name, pool in zip(hypotheses, _pools(study, hypotheses, settings, n_jobs), strict=True)
    }


def _pools(study: Study, hypotheses: Sequence[str], settings: PlanSettings, n_jobs: int) -> list[Pool]:
    parts = [min(_POOL_BATCH, settings.pool - start) for start in range(0, settings.pool, _POOL_BATCH)]
    tasks = [
        joblib.delayed(tied(live_pool))(
            study,
            animals,
            np.random.SeedSequence(settings.seed, spawn_key=(_ANIMALS, number, part)),
            hypothesis=name,
            policy=settings.policy,
            learning=settings.learning,
        )
        for number, name in enumerate(hypotheses)
        for part, animals in enumerate(parts)
    ]
    lived = []
    with steps("animals", len(tasks)) as advance:
        for pool in joblib.Parallel(n_jobs=n_jobs, return_as="generator")(tasks):
            lived.append(pool)
            advance(1)
    return [joined_pools(lived[start : start + len(parts)]) for start in range(0, len(lived), len(parts))]


def _simulate(
    study: Study,
    draws: Mapping[str, Draw],
    sizes: Sequence[tuple[int, ...]],
    tests: Sequence[PlannedTest],
    settings: PlanSettings,
    n_jobs: int,
) -> dict[str, list[dict[str, Outcomes]]]:
    """Outcomes of the tests, by hypothesis and design."""
    parts = [min(_BATCH, settings.studies - start) for start in range(0, settings.studies, _BATCH)]
    tasks = [
        joblib.delayed(tied(_batch))(
            study,
            draw,
            sizes,
            tests,
            studies,
            settings.permutations,
            np.random.SeedSequence(settings.seed, spawn_key=(_STUDIES, number, part)),
        )
        for number, draw in enumerate(draws.values())
        for part, studies in enumerate(parts)
    ]
    batches = []
    with steps("studies", len(tasks)) as advance:
        for batch in joblib.Parallel(n_jobs=n_jobs, return_as="generator")(tasks):
            batches.append(batch)
            advance(1)
    results = {}
    for number, name in enumerate(draws):
        own = batches[number * len(parts) : (number + 1) * len(parts)]
        results[name] = [joined([batch[design] for batch in own]) for design in range(len(sizes))]
    return results


def _batch(
    study: Study,
    draw: Draw,
    sizes: Sequence[tuple[int, ...]],
    tests: Sequence[PlannedTest],
    studies: int,
    permutations: int,
    seed: np.random.SeedSequence,
) -> list[dict[str, Outcomes]]:
    """Draw some studies as large as the largest design, and test them in every design."""
    drawing, permuting = seed.spawn(2)
    largest = np.max(sizes, axis=0).tolist()
    with one_blas_thread():
        drawn = draw(study, largest, studies, np.random.default_rng(drawing))
        return [
            all_outcomes(study, drawn.first(own), tests, permutations=permutations, seed=permuting) for own in sizes
        ]
