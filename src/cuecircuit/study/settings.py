"""A setting knows where its value comes from.

`paper`: printed in the article the design follows. `convention`: what the field does when nothing is said.
`assumed`: neither; somebody had to choose, and the report marks it. `study file`: the user wrote it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Source = Literal["paper", "convention", "assumed", "study file"]


class Section(BaseModel):
    """One part of the study file; unknown keys and endless numbers are faults, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def default(value: Any, source: Source, why: str, **limits: Any) -> Any:
    """Give a field its default together with the source of that default.

    Args:
        value: the default.
        source: where the default comes from.
        why: one line for the Methods text and the settings table.
        limits: pydantic's own (`gt`, `ge`, `lt`, `le`).
    """
    return Field(default=value, json_schema_extra={"source": source, "why": why}, **limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One resolved value: where in the study file it lives, what it is, and who said so."""

    path: str
    value: Any
    source: Source
    why: str


def resolved(section: BaseModel, assumed: Mapping[str, str], path: str = "") -> Iterator[Setting]:
    """Walk all values of a section, those of the user and those by default.

    Args:
        section: any part of a study.
        assumed: dotted path to reason, for values of the file that the file itself marks as assumed.
        path: dotted path of `section`.
    """
    for name, field in type(section).model_fields.items():
        value, here = getattr(section, name), f"{path}.{name}" if path else name
        if isinstance(value, BaseModel):
            yield from resolved(value, assumed, here)
        elif isinstance(value, tuple) and value and all(isinstance(item, BaseModel) for item in value):
            for item in value:
                yield from resolved(item, assumed, f"{here}.{getattr(item, 'name', '')}".rstrip("."))
        elif here in assumed:
            yield Setting(path=here, value=value, source="assumed", why=assumed[here])
        elif name in section.model_fields_set:
            yield Setting(path=here, value=value, source="study file", why=field.description or "")
        else:
            extra: Any = field.json_schema_extra or {}
            yield Setting(path=here, value=value, source=extra.get("source", "convention"), why=extra.get("why", ""))
