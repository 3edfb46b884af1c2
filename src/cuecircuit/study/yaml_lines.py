"""YAML text to plain data with the line of every key; nothing of a library shows through."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import yaml

from cuecircuit.errors import StudyError

KeyPath = tuple[str | int, ...]
# beyond these a text is no study file; both bound the time that hostile text can take
_MOST_CHARACTERS = 1_000_000
_DEEPEST = 40
_TOO_DEEP = f"more than {_DEEPEST} levels deep; fewer than ten are needed"
# the loader of libyaml, ten times as fast, where PyYAML was built with it
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT, _DATE = "tag:yaml.org,2002:int", "tag:yaml.org,2002:timestamp"


class _Loader(_Safe):
    """YAML that leaves labels as they are written: session 010 is not 8, 1:30 not 90, 2024-01-15 text."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_INT, _DATE)]
        for first, resolvers in _Safe.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?(0|[1-9][0-9]*)$"), list("-+0123456789"))


def parse_yaml(text: str, name: str) -> tuple[dict[str, Any], dict[KeyPath, int], list[str]]:
    """Read YAML text.

    Args:
        text: the file's content.
        name: what messages call the file.

    Returns:
        The data, the line of every key, and one fault for each key that is written twice.

    Raises:
        StudyError: it cannot be read as YAML, holds aliases, or is no mapping.
    """
    if len(text) > _MOST_CHARACTERS:
        raise StudyError(f"{name}:1: {len(text)} characters; expected at most {_MOST_CHARACTERS}")
    try:
        _check_events(text, name)
        loader = _Loader(text)
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise StudyError(f"{name}:1: found no keys; expected keys with values, such as `subjects:` of a study file")
        nodes = list(_walk(root, ()))
        data = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise StudyError(f"{name}:{line}: {_problem(error, text.splitlines()[line - 1 : line])}") from None
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        raise StudyError(f"{name}:1: not readable as YAML ({error})") from None
    lines: dict[KeyPath, int] = {}
    faults, twice = [], set()
    for path, line in nodes:
        if path in lines:
            twice.add(path)
            if any(path[:depth] in twice for depth in range(1, len(path))):
                continue  # what is below a key that is written twice
            faults.append(f"{name}:{line}: {'.'.join(map(str, path))}: written twice (first on line {lines[path]})")
        else:
            lines[path] = line
    return data, lines, faults


def line_of(lines: Mapping[KeyPath, int], path: KeyPath) -> int:
    """Return the line of `path`, or of the nearest key above it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def with_lines(faults: Iterable[str], text: str, name: str) -> list[str]:
    """Put the line of the file before each fault that begins with the path of a setting, `operant.logs: what`."""
    lines = parse_yaml(text, name)[1]
    placed = []
    for fault in faults:
        key = tuple(fault.partition(":")[0].split(" ")[0].split("."))
        placed.append(f"{name}:{line_of(lines, key)}: {fault}" if key[:1] in lines else f"{name}: {fault}")
    return placed


def _check_events(text: str, name: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):  # a few lines of aliases can stand for gigabytes
            raise StudyError(
                f"{name}:{line}: *{event.anchor}: aliases are not read; put a pattern that begins with * in quotes, or "
                "write the value out"
            )
        opens = isinstance(event, yaml.CollectionStartEvent)
        depth += opens - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise StudyError(f"{name}:{line}: {_TOO_DEEP}")


def _problem(error: yaml.MarkedYAMLError, line: Sequence[str]) -> str:
    problem = error.problem or "not readable as YAML"
    if "nesting depth" in problem:  # PyYAML from 6.0.4 on
        return _TOO_DEEP
    if any("\t" in text[: len(text) - len(text.lstrip())] for text in line):
        return "a tab where YAML expects spaces; indent with spaces"
    return f"{problem}; put text that holds : # [ {{ * or, inside braces, a comma in quotes"


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
