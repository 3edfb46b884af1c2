"""Values set in the text of a study file; everything else stays as it is written, comments and order too."""

import math
from collections.abc import Mapping

import yaml

from cuecircuit.errors import StudyError


def with_settings(text: str, section: str, settings: Mapping[str, str]) -> str:
    """Return YAML text with scalars of one section set.

    Args:
        text: of a study file that can be read.
        section: its top-level key.
        settings: value by key of the section, whether the key is there or not.

    Raises:
        StudyError: the text has no such section.
    """
    for key, value in settings.items():
        keys = _node(yaml.compose(text, yaml.SafeLoader), section)
        if not isinstance(keys, yaml.MappingNode) or not keys.value:
            raise StudyError(f"no section {section} in the study file, whose {key} was given; write the section first")
        if (old := _node(keys, key)) is not None:
            text = text[: old.start_mark.index].rstrip(" ") + " " + _quoted(value) + text[old.end_mark.index :]
        else:
            at = keys.value[0][0].start_mark
            after = ", " if keys.flow_style else "\n" + " " * at.column
            text = f"{text[: at.index]}{key}: {_quoted(value)}{after}{text[at.index :]}"
    return text


def _quoted(value: str) -> str:
    return yaml.safe_dump(value, default_style='"', width=math.inf).strip()


def _node(mapping: yaml.Node | None, key: str) -> yaml.Node | None:
    pairs = mapping.value if isinstance(mapping, yaml.MappingNode) else []
    return next((value for name, value in pairs if name.value == key), None)
