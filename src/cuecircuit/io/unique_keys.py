"""YAML in which no key may be duplicated: of two, YAML would keep the later without a word."""

from typing import Any

import yaml
from yaml.constructor import ConstructorError

# a declaration has some kB and three levels
_MOST_LETTERS, _DEEPEST = 100_000, 40


class _UniqueLoader(yaml.SafeLoader):
    """The safe loader, with keys that are counted."""


def _mapping(loader: _UniqueLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.value in seen and isinstance(key, yaml.ScalarNode):
            raise ConstructorError(
                problem=f"key {key.value!r} is duplicated, on lines {seen[key.value]} and {line}; keep one",
                problem_mark=key.start_mark,
            )
        seen[str(key.value)] = line
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_UniqueLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load_unique(text: str) -> Any:
    """Load YAML text.

    Raises:
        yaml.YAMLError: not YAML, a key that is duplicated (both lines), aliases, or more than any declaration has.
    """
    try:
        _check(text)
        return yaml.load(text, Loader=_UniqueLoader)
    except (ValueError, TypeError, RecursionError) as error:  # what PyYAML lets through of dates, numbers and keys
        raise yaml.YAMLError(f"cannot be read ({error})") from error


def _check(text: str) -> None:
    if len(text) > _MOST_LETTERS:
        raise yaml.YAMLError(f"{len(text)} letters, expected at most {_MOST_LETTERS}")
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):  # a few lines of them can stand for gigabytes
            raise ConstructorError(problem="aliases are not read; write it out", problem_mark=event.start_mark)
        opens = isinstance(event, yaml.CollectionStartEvent)
        depth += opens - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise ConstructorError(problem=f"more than {_DEEPEST} levels deep", problem_mark=event.start_mark)
