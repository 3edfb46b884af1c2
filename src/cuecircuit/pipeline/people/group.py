"""Contrast maps of people to the answer of every question, voxel by voxel: one folder for each question and contrast.

The tests are those of `cuecircuit compare`; the tables it would need are made from the study.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
from scipy import stats

from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.group.permutation import PermutationSettings
from cuecircuit.models.design import design
from cuecircuit.models.model import Model
from cuecircuit.pipeline.group.command import Permutation, read_space
from cuecircuit.pipeline.group.files import Space
from cuecircuit.pipeline.group.tested_maps import write_tests
from cuecircuit.pipeline.job import PeopleFiles, PeopleJob
from cuecircuit.pipeline.people.firstlevel import maps_table
from cuecircuit.pipeline.people.tables import people_table
from cuecircuit.pipeline.store import Stage
from cuecircuit.stats.between_model import columns_of
from cuecircuit.study.people import HeightAndExtent, PeopleStudy, Question, level_contrasts


def group_stages(job: PeopleJob) -> list[Stage]:
    """Make a stage for each question and contrast."""
    maps = maps_table(job)
    return [
        _stage(job, question, contrast, maps)
        for question in job.study.questions
        for contrast in job.study.contrasts(question.contrasts)
    ]


def group_folder(question: str, contrast: str) -> str:
    """Name the folder of an answer, relative to the output folder."""
    return f"group/{question}/{contrast}"


def asked_people(files: PeopleFiles, question: Question) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Give the people a question is about with the columns of its formula, and who is left out for want of a value.

    Raises:
        DataError: the formula names a column that no table has, or nobody is left.
        DesignError: the formula cannot be read.
    """
    study, used = files.study, columns_of(question.formula)
    people = people_table(files, study.session)
    unknown = [name for name in used if name not in people]
    if unknown:
        known = ", ".join(name for name in people if name != "subject")
        raise DataError(f"no column {name} in the tables about people; expected one of: {known}" for name in unknown)
    if question.groups:
        people = people[people[study.subjects.group].isin(question.groups)]
    whole = people[list(used)].notna().all(axis=1)
    left_out = tuple(
        f"sub-{row['subject']}: no {', '.join(name for name in used if pd.isna(row[name]))}"
        for _, row in people[~whole].iterrows()
    )
    if not whole.any():
        raise DataError(f"nobody has every column of '{question.formula}'")
    return people.loc[whole, list(dict.fromkeys(["subject", *used]))].reset_index(drop=True), left_out


def question_faults(files: PeopleFiles) -> Iterator[str]:
    """Yield what keeps a question from being fitted to the people of the study."""
    for place, question in enumerate(files.study.questions):
        try:
            people, _ = asked_people(files, question)
            coded = design(people, replace(_model(question), tests=()))
        except CuecircuitError as error:
            yield from (f"questions.{place}.formula: {question.name}: {fault}" for fault in error.faults)
            continue
        known = coded.family.tested
        yield from (
            f"questions.{place}.tests: {question.name}: no term '{test}' in '{question.formula}'; expected one of: "
            f"{', '.join(known)}, or a contrast of levels such as 'A - B'"
            for test in question.tests
            if test not in known
        )


def people_correction(
    job: PeopleJob, z: float, *, wanted: HeightAndExtent | None = None
) -> CorrectionSettings | Permutation:
    """Give the correction at a cluster-forming Z: two-sided takes clusters of one sign on both sides at one α."""
    wanted = wanted or job.study.correction
    two = wanted.sided == "two"
    voxel_p = float(stats.norm.sf(z)) * (2 if two else 1)
    sided = "bi" if two else "1"
    if wanted.method == "permutation":
        settings = PermutationSettings(
            voxel_p=voxel_p,
            alpha=wanted.alpha,
            n_permutations=wanted.permutations,
            connectivity=wanted.connectivity,
            sided=sided,
            variance=wanted.variance,
            seed=job.study.seed,
            n_jobs=job.n_jobs,
        )
        return Permutation(statistic="size", settings=settings)
    return CorrectionSettings(
        voxel_p=voxel_p,
        alpha=wanted.alpha,
        connectivity=wanted.connectivity,
        sided=sided,
        iterations=wanted.iterations,
        acf=wanted.smoothness == "acf",
        seed=job.study.seed,
        n_jobs=job.n_jobs,
    )


def people_space(files: PeopleFiles) -> Space:
    """Read the mask and, where the study has one, the atlas."""
    space = files.study.space
    atlas = (files.path(space.atlas), files.path(space.labels)) if space.atlas and space.labels else None
    return read_space(files.path(space.mask), atlas=atlas, reference=space.reference_point)


def space_files(files: PeopleFiles) -> tuple[Path, ...]:
    """Give the files that `people_space` reads."""
    space = files.study.space
    return tuple(files.path(name) for name in (space.mask, space.atlas, space.labels) if name)


def session_maps(maps: pd.DataFrame, study: PeopleStudy, contrast: str) -> pd.DataFrame:
    """Give the maps of a contrast in the session that questions are about."""
    own = maps[maps["contrast"] == contrast]
    return own if study.session is None else own[own["session"] == study.session]


def _model(question: Question) -> Model:
    return Model(
        subject="subject",
        formula=question.formula,
        method="huber" if question.method == "robust" else question.method,
        variance="variance" if question.method == "mixed-effects" else "",
        factors=dict.fromkeys(question.factors, ()),
        contrasts=level_contrasts(question.tests),
        tests=question.tests,
        variance_test=question.test,
    )


def _stage(job: PeopleJob, question: Question, contrast: str, maps: pd.DataFrame) -> Stage:
    people, left_out = asked_people(job.files, question)
    columns = ["subject", "map", *(["variance"] if question.method == "mixed-effects" else [])]
    frame = people.merge(session_maps(maps, job.study, contrast)[columns], on="subject")
    return Stage(
        name=f"group_{question.name}_{contrast}",
        target=group_folder(question.name, contrast),
        settings={
            "question": question,
            "correction": job.study.correction,
            "seed": job.study.seed,
            "reference_point": job.study.space.reference_point,
            "people": frame.to_csv(index=False),
            "left_out": list(left_out),
        },
        inputs=(*(job.out / name for column in columns[1:] for name in frame[column]), *space_files(job.files)),
        make=partial(_make, job, question, frame),
    )


def _make(job: PeopleJob, question: Question, frame: pd.DataFrame, folder: Path) -> None:
    wanted = job.study.correction
    write_tests(
        folder,
        frame,
        job.out,
        people_space(job.files),
        model=_model(question),
        correction=people_correction(job, wanted.voxel_z),
        exploratory=people_correction(job, wanted.exploratory_z) if wanted.exploratory_z else None,
        n_jobs=job.n_jobs,
        up="../../../",
    )
