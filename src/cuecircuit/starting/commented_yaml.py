"""A draft as the text of a study file: sections in their usual order, comments above what they are about."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

import yaml

from cuecircuit.starting.draft_parts import Note
from cuecircuit.study.schema import Study

_WIDTH = 120


def study_text(settings: Mapping[str, Any], notes: Sequence[Note], *, head: str) -> str:
    """Return the text of a study file.

    Args:
        settings: nested sections.
        notes: comments; one whose path is not there stands above the nearest section that is.
        head: first lines.
    """
    ordered = {name: settings[name] for name in Study.model_fields if name in settings}
    comments: dict[str, list[str]] = {}
    for note in notes:
        mark = "# ? " if note.is_open else "# "
        comments.setdefault(_nearest(ordered, note.path), []).append(f"{mark}{note.text}")
    lines = [*_wrapped([f"# {line}" for line in head.splitlines()], ""), *_wrapped(comments.pop("", []), "")]
    for name, section in ordered.items():
        lines += ["", *_lines({name: section}, "", comments, "")]
    return "\n".join(lines) + "\n"


def _nearest(settings: Mapping[str, Any], path: str) -> str:
    """Return the path, or as much of its beginning as the settings have."""
    here: Any = settings
    there = []
    for key in path.split("."):
        if not (isinstance(here, Mapping) and key in here):
            break
        there.append(key)
        here = here[key]
    return ".".join(there)


def _lines(section: Mapping[str, Any], above: str, comments: Mapping[str, list[str]], indent: str) -> Iterator[str]:
    for key, value in section.items():
        path = f"{above}.{key}".strip(".")
        yield from _wrapped(comments.get(path, []), indent)
        start = f"{indent}{_flow(key)}:"
        flow = f"{start} {_flow(value)}"
        remarked = any(other.startswith(f"{path}.") for other in comments)
        if isinstance(value, Mapping) and value and (remarked or len(flow) > _WIDTH or _is_deep(value)):
            yield start
            yield from _lines(value, path, comments, f"{indent}  ")
        elif isinstance(value, list) and len(flow) > _WIDTH:
            yield start
            yield from (f"{indent}  - {_flow(item)}" for item in value)
        else:
            yield flow


def _is_deep(value: Mapping[str, Any]) -> bool:
    """Return whether sections within have sections of their own, which one line would hide."""
    inner = [item for item in value.values() if isinstance(item, Mapping)]
    return any(isinstance(item, Mapping) for one in inner for item in one.values()) or len(inner) > 1


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True)
    return text.strip().removesuffix("\n...")


def _wrapped(comments: Sequence[str], indent: str) -> Iterator[str]:
    for comment in comments:
        further = "#   " if comment.startswith("# ?") else "# "
        yield from wrap(
            comment,
            _WIDTH,
            initial_indent=indent,
            subsequent_indent=f"{indent}{further}",
            break_long_words=False,
            break_on_hyphens=False,
        )
