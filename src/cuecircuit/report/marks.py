"""Values and names said in running text."""

import re
from collections.abc import Iterable, Mapping

from markupsafe import Markup

from cuecircuit.figures.numbers import short


def value_text(value: object) -> str:
    """Print the value of a setting as the study file would have it, without YAML's quotes."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {value_text(item)}" for key, item in value.items()) or "none"
    if isinstance(value, tuple | list):
        return ", ".join(map(value_text, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return short(value)
    return "none" if value is None else str(value)


def listed(words: Iterable[str]) -> Markup:
    """Join words as a sentence does: a, b and c."""
    parts = [Markup("{}").format(word) for word in words]
    if len(parts) < 2:
        return Markup("").join(parts)
    return Markup("{} and {}").format(Markup(", ").join(parts[:-1]), parts[-1])


def counted(n: int, one: str, many: str = "") -> str:
    """Print a number with its noun: 1 voxel, 2 voxels."""
    return f"{short(n)} {one if n == 1 else many or one + 's'}"


def words(name: str) -> str:
    """Print a name of the study file as words: look drug."""
    return re.sub(r"(?<=\w)[-_]", " ", name)  # a sign before a number stays
