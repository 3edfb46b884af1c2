"""Results as a package for an archive: all files, and what OpenNeuro, OSF, Zenodo or BioStudies ask for beside them.

Added to the results are `README.md`, `LICENSE`, `dictionary.tsv` (every column of every table in one) and their entries
in the RO-Crate. Nothing is uploaded.
"""

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.atomic import replacing
from cuecircuit.io.bounded import check_file, read_text
from cuecircuit.io.lock import writing
from cuecircuit.io.tables import column_notes, read_json, write_json, write_table
from cuecircuit.report.deposit import license_address
from cuecircuit.report.page import beside_page
from cuecircuit.study.about import About
from cuecircuit.study.reading import parse_study

_CRATE = "ro-crate-metadata.json"
_ASKED = {
    "authors": "who made the data set, in order",
    "license": "terms of use, such as CC0-1.0",
    "abstract": "what the data set is, in a few sentences",
}
_NOTES = column_notes("dictionary")


@writing
def deposit(results: Path, out: Path) -> pd.DataFrame:
    """Write the package of a run into a new folder.

    Args:
        results: folder of `cuecircuit run`.
        out: the package; an older one is replaced.

    Returns:
        The data dictionary: tables, column, description, units, levels.

    Raises:
        StudyError: the study file leaves out what archives ask for; every such field.
        DataError: no finished run in the folder, or a damaged one; `out` is in it, is no package, or cannot be written.
    """
    if not (results / _CRATE).is_file():
        raise DataError(f"{results}: no {_CRATE} in it; give the folder of a finished `cuecircuit run`")
    _check_crate(results / _CRATE)
    _check_files(results)
    if results.resolve() in (out.resolve(), *out.resolve().parents):
        raise DataError(f"{out}: is in {results}; choose a folder outside the results")
    if out.exists() and not all((out / name).is_file() for name in ("dictionary.tsv", _CRATE)):
        raise DataError(f"{out}: exists and is no package; choose a new folder")
    about = parse_study(read_text(results / "study.yaml"), str(results / "study.yaml")).about
    if empty := [f"{name} ({what})" for name, what in _ASKED.items() if not getattr(about, name)]:
        raise StudyError(
            f"{results}: archives ask for what `about:` of the study file leaves out: {'; '.join(empty)}; "
            "state it there and run again"
        )
    dictionary = pd.DataFrame(sorted(set(_columns(results))), columns=list(_NOTES))
    with replacing(out, folder=True) as new:
        shutil.copytree(results, new, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".cuecircuit", ".*.lock"))
        write_table(new / "dictionary.tsv", dictionary, _NOTES)
        (new / "LICENSE").write_text(_license(about), encoding="utf-8")
        (new / "README.md").write_text(beside_page("readme.md.j2", about=about), encoding="utf-8")
        with (new / ".bidsignore").open("a", encoding="utf-8") as ignored:
            ignored.write("dictionary.*\n")
        _complete_crate(new)
    return dictionary


def _columns(results: Path) -> Iterator[tuple[str, ...]]:
    """Yield a row for each column that a sidecar explains."""
    for path in results.rglob("*.tsv"):
        place = re.sub(r"\b(sub|ses|run)-[A-Za-z0-9]+", r"\1-*", path.relative_to(results).as_posix())
        notes = read_json(path.with_suffix(".json")) if path.with_suffix(".json").is_file() else {}
        for column, note in notes.items():
            if isinstance(note, dict):
                levels = note.get("Levels")
                meanings = levels.items() if isinstance(levels, dict) else ()
                text = "; ".join(f"{level}: {meaning}" for level, meaning in meanings)
                yield place, column, str(note.get("Description", "")), str(note.get("Units", "")), text


def _license(about: About) -> str:
    address = license_address(about.license)
    return f"{about.title}\n{', '.join(about.authors)}\n\nLicense: {about.license}\n{address}\n"


def _check_files(results: Path) -> None:
    for path in results.rglob("*"):
        check_file(path)
        if path.is_symlink() and not (path.exists() and not results.resolve().is_relative_to(path.resolve())):
            raise DataError(f"{path}: a link to nothing, or to what it is in; remove it")


def _check_crate(path: Path) -> None:
    graph = read_json(path).get("@graph")
    entities = graph if isinstance(graph, list) else []
    names = [entity.get("@id") if isinstance(entity, dict) else None for entity in entities]
    if "./" not in names or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path}: is not the RO-Crate of a run; run the study again")


def _complete_crate(folder: Path) -> None:
    """List the files that the RO-Crate does not list yet."""
    crate = read_json(folder / _CRATE)
    graph = crate["@graph"]
    listed = {entity["@id"] for entity in graph}
    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    files = [
        {"@id": name, "@type": "File", "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for name, path in paths.items()
        if name not in listed and name != _CRATE
    ]
    root = next(entity for entity in graph if entity["@id"] == "./")
    root["hasPart"] = [*root.get("hasPart", []), *({"@id": file["@id"]} for file in files)]
    write_json(folder / _CRATE, {**crate, "@graph": [*graph, *files]})
