"""Designs that come with the program."""

from importlib.resources import files

import pandas as pd

from cuecircuit.errors import StudyError
from cuecircuit.study.reading import parse_study
from cuecircuit.study.schema import Study


def design_text(name: str) -> str:
    """Return the study file of a design that comes with the program.

    Raises:
        StudyError: there is no such design.
    """
    designs = {item.name.removesuffix(".yaml"): item for item in (files("cuecircuit.study") / "designs").iterdir()}
    if name not in designs:
        raise StudyError(f"design '{name}' is unknown; expected a study file or one of: {', '.join(sorted(designs))}")
    return designs[name].read_text(encoding="utf-8")


def designs_table() -> pd.DataFrame:
    """Return a row for each design: name, title, what it has, and whether animals or humans take part."""
    rows = []
    for item in (files("cuecircuit.study") / "designs").iterdir():
        study = parse_study(item.read_text(encoding="utf-8"), item.name)
        who = "humans" if study.subjects.species == "Homo sapiens" else "animals"
        rows.append((item.name.removesuffix(".yaml"), study.about.title, ", ".join(_has(study)), who))
    return pd.DataFrame(sorted(rows), columns=["name", "title", "has", "subjects"])


def _has(study: Study) -> list[str]:
    parts = {
        "logs": study.operant is not None,
        "scans": study.scans is not None,
        "given maps": any(maps.kind == "given" for maps in study.maps.values()),
    }
    return [name for name, there in parts.items() if there]
