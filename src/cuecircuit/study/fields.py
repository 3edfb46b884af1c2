"""Kinds of values in a study file, and how a setting states its default and where that comes from.

`paper`: printed in the article that a shipped design follows (`about.follows`). `convention`: what the field does when
nothing is written. `assumed`: neither; the page marks it. `study file`: the user wrote it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Source = Literal["paper", "convention", "assumed", "study file"]


def as_text(value: Any) -> Any:
    """Return the number that YAML reads as text.

    Raises:
        ValueError: a word that YAML reads as true or false.
    """
    if isinstance(value, bool):
        raise ValueError(f"YAML reads this word as {str(value).lower()}; put it in quotes")
    return f"{value:g}" if isinstance(value, float) else str(value) if isinstance(value, int) else value


def as_list(value: Any) -> Any:
    """Return one value as a list of it, so that a list of one may be written without brackets."""
    return [value] if isinstance(value, str | int | float) else value


# what may be written; without it editors would underline every short form
Word = str | int | float
Label = Annotated[str, BeforeValidator(as_text, json_schema_input_type=Word), Field(min_length=1)]
Labels = Annotated[tuple[Label, ...], BeforeValidator(as_list, json_schema_input_type=Word | list[Word])]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Color = Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")]
Names = Annotated[tuple[Name, ...], BeforeValidator(as_list, json_schema_input_type=str | list[str])]
Where = dict[Name, Labels]
Span = tuple[float, float]


class Section(BaseModel):
    """One part of the study file; unknown keys and infinite numbers are faults, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def optional(value: Any, why: str, source: Literal["convention", "assumed"] = "convention", **limits: Any) -> Any:
    """Declare a setting that may be left out.

    Args:
        value: the default.
        why: what the setting is, one line for the settings reference and the Methods text.
        source: where the default comes from; only a shipped design can state `paper`, under `about.follows`.
        limits: pydantic's own (`gt`, `ge`, `lt`, `le`, `alias`).
    """
    return Field(default=value, description=why, json_schema_extra={"source": source}, **limits)


def required(why: str, **limits: Any) -> Any:
    """Declare a setting that must be written; `why` says what it is."""
    return Field(description=why, **limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One resolved value: its dotted path in the study file, what it is, and where it comes from."""

    path: str
    value: Any
    source: Source
    why: str


def settings_of(
    section: BaseModel, assumed: Mapping[str, str], follows: Mapping[str, str], path: str = ""
) -> Iterator[Setting]:
    """Yield every value of a section, written or by default.

    Args:
        section: any part of a study.
        assumed: dotted path to reason, for values that the file marks as assumed.
        follows: dotted path to where the article prints it.
        path: dotted path of `section`.
    """
    for name, field in type(section).model_fields.items():
        key = field.alias or name
        value, here = getattr(section, name), f"{path}.{key}" if path else key
        if isinstance(value, BaseModel):
            yield from settings_of(value, assumed, follows, here)
        elif isinstance(value, dict) and value and all(isinstance(item, BaseModel) for item in value.values()):
            for item_name, item in value.items():
                yield from settings_of(item, assumed, follows, f"{here}.{item_name}")
        else:
            yield Setting(path=here, value=value, **_origin(section, name, here, assumed, follows))


def _origin(
    section: BaseModel, name: str, path: str, assumed: Mapping[str, str], follows: Mapping[str, str]
) -> dict[str, Any]:
    field = type(section).model_fields[name]
    above = [path[:at] for at, sign in enumerate(path) if sign == "."] + [path]
    for source, reasons in (("assumed", assumed), ("paper", follows)):
        if reason := next((reasons[each] for each in above[::-1] if each in reasons), None):
            return {"source": source, "why": reason}
    extra: Any = field.json_schema_extra or {}
    source = "study file" if name in section.model_fields_set else extra.get("source", "convention")
    return {"source": source, "why": field.description or ""}
