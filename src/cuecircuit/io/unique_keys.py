"""YAML in which no key may stand twice: of two, YAML would keep the later without a word."""

from typing import Any

import yaml
from yaml.constructor import ConstructorError


class _UniqueLoader(yaml.SafeLoader):
    """The safe loader, with keys that are counted."""


def _mapping(loader: _UniqueLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.value in seen and isinstance(key, yaml.ScalarNode):
            raise ConstructorError(
                problem=f"key {key.value!r} stands twice, on lines {seen[key.value]} and {line}; keep one",
                problem_mark=key.start_mark,
            )
        seen[str(key.value)] = line
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_UniqueLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load_unique(text: str) -> Any:
    """Load YAML text.

    Raises:
        yaml.YAMLError: not YAML, or a key that stands twice (both lines).
    """
    return yaml.load(text, Loader=_UniqueLoader)
