"""Contrast maps of people to one number per region: against a measure, and over sessions."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import DataError
from cuecircuit.io.maps import read_maps
from cuecircuit.io.tables import ColumnNote, write_table
from cuecircuit.pipeline.job import PeopleJob
from cuecircuit.pipeline.people.firstlevel import maps_table
from cuecircuit.pipeline.people.group import people_space, space_files
from cuecircuit.pipeline.people.longitudinal import (
    change_of,
    complete,
    paired,
    session_columns,
    session_model,
    sessions_table,
)
from cuecircuit.pipeline.people.tables import people_table
from cuecircuit.pipeline.store import Stage
from cuecircuit.regions.brain_behavior import brain_behavior
from cuecircuit.regions.means import region_means
from cuecircuit.stats.mixed_fit import fit_mixed
from cuecircuit.stats.multiple_testing import adjust_p
from cuecircuit.stats.reliability import change_correlation, intraclass_correlation
from cuecircuit.study.people import BrainMeasure, Longitudinal, PeopleStudy

KEYS: Mapping[str, ColumnNote] = {"contrast": "cell or contrast", "region": "atlas region"}
RESPONSE_COLUMNS: Mapping[str, ColumnNote] = {
    "subject": "participant label",
    "session": "entity ses; n/a where scans have none",
    **KEYS,
    "voxels": "voxels averaged",
    "response": {"Description": "mean over the region's voxels of the smoothed map", "Units": "% BOLD change"},
}
CORRELATION_COLUMNS: Mapping[str, ColumnNote] = {
    **KEYS,
    "n": "people",
    "r": "Pearson correlation, groups pooled",
    "ci_low": "95 % interval of r (Fisher's z)",
    "ci_high": "95 % interval of r (Fisher's z)",
    "p": "of r, two-sided",
    "q": "Benjamini-Hochberg over the regions of the contrast",
    "r_within": "correlation with the groups' means taken out",
    "p_within": "of r_within, two-sided",
    "q_within": "Benjamini-Hochberg over the regions of the contrast",
    "p_permutation": "of r_within: the measure shuffled inside the groups",
}
TERM_COLUMNS: Mapping[str, ColumnNote] = {
    **KEYS,
    "term": "effect of the mixed model",
    "df1": "numerator degrees of freedom",
    "df2": "denominator degrees of freedom, Satterthwaite",
    "F": "type III",
    "p": "of F",
    "q": "Benjamini-Hochberg over the regions of the contrast",
    "people": "people in the model",
    "observations": "maps in the model",
}
CHANGE_COLUMNS: Mapping[str, ColumnNote] = {
    **KEYS,
    "people": "people with both sessions",
    "icc": "intraclass correlation of the two sessions",
    "icc_low": "95 % interval",
    "icc_high": "95 % interval",
    "n": "people with both sessions and the measure in both",
    "r": "correlation of the change of the response with the change of the measure",
    "p": "of r, two-sided",
    "q": "Benjamini-Hochberg over the regions of the contrast",
}


def regions_stage(job: PeopleJob) -> Stage:
    """Make the stage that turns maps into region numbers; the study has an atlas.

    Raises:
        DataError: a table about people is at fault.
    """
    study, maps = job.study, maps_table(job)
    sessions = study.acquisition.sessions or (None,)
    people = pd.concat([people_table(job.files, session).assign(session=session) for session in sessions])
    names = ("space", "subjects", "cues", "correlations", "longitudinal", "seed")
    return Stage(
        name="regions",
        target="regions",
        settings={**{name: getattr(study, name) for name in names}, "people": people.to_csv(index=False)},
        inputs=(*(job.out / name for name in maps["map"]), *space_files(job.files)),
        make=partial(_make, job, maps),
    )


def _make(job: PeopleJob, maps: pd.DataFrame, folder: Path) -> None:
    study = job.study
    responses = _responses(job, maps)
    notes = {study.subjects.group: "group", **RESPONSE_COLUMNS}
    write_table(folder / "responses.tsv", _with_group(job, responses), notes)
    if study.correlations is not None:
        write_table(folder / "correlations.tsv", _correlations(job, study.correlations, responses), CORRELATION_COLUMNS)
    if study.longitudinal is not None:
        table = sessions_table(job.files, maps)
        write_table(
            folder / "longitudinal.tsv", _over_sessions(study.longitudinal, study, table, responses), TERM_COLUMNS
        )
        write_table(folder / "change.tsv", _change(study.longitudinal, study, table, responses), CHANGE_COLUMNS)
        write_table(folder / "sessions.tsv", *_attendance(study, table))


def _responses(job: PeopleJob, maps: pd.DataFrame) -> pd.DataFrame:
    space = people_space(job.files)
    assert space.atlas is not None
    y = read_maps([str(name) for name in maps["map"]], job.out, space.mask, space.grid)
    labels = list(space.atlas.names)
    means = region_means(y[:, None, :], space.atlas.labels[space.mask], np.array(labels))
    rows = maps[["subject", "session", "contrast"]]
    parts = [
        rows.assign(region=name, voxels=int(means.voxels[k]), response=means.values[:, 0, k])
        for k, name in enumerate(space.atlas.names.values())
    ]
    return pd.concat(parts, ignore_index=True)


def _with_group(job: PeopleJob, responses: pd.DataFrame) -> pd.DataFrame:
    if not job.study.subjects.groups:
        return responses
    groups = people_table(job.files, job.study.session).set_index("subject")[job.study.subjects.group]
    return responses.assign(**{job.study.subjects.group: responses["subject"].map(groups)})


def _wide(responses: pd.DataFrame, contrast: str, regions: list[str]) -> pd.DataFrame:
    own = responses[responses["contrast"] == contrast]
    return own.pivot(index=["subject", "session"], columns="region", values="response")[regions]


def _regions(responses: pd.DataFrame) -> list[str]:
    return [str(name) for name in responses["region"].unique()]


def _correlations(job: PeopleJob, wanted: BrainMeasure, responses: pd.DataFrame) -> pd.DataFrame:
    study, regions = job.study, _regions(responses)
    people = measured(job, wanted)
    codes = _codes(study, people)
    rows = []
    for contrast in study.contrasts(wanted.contrasts):
        wide = _wide(responses, contrast, regions)
        y = wide.xs(study.session, level="session") if study.session else wide.droplevel("session")
        found = brain_behavior(
            people[wanted.measure].to_numpy(float),
            y.loc[list(people["subject"])].to_numpy(float),
            codes,
            permutations=wanted.permutations,
            seed=study.seed,
        )
        pooled, within = found.pooled, found.within
        columns = {"r": pooled.r, "ci_low": pooled.ci_low, "ci_high": pooled.ci_high, "p": pooled.p, "q": found.q}
        columns |= {"r_within": within.r, "p_within": within.p, "q_within": found.q_within}
        columns |= {"p_permutation": found.p_permutation}
        rows.append(pd.DataFrame({"contrast": contrast, "region": regions, "n": len(people), **columns}))
    return pd.concat(rows, ignore_index=True)


def measured(job: PeopleJob, wanted: BrainMeasure) -> pd.DataFrame:
    """Give the people whose measure is known, of the groups that are asked about.

    Raises:
        DataError: no table has the measure.
    """
    people = people_table(job.files, job.study.session)
    if wanted.measure not in people:
        raise DataError(f"correlations.measure: no column {wanted.measure} in the tables about people")
    if wanted.groups:
        people = people[people[job.study.subjects.group].isin(wanted.groups)]
    return people[people[wanted.measure].notna()].reset_index(drop=True)


def _codes(study: PeopleStudy, people: pd.DataFrame) -> Int[Array, "subject"]:
    if not study.subjects.groups:
        return np.zeros(len(people), int)
    return people[study.subjects.group].map(study.subjects.groups.index).to_numpy(int)


def _over_sessions(
    wanted: Longitudinal, study: PeopleStudy, table: pd.DataFrame, responses: pd.DataFrame
) -> pd.DataFrame:
    regions, rows = _regions(responses), session_columns(wanted, table)
    model, parts = session_model(wanted, rows), []
    for contrast in study.contrasts(wanted.contrasts):
        y = _observed(_wide(responses, contrast, regions), rows)
        fit = fit_mixed(y, model)
        for term in fit.terms:
            known = {"contrast": contrast, "region": regions, "term": term.name, "df1": term.df1, "df2": term.df2}
            tests = {"F": term.f, "p": term.p, "q": adjust_p(term.p, "fdr")}
            counts = {"people": model.n_subjects, "observations": model.n_observations}
            parts.append(pd.DataFrame({**known, **tests, **counts}))
    return pd.concat(parts, ignore_index=True)


def _observed(wide: pd.DataFrame, rows: pd.DataFrame) -> Float[Array, "observation region"]:
    return wide.loc[pd.MultiIndex.from_frame(rows[["subject", "session"]])].to_numpy(np.float64)


def _change(wanted: Longitudinal, study: PeopleStudy, table: pd.DataFrame, responses: pd.DataFrame) -> pd.DataFrame:
    people, regions = complete(study, table), _regions(responses)
    parts = []
    for contrast in study.contrasts(wanted.contrasts):
        own = responses[responses["contrast"] == contrast]
        y = np.stack([paired(own[own["region"] == region], people, "response", study) for region in regions], axis=2)
        y = y.astype(np.float64)
        icc = intraclass_correlation(y, kind=wanted.reliability)
        row = {"contrast": contrast, "region": regions, "people": len(people)}
        row |= {"icc": icc.icc, "icc_low": icc.ci_low, "icc_high": icc.ci_high}
        if wanted.measure:
            change = change_of(table, people, wanted.measure, study)
            known = np.isfinite(change).all(axis=1)
            found = change_correlation(change[known], y[known])
            row |= {"n": int(known.sum()), "r": found.r, "p": found.p, "q": adjust_p(found.p, "fdr")}
        parts.append(pd.DataFrame(row))
    return pd.concat(parts, ignore_index=True)


def _attendance(study: PeopleStudy, table: pd.DataFrame) -> tuple[pd.DataFrame, Mapping[str, ColumnNote]]:
    """Count the people scanned in each session, and those in both, by group."""
    group = study.subjects.group if study.subjects.groups else None
    both = set(complete(study, table))
    rows = []
    for level in study.subjects.groups or ("all",):
        own = table if group is None else table[table[group] == level]
        counts = {f"session_{name}": int((own["session"] == name).sum()) for name in study.acquisition.sessions[:2]}
        rows.append({"group": level, **counts, "both": len(both & set(own["subject"]))})
    notes = {"group": "group", "both": "people scanned in both sessions"}
    notes |= {name: "people scanned" for name in rows[0] if name.startswith("session_")}
    return pd.DataFrame(rows), notes
