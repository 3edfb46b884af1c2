"""Two sessions: the mixed model of every contrast with people of one session kept, reliability, and change with change.

Files of a contrast: those of `cuecircuit group` for the mixed model; `stat-icc` of the people with both sessions; and
`stat-changeR`, the correlation of the change of the response with that of a measure.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import CuecircuitError, DataError
from cuecircuit.group.correction import on_grid
from cuecircuit.io.derivatives import map_name
from cuecircuit.io.maps import read_maps
from cuecircuit.io.nifti import write_volume
from cuecircuit.io.tables import write_json
from cuecircuit.models.model import Model
from cuecircuit.pipeline.group.tested_maps import write_tests
from cuecircuit.pipeline.job import PeopleFiles, PeopleJob
from cuecircuit.pipeline.people.firstlevel import maps_table
from cuecircuit.pipeline.people.group import people_correction, people_space, space_files
from cuecircuit.pipeline.people.tables import people_table
from cuecircuit.pipeline.store import Stage
from cuecircuit.stats.mixed_formula import parse_formula
from cuecircuit.stats.mixed_model import MixedModel, mixed_model
from cuecircuit.stats.reliability import change_correlation, intraclass_correlation
from cuecircuit.study.people import Longitudinal, PeopleStudy, level_contrasts


def longitudinal_stages(job: PeopleJob) -> list[Stage]:
    """Make a stage for each contrast that is followed over sessions; none where the study follows nothing."""
    wanted = job.study.longitudinal
    if wanted is None:
        return []
    maps = maps_table(job)
    return [_stage(job, wanted, contrast, maps) for contrast in job.study.contrasts(wanted.contrasts)]


def longitudinal_folder(contrast: str) -> str:
    """Name the folder of a contrast over sessions, relative to the output folder."""
    return f"longitudinal/{contrast}"


def sessions_table(files: PeopleFiles, scanned: pd.DataFrame) -> pd.DataFrame:
    """Give a row for each person and session scanned, with what is known of the person in that session.

    Args:
        files: the study.
        scanned: columns subject and session.

    Raises:
        DataError: a table is at fault.
    """
    both = files.study.acquisition.sessions[:2]
    parts = [people_table(files, session).assign(session=session) for session in both]
    return pd.concat(parts).merge(scanned[["subject", "session"]].drop_duplicates(), on=["subject", "session"])


def session_columns(wanted: Longitudinal, table: pd.DataFrame) -> pd.DataFrame:
    """Keep the columns of the model, and the rows that have them all.

    Raises:
        DataError: the formula or `measure` names a column that no table has.
        DesignError: the formula cannot be read.
    """
    used = parse_formula(wanted.formula).columns
    faults = [
        f"longitudinal.{key}: no column {name} in the tables about people; expected one of: {', '.join(table)}"
        for key, names in (("formula", used), ("measure", filter(None, [wanted.measure])))
        for name in names
        if name not in table
    ]
    if faults:
        raise DataError(faults)
    return table[list(dict.fromkeys(["subject", "session", *used]))].dropna()


def session_model(wanted: Longitudinal, rows: pd.DataFrame) -> MixedModel:
    """Code the mixed model of the rows of a table of sessions.

    Raises:
        DesignError: the columns do not carry it.
    """
    return mixed_model(wanted.formula, {str(name): rows[name].to_numpy() for name in rows}, factors=("session",))


def longitudinal_faults(files: PeopleFiles, scanned: pd.DataFrame) -> Iterator[str]:
    """Yield what keeps the sessions from being compared."""
    wanted = files.study.longitudinal
    if wanted is None:
        return
    try:
        model = session_model(wanted, session_columns(wanted, sessions_table(files, scanned)))
    except CuecircuitError as error:
        yield from (fault if "longitudinal." in fault else f"longitudinal.formula: {fault}" for fault in error.faults)
        return
    known = [hypothesis.name for hypothesis in model.hypotheses]
    for test in wanted.tests:
        if test not in known and test not in level_contrasts(wanted.tests):
            yield f"longitudinal.tests: no term '{test}' in the formula; expected one of: {', '.join(known)}"


def complete(study: PeopleStudy, subjects: pd.DataFrame) -> list[str]:
    """People with maps of both sessions, in the order of the table."""
    times = subjects[subjects["session"].isin(study.acquisition.sessions[:2])].groupby("subject", sort=False)
    return [str(name) for name, own in times if own["session"].nunique() == 2]


def _stage(job: PeopleJob, wanted: Longitudinal, contrast: str, maps: pd.DataFrame) -> Stage:
    own = maps[maps["contrast"] == contrast][["subject", "session", "map"]]
    table = sessions_table(job.files, own)
    frame = session_columns(wanted, table).merge(own, on=["subject", "session"])
    measure = table[["subject", "session", *([wanted.measure] if wanted.measure else [])]]
    return Stage(
        name=f"longitudinal_{contrast}",
        target=longitudinal_folder(contrast),
        settings={
            "longitudinal": wanted,
            "correction": job.study.correction,
            "seed": job.study.seed,
            "reference_point": job.study.space.reference_point,
            "rows": frame.to_csv(index=False),
            "measure": measure.to_csv(index=False),
        },
        inputs=(*(job.out / name for name in frame["map"]), *space_files(job.files)),
        make=partial(_make, job, wanted, contrast, frame, measure),
    )


def _make(
    job: PeopleJob, wanted: Longitudinal, contrast: str, frame: pd.DataFrame, measure: pd.DataFrame, folder: Path
) -> None:
    space = people_space(job.files)
    model = Model(
        subject="subject",
        formula=wanted.formula,
        contrasts=level_contrasts(wanted.tests),
        factors={"session": ()},
    )
    correction = people_correction(job, job.study.correction.voxel_z)
    options = {"correction": correction, "n_jobs": job.n_jobs}
    write_tests(folder, frame, job.out, space, model=model, up="../../", **options)
    people = complete(job.study, frame)
    y = paired(frame, people, "map", job.study)
    maps = read_maps([str(name) for name in y.ravel()], job.out, space.mask, space.grid).reshape(len(people), 2, -1)
    facts = {"people": frame["subject"].nunique(), "people_with_both": len(people)}
    agreement = intraclass_correlation(maps, kind=wanted.reliability)
    found = {"icc": agreement.icc, "iccLow": agreement.ci_low, "iccHigh": agreement.ci_high}
    if wanted.measure:
        change = change_of(measure, people, wanted.measure, job.study)
        known = np.isfinite(change).all(axis=1)
        correlation = change_correlation(change[known], maps[known])
        found |= {"changeR": correlation.r, "changeP": correlation.p}
        facts["people_with_change"] = int(known.sum())
    for statistic, values in found.items():
        volume = on_grid(values, space.mask).astype(np.float32)
        write_volume(folder / map_name(contrast, statistic), volume, space.grid)
    write_json(folder / "people.json", facts)


def paired(frame: pd.DataFrame, people: list[str], column: str, study: PeopleStudy) -> Array:
    """Lay a column out by person and the first two sessions."""
    wide = frame.pivot(index="subject", columns="session", values=column)
    return wide.loc[people, list(study.acquisition.sessions[:2])].to_numpy()


def change_of(
    measure: pd.DataFrame, people: list[str], name: str, study: PeopleStudy
) -> Float[Array, "subject session"]:
    """Give a measure of people in both sessions; NaN where it was not taken."""
    return paired(measure, people, name, study).astype(np.float64)
