"""Group results as a package for NeuroVault: images, and what its upload asks of each, by its own names of fields.

A zip holds `images/` and `metadata.json`: one record for each image, whose keys are the arguments that NeuroVault's
API takes with a file (https://neurovault.org/api-docs). Nothing is uploaded.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import pandas as pd

import cuecircuit
from cuecircuit.errors import DataError
from cuecircuit.io.atomic import replacing
from cuecircuit.io.lock import writing
from cuecircuit.io.tables import read_json, read_table

MAP_TYPES: Mapping[str, str] = {"t": "T", "F": "F", "z": "Z", "effect": "U", "pfwe": "P"}
"""NeuroVault's type of map by our statistic: T, F, Z, univariate beta, P (here corrected)."""
_WORDS = {"t": "t", "F": "F", "z": "z", "effect": "effect", "pfwe": "corrected p"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedAs:
    """What the results do not state: space, modality, paradigm (an id of the Cognitive Atlas, or an address)."""

    template: str
    modality: str = "fMRI-BOLD"
    paradigm: str = ""
    paradigm_url: str = ""


@writing
def share(results: Path, out: Path, about: SharedAs) -> pd.DataFrame:
    """Write a NeuroVault package of every test on maps in a folder.

    Args:
        results: folder of one question or `cuecircuit group`, or of a whole run.
        out: the zip to write.
        about: what the results do not state.

    Returns:
        A row for each image: file, name, map_type, number_of_subjects, contrast_definition.

    Raises:
        DataError: no test on maps in the folder, or `out` is no zip or cannot be written.
    """
    if out.suffix != ".zip":
        raise DataError(f"{out}: expected a name that ends in .zip")
    root = results / "questions" if (results / "questions").is_dir() else results  # a run has copies beside them
    try:
        images = [image for terms in sorted(root.rglob("terms.tsv")) for image in _images(root, terms.parent, about)]
    except (KeyError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        raise DataError(f"{results}: terms.tsv or settings.json was edited ({what}); run again") from error
    if not images:
        raise DataError(
            f"{results}: no statistical map of a test in it; give the folder of `cuecircuit group`, or of a run"
        )
    records = [record for _, record in images]
    with replacing(out) as new, ZipFile(new, "w", ZIP_STORED) as package:  # images are compressed already
        text = json.dumps(records, indent=2, ensure_ascii=False) + "\n"
        package.writestr(ZipInfo("metadata.json"), text.encode())
        for path, record in images:
            package.writestr(ZipInfo(str(record["file"])), path.read_bytes())
    shown = ["file", "name", "map_type", "number_of_subjects", "contrast_definition"]
    return pd.DataFrame(records)[shown]


def _images(results: Path, folder: Path, about: SharedAs) -> Iterator[tuple[Path, dict[str, object]]]:
    """Yield the maps of one folder of tests, each with its record."""
    terms = read_table(folder / "terms.tsv", text=("term", "prefix", "stratum"))
    if "prefix" not in terms:
        return
    settings = read_json(folder / "settings.json")
    place = folder.relative_to(results).parts
    question = " ".join(place).replace("_", " ")
    repeated = terms["term"].duplicated(keep=False)
    for row, again in zip(terms.to_dict("records"), repeated, strict=True):
        term = f"{row['term']} in {row['stratum']}" if again else str(row["term"])
        for statistic, kind in MAP_TYPES.items():
            path = folder / f"contrast-{row['prefix']}_stat-{statistic}_statmap.nii.gz"
            if path.is_file():
                name = f"{question}: {term}" if question else term
                yield (
                    path,
                    {
                        "file": str(Path("images", *place, path.name)),
                        "name": f"{name}, {_WORDS[statistic]}",
                        **_described(row, statistic, settings),
                        "map_type": kind,
                        "modality": about.modality,
                        "analysis_level": "G",
                        "target_template_image": about.template,
                        **({"cognitive_paradigm_cogatlas": about.paradigm} if about.paradigm else {}),
                        **({"cognitive_paradigm_description_url": about.paradigm_url} if about.paradigm_url else {}),
                    },
                )


def _described(row: Mapping[str, object], statistic: str, settings: Mapping[str, object]) -> dict[str, object]:
    """Describe what is tested in whom."""
    directions = settings.get("directions", {})
    side = directions.get(str(row["prefix"])) if isinstance(directions, Mapping) else None
    definition = f"{row['term']}; positive: {side}" if side and statistic in ("t", "z", "effect") else str(row["term"])
    df = f"{row['df1']}, {row['df2']:g}" if statistic == "F" else f"{row['df2']:g}"
    where = f", error stratum {row['stratum']}" if isinstance(row.get("stratum"), str) else ""
    return {
        "description": f"{settings.get('model', 'group analysis')}{where}; cuecircuit {cuecircuit.__version__}",
        "contrast_definition": definition,
        "number_of_subjects": settings["n_subjects"],
        **({"statistic_parameters": df} if statistic in ("t", "F") else {}),
    }
