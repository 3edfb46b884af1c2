"""`.bidsignore`: the files of a data set that BIDS has no place for, listed so that validators skip them by name.

BIDS 1.10, "Common principles": at the top of a data set are subjects, descriptions and four folders; a table of
`phenotype/` has one row per participant; participants.tsv lists the subjects that have a folder.
"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from cuecircuit.io.atomic import replacing
from cuecircuit.io.tables import read_table

_TOP = ("sub-*", "dataset_description.json", "participants.*", "README*", "LICENSE*", "CHANGES*", "CITATION.cff")
_TOP += ("phenotype", "sourcedata", "derivatives", "code", "stimuli", ".*")


def write_bidsignore(folder: Path, *, patterns: Sequence[str] = ()) -> None:
    """Write `.bidsignore` of a finished data set from the files that are in it.

    Args:
        folder: of the data set, raw or derivative.
        patterns: further files, as in `.gitignore`.
    """
    lines = [*_unnamed(folder), *_repeating(folder), *patterns]
    if not any(folder.glob("sub-*/*")):
        lines += [f"{path.name}" for path in sorted(folder.glob("participants.*"))]
    with replacing(folder / ".bidsignore") as new:
        new.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _unnamed(folder: Path) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        if not any(fnmatchcase(path.name, name) for name in _TOP):
            # the folder and its content: validators also look at folders
            yield from (path.name, f"{path.name}/**") if path.is_dir() else (path.name,)


def _repeating(folder: Path) -> Iterator[str]:
    for path in sorted((folder / "phenotype").glob("*.tsv")):
        rows = read_table(path)
        if "participant_id" not in rows or rows["participant_id"].duplicated().any():
            yield f"phenotype/{path.stem}.*"
