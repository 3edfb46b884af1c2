"""What the study file of people says in one place against what it says in another."""

from collections.abc import Iterator
from typing import Any

from cuecircuit.study.crosscheck import (
    Contradiction,
    alpha_can_be_told,
    assumptions_point_somewhere,
    names_once,
    one_of,
)
from cuecircuit.study.people import PeopleStudy
from cuecircuit.study.sections import word_of


def people_contradictions(study: PeopleStudy) -> Iterator[Contradiction]:
    """Yield each contradiction with the path of the setting to look at."""
    yield from names_once(
        {
            ("subjects", "groups"): study.subjects.groups,
            ("cues", "levels"): study.cues.levels,
            ("acquisition", "sessions"): study.acquisition.sessions,
            ("questions",): [question.name for question in study.questions],
        }
    )
    yield from _contrasts_have_names_of_their_own(study)
    yield from _named_things_exist(study)
    yield from _sessions_and_regions_are_there(study)
    yield from _permutation_can_do_it(study)
    yield from alpha_can_be_told(study.correction)
    yield from assumptions_point_somewhere(study)


def _contrasts_have_names_of_their_own(study: PeopleStudy) -> Iterator[Contradiction]:
    files: dict[str, str] = {}
    cells = {word_of(level) for level in study.cues.levels}
    for name in study.response.contrasts:
        if name in cells:
            yield ("response", "contrasts", name), f"'{name}' is a cell and a contrast; name the contrast otherwise"
        file = name.replace("_", "")  # labels of BIDS have no underscore
        if file in files:
            yield (
                ("response", "contrasts", name),
                f"contrasts {files[file]} and {name} would have the same files; tell them apart by more than _",
            )
        files[file] = name


def _named_things_exist(study: PeopleStudy) -> Iterator[Contradiction]:
    sections: list[tuple[tuple[str | int, ...], Any]] = [
        (("questions", place), question) for place, question in enumerate(study.questions)
    ]
    sections += [((name,), getattr(study, name)) for name in ("longitudinal", "correlations") if getattr(study, name)]
    known = study.response.contrasts
    for path, section in sections:
        for contrast in section.contrasts:
            if contrast not in known:
                yield (*path, "contrasts"), one_of(contrast, known, "contrast")
        for group in getattr(section, "groups", ()):
            if group not in study.subjects.groups:
                yield (*path, "groups"), one_of(group, study.subjects.groups, "group")


def _sessions_and_regions_are_there(study: PeopleStudy) -> Iterator[Contradiction]:
    if study.longitudinal is not None and len(study.acquisition.sessions) < 2:
        found = len(study.acquisition.sessions)
        yield ("longitudinal",), f"needs two sessions, acquisition.sessions names {found}"
    if study.correlations is not None and study.space.atlas is None:
        yield ("correlations",), "correlates regions, but space.atlas names none; give atlas and labels"


def _permutation_can_do_it(study: PeopleStudy) -> Iterator[Contradiction]:
    if study.correction.method != "permutation":
        return
    for place, question in enumerate(study.questions):
        if question.method != "ols":
            yield (
                ("questions", place, "method"),
                f"permutation tests least squares, {question.name} has {question.method}; set it to ols, or "
                "correction.method to simulation",
            )
