"""Values said in running text, each with a visible mark where it was assumed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from cuecircuit.figures.numbers import short
from cuecircuit.study.alternatives import SECTION
from cuecircuit.study.sections import StudyBase
from cuecircuit.study.settings import Setting, resolved
from cuecircuit.study.study import Study

_MARK = Markup('{} <span class="assumed-mark" title="{}">assumed</span>')


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """The settings of a study by dotted path."""

    settings: Mapping[str, Setting]

    def said(self, path: str, text: str) -> Markup:
        """Give `text` for the value at `path`, with a mark where that value was assumed.

        Raises:
            KeyError: no such setting; a slip of ours.
        """
        setting = self.settings[path]
        return _MARK.format(text, setting.why) if setting.source == "assumed" else Markup("{}").format(text)

    @property
    def assumed(self) -> tuple[Setting, ...]:
        """The settings that nobody stated."""
        return tuple(setting for setting in self.settings.values() if setting.source == "assumed")


def marks_of(study: StudyBase) -> Marks:
    """Collect the settings of a study."""
    return Marks(settings={setting.path: setting for setting in resolved(study, study.assumed)})


def adjustment_name(study: Study) -> str:
    """How the comparisons after the behavioral tests are adjusted, in words."""
    said = study.behavior.posthoc_adjustment
    return "not adjusted" if said == "none" else said.capitalize()


def settings_table(study: StudyBase) -> pd.DataFrame:
    """Every resolved setting, its source and the reason: columns setting, value, source, reason."""
    rows = [
        (s.path, value_text(s.value), s.source, s.why)
        for s in marks_of(study).settings.values()
        if s.path not in ("assumed", SECTION)  # each has a table of its own
    ]
    return pd.DataFrame(rows, columns=["setting", "value", "source", "reason"])


def value_text(value: object) -> str:
    """Print the value of a setting as the study file would have it, without YAML's quotes."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {value_text(item)}" for key, item in value.items()) or "none"
    if isinstance(value, tuple):
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


def dose_text(mg_kg: float) -> str:
    """Print a dose in µg/kg below 1 mg/kg: 60 µg/kg."""
    return f"{short(mg_kg * 1000)} µg/kg" if mg_kg < 1 else f"{short(mg_kg)} mg/kg"


def words(name: str) -> str:
    """Print a name of the study file as words: look drug."""
    return name.replace("_", " ").replace("-", " ")


def effect_text(effect: str) -> str:
    """Print an effect with the field's sign for interactions: group × cue."""
    return effect.replace(":", " × ")
