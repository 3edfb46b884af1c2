"""The text of a study file with the sections of 0.1.0 to a `Study`, with every fault at once and the line of each."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml
from pydantic import ValidationError

from cuecircuit.errors import StudyError
from cuecircuit.study.alternatives import SECTION, Change, changes, unknown, written_out
from cuecircuit.study.crosscheck import Contradiction, contradictions
from cuecircuit.study.settings import resolved
from cuecircuit.study.study import Study

KeyPath = tuple[str | int, ...]


def parse_study(text: str, name: str = "study.yaml") -> Study:
    """Read a study from YAML text.

    Args:
        text: the file's content.
        name: what the messages call the file.

    Raises:
        StudyError: YAML that cannot be read, keys that stand twice or are unknown, values of the wrong kind, and
            settings that contradict one another; one line each, `name:line: path: what`.
    """
    data, lines, faults = _parse(text, name)
    try:
        study = Study.model_validate(data)
    except ValidationError as error:
        faults += [_said(fault, lines, name) for fault in error.errors()]
        raise StudyError(faults) from None
    said = (*contradictions(study), *_alternative_faults(data, study))
    faults += [f"{name}:{line_of(lines, path)}: {'.'.join(map(str, path))}: {what}" for path, what in said]
    if faults:
        raise StudyError(faults)
    return study


def alternative_texts(text: str) -> dict[str, str]:
    """Give each alternative of a study file that has no fault as a study file of its own, by name."""
    data = yaml.safe_load(text)
    study = Study.model_validate(data)
    known = _settings(study)
    return {
        name: yaml.safe_dump(
            written_out(data, tuple(changes(alternative.settings, known)), known), sort_keys=False, allow_unicode=True
        )
        for name, alternative in study.alternatives.items()
    }


def lines_of(text: str) -> Mapping[KeyPath, int]:
    """Give the line of every key of a study file that `parse_study` accepts."""
    return _parse(text, "")[1]


def line_of(lines: Mapping[KeyPath, int], path: KeyPath) -> int:
    """Give the line of `path`, or of the nearest key above it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _parse(text: str, name: str) -> tuple[Any, dict[KeyPath, int], list[str]]:
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):  # a few lines of aliases can stand for gigabytes
                line = event.start_mark.line + 1
                raise StudyError(f"{name}:{line}: *{event.anchor}: aliases are not read; write the value out")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if not isinstance(root, yaml.MappingNode):
            raise StudyError(f"{name}:1: expected sections such as `subjects:` and `cues:`, found no mapping")
        nodes = list(_walk(root, ()))
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = error.problem or "not readable as YAML"
        if "\\t" in problem:
            problem = "a tab stands where YAML wants spaces; indent with spaces"
        raise StudyError(f"{name}:{line}: {problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise StudyError(f"{name}:1: not readable as YAML ({error})") from None
    lines: dict[KeyPath, int] = {}
    faults = []
    for path, line in nodes:
        if path in lines:
            faults.append(f"{name}:{line}: {'.'.join(map(str, path))}: stands twice (first on line {lines[path]})")
        else:
            lines[path] = line
    return data, lines, faults


def _walk(node: yaml.Node, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, key.value)
            yield here, key.start_mark.line + 1
            yield from _walk(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*path, index)
            yield here, value.start_mark.line + 1
            yield from _walk(value, here)


def _said(fault: Any, lines: Mapping[KeyPath, int], name: str) -> str:
    path = tuple(part for part in fault["loc"])
    return f"{name}:{line_of(lines, path)}: {'.'.join(map(str, path)) or 'the file'}: {_what(fault)}"


def _what(fault: Any) -> str:
    match fault["type"]:
        case "extra_forbidden":
            return "unknown key; is it misspelled, or in another section?"
        case "missing":
            return "missing"
        case "value_error":
            return str(fault["ctx"]["error"])
        case _:
            return f"{fault['msg'].lower()}, found {fault['input']!r}"


def _settings(study: Study) -> frozenset[str]:
    return frozenset(setting.path for setting in resolved(study, {}))


def _alternative_faults(data: Any, study: Study) -> Iterator[Contradiction]:
    """Yield what is wrong with the alternatives of a study, each looked at as a study of its own."""
    known, own = _settings(study), tuple(contradictions(study))
    seen = {_decided(study): "the rest of the file"}
    for name, alternative in study.alternatives.items():
        at = (SECTION, name)
        changed = tuple(changes(alternative.settings, known))
        wrong = [((*at, "settings", *each.keys), why) for each in changed if (why := unknown(each, known))]
        yield from wrong
        if wrong:
            continue
        whole = written_out(data, changed, known)
        try:
            other = Study.model_validate(whole)
        except ValidationError as error:
            for fault in error.errors():
                yield _blamed(at, changed, _named(whole, fault["loc"]), _what(fault))
            continue
        for path, what in contradictions(other):
            if (path, what) not in own:
                yield _blamed(at, changed, _named(whole, path), what)
        same = seen.setdefault(_decided(other), f"alternative {name}")
        if same != f"alternative {name}":
            yield at, f"makes the same study as {same}; change another setting or leave it out"


def _decided(study: Study) -> str:
    # what is shown beside the results decides nothing
    shown: Any = {"assumed": True, SECTION: True, "correction": {"compare", "compare_permutations"}}
    return study.model_dump_json(exclude=shown)


def _blamed(at: KeyPath, changed: Iterable[Change], path: str, what: str) -> Contradiction:
    """Put a fault at the setting of the alternative that it is about, or at its name."""
    for each in changed:
        if f"{path}.".startswith(f"{each.path}.") or each.path.startswith(f"{path}."):
            return (*at, "settings", *each.keys), what
    return at, f"{path}: {what}"


def _named(data: Any, path: KeyPath) -> str:
    """Write a path with dots, the items of lists by their names."""
    words: list[str] = []
    here: Any = data
    for key in path:
        try:
            here = here[key]
        except (KeyError, IndexError, TypeError):
            here = None
        words.append(str(here.get("name", key)) if isinstance(key, int) and isinstance(here, dict) else str(key))
    return ".".join(words)
