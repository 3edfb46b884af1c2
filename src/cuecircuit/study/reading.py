"""The text of a study file to a `Study`, with every fault at once and the line of each."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from cuecircuit.errors import StudyError
from cuecircuit.study.contradictions import contradictions, has_path
from cuecircuit.study.messages import model_faults
from cuecircuit.study.question_checks import Contradiction, KeyPath, not_among
from cuecircuit.study.schema import Study
from cuecircuit.study.yaml_lines import line_of, parse_yaml

# what a study is called, the voxels all results are in, and what makes no result
_FIXED = (
    "about",
    "space",
    "preprocess",
    "quality",
    "simulation",
    "assumed",
    "figures",
    "style",
    "copies",
    "alternatives",
)
# no key of these decides what another section may have
_AT_THE_END = {"about", "questions", "figures", "copies", "style", "correction", "quality", "space", "simulation"}
# descriptive settings, which change no result
_SHOWN: Any = {"assumed": True, "alternatives": True, "figures": True, "style": True, "copies": True, "about": True}


def parse_study(text: str, name: str = "study.yaml") -> Study:
    """Read a study from YAML text.

    Args:
        text: the file's content.
        name: what messages call the file.

    Returns:
        The study, whose settings do not contradict one another.

    Raises:
        StudyError: YAML that cannot be read, keys that are unknown or written twice, values of a wrong kind, settings
            that contradict one another, keys of a table that a question does not account for, sections that nothing
            uses; one line each, `name:line: path: what`.
    """
    data, lines, faults = parse_yaml(text, name)

    def placed(path: KeyPath, what: str) -> str:
        return f"{name}:{line_of(lines, path)}: {'.'.join(map(str, path)) or 'the file'}: {what}"

    try:
        study = Study.model_validate(data)
    except ValidationError as error:
        wrong = [*model_faults(error, data)]
        wrong += _other_faults(data, [path for path, _ in wrong])
        raise StudyError(_by_line([*faults, *(placed(path, what) for path, what in wrong)])) from None
    faults += [placed(path, what) for path, what in (*contradictions(study), *_alternative_faults(data, study))]
    if faults:
        raise StudyError(_by_line(faults))
    return study


def _other_faults(data: Mapping[str, Any], wrong: Sequence[KeyPath]) -> Iterator[Contradiction]:
    """Yield what contradicts another setting in a file some of whose values are of a wrong kind.

    Each of these is left out, of a list where one value is expected the first is taken; sections that others rest on
    are not looked beyond, since what follows of a key left out there would be a fault of its own.
    """
    rest = deepcopy(data)
    if () in wrong or not {path[0] for path in wrong} <= _AT_THE_END:
        return
    for path in wrong:
        here: Any = rest
        for key in path[:-1]:
            here = here[key] if isinstance(here, Mapping) and key in here else {}
        value = here.pop(path[-1], None) if isinstance(here, dict) else None
        if isinstance(value, list) and value:
            here[path[-1]] = value[0]
    try:
        study = Study.model_validate(rest)
    except ValidationError:
        return
    sections = {path[:2] for path in wrong}
    yield from ((path, what) for path, what in contradictions(study, unused=False) if path[:2] not in sections)


def alternative_studies(text: str) -> dict[str, Study]:
    """Return each alternative of a study file without faults as a study of its own, by name."""
    data, _, _ = parse_yaml(text, "study.yaml")
    alternatives = Study.model_validate(data).alternatives
    return {name: Study.model_validate(_changed(data, one.settings)) for name, one in alternatives.items()}


def _by_line(faults: Sequence[str]) -> list[str]:
    return sorted(dict.fromkeys(faults), key=lambda fault: int(fault.split(":")[1]))


def _alternative_faults(data: Mapping[str, Any], study: Study) -> Iterator[Contradiction]:
    """Yield what is wrong with the alternatives, each looked at as a study of its own."""
    whole = study.model_dump(by_alias=True)
    already = {what for _, what in contradictions(study)} if study.alternatives else set()
    same_as = {_decided(study): "the rest of the file"}
    for name, alternative in study.alternatives.items():
        at = ("alternatives", name, "settings")
        wrong = [((*at, path), why) for path in alternative.settings if (why := _not_changeable(whole, path))]
        yield from wrong
        if wrong:
            continue
        changed = _changed(data, alternative.settings)
        try:
            other = Study.model_validate(changed)
        except ValidationError as error:
            for path, what in model_faults(error, changed):
                yield (*at, *_blamed(alternative.settings, path)), what
            continue
        for path, what in contradictions(other, unused=False):
            if what not in already:
                yield (*at, *_blamed(alternative.settings, path)), f"{'.'.join(map(str, path))}: {what}"
        twin = same_as.setdefault(_decided(other), f"alternative {name}")
        if twin != f"alternative {name}":
            yield at[:2], f"makes the same study as {twin}; change another setting or leave it out"


def _decided(study: Study) -> str:
    return study.model_dump_json(exclude=_SHOWN)


def _not_changeable(whole: Mapping[str, Any], path: str) -> str | None:
    *above, last = path.split(".")
    first = path.split(".")[0]
    if first in _FIXED:
        return f"an alternative cannot change '{first}': its results would not be comparable with those of the study"
    if first == "factors":
        return "an alternative cannot change factors; leave levels out with `where` of a question"
    for depth in range(1, len(above) + 1):
        if not has_path(whole, ".".join(above[:depth])):
            here: Any = whole
            for key in above[: depth - 1]:
                here = here[key]
            return f"no such setting; {not_among(above[depth - 1], here, 'name there')}"
    here = whole
    for key in above:
        here = here[key]
    if last not in here:
        return f"no such setting; {not_among(last, here, 'key there')}"
    return None


def _changed(data: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a study file with an alternative's settings in it, and without alternatives."""
    whole: dict[str, Any] = deepcopy({name: value for name, value in data.items() if name != "alternatives"})
    for path, value in settings.items():
        *above, last = path.split(".")
        here: Any = whole
        for key in above:
            if here.get(key) is None:
                here[key] = {}
            here = here[key]
        here[last] = deepcopy(value)
    return whole


def _blamed(settings: Mapping[str, Any], path: KeyPath) -> tuple[str, ...]:
    """Return the setting of an alternative that a fault is about; none where none is plainly to blame."""
    dotted = ".".join(map(str, path))
    hits = [s for s in settings if f"{dotted}.".startswith(f"{s}.") or s.startswith(f"{dotted}.")]
    return (hits[0],) if hits else ()
