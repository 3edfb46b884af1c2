"""Designs that come with the program, and whether a study file is of the schema with tables and questions."""

from importlib.resources import files
from pathlib import Path

import pandas as pd

from cuecircuit.errors import CuecircuitError, StudyError
from cuecircuit.nodes.study_files import read_text
from cuecircuit.study.reading import parse_study
from cuecircuit.study.schema import Study
from cuecircuit.study.yaml_lines import parse_yaml

# studies that still have sections of their own, with the species and what there is
_OF_PAPERS = {
    "carmack2019": (
        "Brain circuits engaged by cues of conditioned heroin withdrawal in rats",
        "logs, scans",
        "animals",
    ),
}
_SECTIONS_OF_PAPERS = {"phases", "cues", "acquisition", "response", "correlations", "longitudinal", "study"}


def design_text(name: str) -> str:
    """Return the study file of a design that comes with the program.

    Raises:
        StudyError: there is no such design.
    """
    designs = {item.name.removesuffix(".yaml"): item for item in (files("cuecircuit.study") / "designs").iterdir()}
    if name not in designs:
        raise StudyError(f"design '{name}' is unknown; expected a study file or one of: {', '.join(sorted(designs))}")
    return designs[name].read_text(encoding="utf-8")


def is_of_papers(text: str) -> bool:
    """Whether a study file has the sections of 0.1.0, made for the two articles; damaged files are not."""
    try:
        data, _, _ = parse_yaml(text, "study.yaml")
    except CuecircuitError:
        return False
    return (
        data.get("study") != "people"
        and bool(_SECTIONS_OF_PAPERS & set(data))
        and not isinstance(data.get("questions"), dict)
    )


def has_sections_of_papers(path: Path) -> bool:
    """Whether a study file on disk has the sections of 0.1.0.

    Raises:
        DataError: no such file, or not text.
    """
    return is_of_papers(read_text(path))


def designs_table() -> pd.DataFrame:
    """Return a row for each design: name, title, what it has, and whether animals or humans take part."""
    rows = [(name, *facts) for name, facts in _OF_PAPERS.items()]
    for item in (files("cuecircuit.study") / "designs").iterdir():
        name = item.name.removesuffix(".yaml")
        if name not in _OF_PAPERS:
            study = parse_study(item.read_text(encoding="utf-8"), item.name)
            who = "humans" if study.subjects.species == "Homo sapiens" else "animals"
            rows.append((name, study.about.title, ", ".join(_has(study)), who))
    return pd.DataFrame(sorted(rows), columns=["name", "title", "has", "subjects"])


def _has(study: Study) -> list[str]:
    parts = {
        "logs": study.operant is not None,
        "scans": study.scans is not None,
        "given maps": any(maps.kind == "given" for maps in study.maps.values()),
    }
    return [name for name, there in parts.items() if there]
