"""Maps of a drawn study, voxel by voxel, and which regions the survivors of every test reach.

A map is m + B u + W e: m the expected value of a voxel's region (outside of regions the mean of the base), u a field of
the subject, e one of the map, Gaussian with variance 1 and the stated autocorrelation; B and W are the SDs of the base,
here of a voxel. Model, tests and correction are those of the study, with two differences that save time: simulated
clusters take the null of the stated autocorrelation instead of an estimate from each study, and permutations are fewer
(`outcomes.fewest_arrangements`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float32, Int
from cuecircuit.clusters.autocorrelation import Autocorrelation, gaussian_autocorrelation
from cuecircuit.clusters.null_field import NullField, draw_pair, null_field
from cuecircuit.clusters.smoothness import Smoothness, stated_smoothness
from cuecircuit.errors import DataError, StudyError
from cuecircuit.group.correction import ClusterNulls, CorrectedTerm, CorrectionSettings, correct, simulate_nulls
from cuecircuit.group.permuted_correction import permuted_test
from cuecircuit.io.tables import read_table
from cuecircuit.models.fit import Fit, fit
from cuecircuit.pipeline.map_tests.files import SMOOTHNESS_COLUMNS, Space
from cuecircuit.pipeline.map_tests.permuted import Permutation
from cuecircuit.pipeline.map_tests.planned_tests import for_method, without_side
from cuecircuit.pipeline.progress import say
from cuecircuit.planning.map_numbers import map_tables
from cuecircuit.planning.outcomes import ANYWHERE, CLUSTER, Outcomes, fewest_arrangements, named_tests, one_by_one
from cuecircuit.questions.map_questions import map_levels, map_request
from cuecircuit.simulation.columns import drawn_source
from cuecircuit.simulation.planting import Drawn, Planting
from cuecircuit.stats.term_test import TermTest
from cuecircuit.study.questions import AnyQuestion, Effect, Formula, Strata
from cuecircuit.study.schema import Study
from cuecircuit.tables.rows import VALUE, Tables
from cuecircuit.tables.space import correction_settings, study_space
from cuecircuit.tables.study_files import StudyFiles
from cuecircuit.tables.table import Table

_VOXELS = "voxels"  # region of a whole map


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Voxels:
    """What all drawn maps share.

    `questions` as the study states them; `place`: of each voxel of the mask, its region's number in `regions` and 1, 0
    for none; `nulls` of simulated clusters by question.
    """

    space: Space
    smoothness: Smoothness
    field: NullField
    questions: Mapping[str, Strata | Formula]
    regions: tuple[str, ...]
    place: Int[Array, "voxel"]
    nulls: Mapping[str, ClusterNulls]


def prepare_voxels(
    stated: Study, files: StudyFiles, smoothness: str, effects: Sequence[Effect], *, n_jobs: int = 1
) -> Voxels:
    """Prepare to draw maps for the questions on maps that clusters decide; others stay with means of regions.

    Args:
        stated: the study with its questions on maps.
        files: the questions that are planned.
        smoothness: FWHM in mm, or a file `smoothness.tsv`, of whose strata the smoothest counts.
        effects: that are planted.
        n_jobs: threads.

    Raises:
        StudyError: no such question; no atlas.
        DataError: a file is missing or damaged; a smoothness that is none.
    """
    noise = read_smoothness(smoothness)
    asked = {name: stated.questions[name] for name in files.study.questions if _is_of_maps(stated.questions[name])}
    reasons = {name: next(_reasons(stated, question, effects), "") for name, question in asked.items()}
    faults = [f"questions.{name}: not by voxels: {why}" for name, why in reasons.items() if why]
    if len(faults) == len(reasons):
        raise StudyError(["smoothness: no question can be planned by voxels; leave it out", *faults])
    for fault in faults:
        say(f"plan: by means of regions: {fault}")
    questions = {name: question for name, question in asked.items() if not reasons[name]}
    space = study_space(files)
    if space.atlas is None:
        raise StudyError("smoothness: effects are placed in regions; give space.atlas and space.labels")
    labels, names = space.atlas.labels[space.mask].astype(int), space.atlas.names
    place = np.zeros(labels.size, int)
    for number, label in enumerate(names, 1):
        place[labels == label] = number
    return Voxels(
        space=space,
        smoothness=noise,
        field=null_field(space.mask, space.grid.voxel_mm, noise.acf),
        questions=questions,  # pyright: ignore[reportArgumentType]
        regions=tuple(names.values()),
        place=place,
        nulls=dict(_nulls(stated, questions, noise, space, n_jobs)),
    )


def read_smoothness(text: str) -> Smoothness:
    """Return a smoothness that is stated in mm, or the largest of a file.

    Raises:
        DataError: neither a width nor a file of them.
    """
    if text.endswith(".tsv"):
        rows = read_table(Path(text))
        if absent := set(SMOOTHNESS_COLUMNS) - {"stratum", "unevenness"} - set(rows):
            raise DataError(f"{text}:1: no column {', '.join(absent)}; expected the smoothness.tsv of a question")
        row = rows.loc[rows["fwhm_mm"].idxmax()]
        acf = Autocorrelation(**{name: float(row[name]) for name in ("a", "b_mm", "c_mm")})
        return stated_smoothness(acf, float(row["fwhm_classic_mm"]))
    try:
        classic = float(text)
    except ValueError:
        raise DataError(f"smoothness '{text}': expected a FWHM in mm, such as 8, or a smoothness.tsv") from None
    return stated_smoothness(gaussian_autocorrelation(classic), classic)


def _is_of_maps(question: AnyQuestion) -> bool:
    return question.of.startswith(("maps.", "contrasts."))


def _reasons(study: Study, question: AnyQuestion, effects: Sequence[Effect]) -> Iterator[str]:
    """Yield why a question on maps is not planned by voxels."""
    correction, of = question.correction or study.correction, drawn_source(study, question.of)
    if not isinstance(question, Strata | Formula):
        yield "agreement and change have no clusters"
    elif getattr(question, "method", "") == "mixed-effects":
        yield "variances of maps are not drawn; use another method"
    if correction is None or correction.method not in ("simulation", "permutation"):
        yield "clusters are corrected by simulation or permutation; set correction.method"
    if any(effect.in_ == of and effect.slope_on for effect in effects):
        yield f"an effect on {of} is a slope (slope_on), which is planted in means of regions alone"
    if any(base.in_ == of and base.counts for base in (study.simulation.base if study.simulation else ())):
        yield f"{of} is a count"


def _nulls(
    study: Study, questions: Mapping[str, AnyQuestion], noise: Smoothness, space: Space, n_jobs: int
) -> Iterator[tuple[str, ClusterNulls]]:
    made: dict[CorrectionSettings, ClusterNulls] = {}
    for name, question in questions.items():
        correction = question.correction or study.correction
        settings = correction and correction_settings(correction, seed=study.seed, n_jobs=n_jobs)
        if isinstance(settings, CorrectionSettings):
            if settings not in made:
                made[settings] = simulate_nulls(noise, space.mask, space.grid, settings)
            yield name, made[settings]


def draw_maps(
    files: StudyFiles, planting: Planting, drawn: Drawn, trials: Table | None, voxels: Voxels
) -> dict[str, Table]:
    """Return the tables of maps and contrasts with a map in each row (column `map`)."""
    responses = {}
    for of in dict.fromkeys(drawn_source(planting.study, question.of) for question in voxels.questions.values()):
        keys = [*files.books.tables[of].keys]
        wide = drawn.responses[of].pivot(index=keys, columns="region", values="expected")
        rows = wide.index.to_frame(index=False)
        responses[of] = rows.assign(region=_VOXELS, value=list(_images(planting, of, wide, rows, voxels)))
    tables = map_tables(files, Drawn(responses=responses, parts={}, left_out=0), trials)
    made = {}
    for name, table in tables.items():
        rows = table.rows.drop(columns="region").rename(columns={VALUE: "map"})
        made[name] = replace(table, keys=tuple(key for key in table.keys if key != "region"), rows=rows)
    return made


def _images(
    planting: Planting, of: str, wide: pd.DataFrame, rows: pd.DataFrame, voxels: Voxels
) -> Float32[Array, "map voxel"]:
    assert planting.study.simulation is not None
    base = next(base for base in planting.study.simulation.base if base.in_ == of)
    # given maps have a region of all voxels outside of regions, REST
    expected = wide.reindex(columns=["", *voxels.regions]).fillna(base.mean).to_numpy(np.float32)
    rng, subject = planting.stream(of, _VOXELS), pd.factorize(rows["subject"])[0]
    images = expected[:, voxels.place]
    if base.between_sd:
        images += np.float32(base.between_sd) * _fields(voxels.field, int(subject.max()) + 1, rng)[subject]
    if base.within_sd:
        images += np.float32(base.within_sd) * _fields(voxels.field, len(rows), rng)
    return images


def _fields(field: NullField, n: int, rng: np.random.Generator) -> Float32[Array, "field voxel"]:
    return np.concatenate([draw_pair(field, rng) for _ in range((n + 1) // 2)])[:n]


def map_outcomes(voxels: Voxels, name: str, studies: Sequence[Tables]) -> Outcomes:
    """Test a question on drawn maps: for each test and region the smallest corrected p of its voxels."""
    return one_by_one(lambda tables: _one_study(voxels, name, tables), studies)


def _one_study(voxels: Voxels, name: str, tables: Tables) -> pd.DataFrame:
    question, rows = voxels.questions[name], []
    for level, chosen in map_levels(tables, question):
        asked = map_request(tables, question, chosen, 1)
        images = np.stack(list(asked.frame["map"]))
        fitted = fit(asked.frame.drop(columns="map"), images, asked.model)
        correction = for_method(asked.correction, asked.model)
        sideless = without_side(fitted.design, fitted.fitted, correction)
        for term, test in named_tests(question, fitted):
            if test.name in sideless:
                continue
            p = _corrected(voxels, name, fitted, test, correction).p_map[voxels.space.mask]
            for number, region in enumerate((ANYWHERE, *voxels.regions)):
                inside = voxels.place == number if number else np.ones(p.size, bool)
                if inside.any():
                    mean = np.nan if test.estimate is None or not number else np.nanmean(test.estimate[inside])
                    where = ", ".join([*level, region])
                    rows.append((CLUSTER, where, term, np.nanmin(p[inside], initial=1.0), mean))
    table = pd.DataFrame(rows, columns=["kind", "level", "term", "p", "estimate"])
    return table.assign(width=np.nan, log_bf10=np.nan)


def _corrected(
    voxels: Voxels, name: str, fitted: Fit, test: TermTest, correction: CorrectionSettings | Permutation | None
) -> CorrectedTerm:
    if not isinstance(correction, Permutation):
        return correct(test, voxels.space.mask, voxels.nulls[name])
    few = fewest_arrangements(correction.settings.n_permutations, correction.settings.alpha)
    settings = replace(correction.settings, n_permutations=few)
    return permuted_test(fitted, test, voxels.space.mask, correction.statistic, settings)[0]
