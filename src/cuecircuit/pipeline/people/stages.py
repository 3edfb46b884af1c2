"""The stages of a study of people, in their order; only what is missing or stale is done."""

from collections.abc import Callable, Sequence

from cuecircuit.pipeline.cells import subjects_of
from cuecircuit.pipeline.job import PeopleJob, bring_up_to_date
from cuecircuit.pipeline.people.behavior import behavior_stage
from cuecircuit.pipeline.people.figures import figures_stage
from cuecircuit.pipeline.people.firstlevel import run_people
from cuecircuit.pipeline.people.group import group_stages
from cuecircuit.pipeline.people.longitudinal import longitudinal_stages
from cuecircuit.pipeline.people.regions import regions_stage
from cuecircuit.pipeline.people.report import report_stage
from cuecircuit.pipeline.store import Stage


def _behavior(job: PeopleJob) -> None:
    if job.study.behavior is not None:
        bring_up_to_date(job, behavior_stage(job, job.study.behavior))


def _first_level(job: PeopleJob) -> None:
    _drop_others(job, "sub-", [f"sub-{subject}" for subject in subjects_of(job.files)["subject"]])
    run_people(job)


def _many(prefix: str, make_stages: Callable[[PeopleJob], list[Stage]]) -> Callable[[PeopleJob], None]:
    def run(job: PeopleJob) -> None:
        stages = make_stages(job)
        _drop_others(job, prefix, [stage.name for stage in stages])
        for stage in stages:
            bring_up_to_date(job, stage)

    return run


def _drop_others(job: PeopleJob, prefix: str, kept: Sequence[str]) -> None:
    job.store.drop(name for name in job.store.names() if name.startswith(prefix) and name not in kept)


def _regions(job: PeopleJob) -> None:
    if job.study.space.atlas is not None:
        bring_up_to_date(job, regions_stage(job))


STAGES: dict[str, Callable[[PeopleJob], None]] = {
    "behavior": _behavior,
    "firstlevel": _first_level,
    "group": _many("group_", group_stages),
    "longitudinal": _many("longitudinal_", longitudinal_stages),
    "regions": _regions,
    "figures": lambda job: bring_up_to_date(job, figures_stage(job)),
    "report": lambda job: bring_up_to_date(job, report_stage(job)),
}
