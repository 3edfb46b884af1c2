"""The text of a study file to a `Study`, with every fault at once and the line of each."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from pydantic import ValidationError

from cuecircuit.errors import StudyError
from cuecircuit.study.crosscheck import contradictions
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
    faults += [f"{name}:{line_of(lines, path)}: {'.'.join(path)}: {what}" for path, what in contradictions(study)]
    if faults:
        raise StudyError(faults)
    return study


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
    where = f"{name}:{line_of(lines, path)}: {'.'.join(map(str, path)) or 'the file'}"
    match fault["type"]:
        case "extra_forbidden":
            return f"{where}: unknown key; is it misspelled, or in another section?"
        case "missing":
            return f"{where}: missing"
        case "value_error":
            return f"{where}: {fault['ctx']['error']}"
        case _:
            return f"{where}: {fault['msg'].lower()}, found {fault['input']!r}"
