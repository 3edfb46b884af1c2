"""Other choices that the analysis could have made, as a study file lists them: a name, a reason, settings to change.

Settings are dotted paths (`nuisance.smoothing_fwhm_mm: 1.0`) or sections with settings in them; a value replaces that
of the file whole. A phase or treatment of a list is found by its name: `phases.conditioning.window_min`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import Field

from cuecircuit.study.settings import Section

KeyPath = tuple[str | int, ...]
SECTION = "alternatives"
# what a study is called, the voxels all results lie in, and what makes no result
_FIXED = ("about", "space", "preprocess", "simulation", "assumed", SECTION)
# these act after the maps of the group, which are then those of the study
_AFTER_MAPS = {"drug", "phases", "behavior", "regions", "correlations"}
_COMPARED = "correction.compare"


class Alternative(Section):
    """One other choice: settings that differ from the rest of the study file, and why one could have chosen so."""

    why: str = Field(min_length=1)
    settings: dict[str, Any] = Field(min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One setting of an alternative: its dotted path, its value, and the keys below `settings` where it stands."""

    path: str
    value: Any
    keys: tuple[str, ...]


def changes(settings: Mapping[str, Any], known: Collection[str]) -> Iterator[Change]:
    """Give the settings that an alternative changes, whichever way they are written.

    Args:
        settings: of the alternative, as written.
        known: dotted paths of all settings of the study; what is not among them is given as it is written.
    """
    yield from _changes(settings, known, (), "")


def _changes(settings: Mapping[str, Any], known: Collection[str], keys: tuple[str, ...], at: str) -> Iterator[Change]:
    for name, value in settings.items():
        path, here = f"{at}.{name}" if at else str(name), (*keys, name)
        if isinstance(value, Mapping) and path not in known:
            yield from _changes(value, known, here, path)
        else:
            yield Change(path=path, value=value, keys=here)


def unknown(change: Change, known: Collection[str]) -> str | None:
    """Say what is wrong with the path of a change; None where it is a setting that an alternative may change."""
    first = change.path.split(".")[0]
    if first in _FIXED:
        return f"an alternative cannot change '{first}': its results would not stand beside those of the study"
    if change.path in known:
        return None
    if any(path.startswith(f"{change.path}.") for path in known):
        return "is a section; name a setting in it"
    close = get_close_matches(change.path, known, n=1)
    return "no such setting" + (f"; did you mean {close[0]}?" if close else "")


def written_out(data: Mapping[str, Any], changed: Collection[Change], known: Collection[str]) -> dict[str, Any]:
    """Give the content of a study file with an alternative's settings in it, and without alternatives.

    Corrections side by side are not repeated where the maps of the group may differ: they decide nothing.
    """
    whole = deepcopy({name: value for name, value in data.items() if name != SECTION})
    for change in changed:
        _put(whole, change.path.split("."), change.value)
    paths = {change.path for change in changed}
    maps_stay = {path.split(".")[0] for path in paths} <= _AFTER_MAPS
    if _COMPARED in known and not maps_stay and _COMPARED not in paths:
        _put(whole, _COMPARED.split("."), [])
    return whole


def _put(data: dict[str, Any], keys: Sequence[str], value: Any) -> None:
    here: Any = data
    for key in keys[:-1]:
        if isinstance(here, list):
            here = next(item for item in here if item.get("name") == key)
        else:
            if here.get(key) is None:
                here[key] = {}
            here = here[key]
    here[keys[-1]] = deepcopy(value)
