"""RO-Crate of a run: what went in and came out, with hashes, the settings and the software."""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from pydantic import BaseModel

import cuecircuit
from cuecircuit.io.atomic import replacing
from cuecircuit.pipeline.store import Store
from cuecircuit.study.about import About

if TYPE_CHECKING:
    from rocrate.rocrate import ROCrate

LIBRARIES = ("numpy", "scipy", "numba", "pandas", "nibabel", "nilearn", "matplotlib", "scikit-image")


def software() -> dict[str, str]:
    """Give the versions of everything that shaped the numbers."""
    own = {"cuecircuit": cuecircuit.__version__, "Python": platform.python_version()}
    return own | {library: version(library) for library in LIBRARIES}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFiles:
    """SHA-256 by name: of what went in, relative to the study, and of what came out, relative to the run's folder."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


def run_files(store: Store) -> RunFiles:
    """Collect the files of all stages done; what a later stage reads of an earlier one is output, not input."""
    records = store.records().values()
    outputs = {name: digest for record in records for name, digest in record["outputs"].items()}
    read = {name: digest for record in records for name, digest in record["inputs"].items()}
    return RunFiles(inputs={name: digest for name, digest in read.items() if name not in outputs}, outputs=outputs)


def write_crate(store: Store, about: About, study: BaseModel) -> None:
    """Write `ro-crate-metadata.json` from the records of all stages done; no date, so that bytes do not change.

    Args:
        store: of the results.
        about: what the study file says of its data set.
        study: every setting.
    """
    from rocrate.model.contextentity import ContextEntity
    from rocrate.model.data_entity import DataEntity
    from rocrate.rocrate import ROCrate

    known = run_files(store)
    crate = ROCrate()
    crate.name = f"Results: {about.title}"
    crate.description = "Written by `cuecircuit run`; every file with its SHA-256."
    del crate.root_dataset["datePublished"]
    _describe(crate, about)
    tools = [
        crate.add(
            ContextEntity(
                crate, f"#{name}", properties={"@type": "SoftwareApplication", "name": name, "softwareVersion": number}
            )
        )
        for name, number in software().items()
    ]
    files = {
        name: crate.add(DataEntity(crate, name, properties={"@type": "File", "sha256": digest}))
        for name, digest in sorted(known.outputs.items())
    }
    sources = [
        crate.add(ContextEntity(crate, f"#input/{name}", properties={"@type": "CreativeWork", "sha256": digest}))
        for name, digest in sorted(known.inputs.items())
    ]
    action = ContextEntity(
        crate, "#run", properties={"@type": "CreateAction", "name": "cuecircuit run", "description": _settings(study)}
    )
    crate.add(action)
    action["object"], action["result"], action["instrument"] = sources, list(files.values()), tools
    with replacing(store.root / "ro-crate-metadata.json") as new:
        new.write_text(json.dumps(crate.metadata.generate(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _describe(crate: "ROCrate", about: About) -> None:
    """Say of the data set what the study file says: authors with ORCID, license, keywords, DOI."""
    from rocrate.model.person import Person

    people = [
        crate.add(
            Person(
                crate,
                f"https://orcid.org/{about.orcid[author]}" if author in about.orcid else f"#author/{author}",
                properties={"name": author},
            )
        )
        for author in about.authors
    ]
    said = {
        "author": people,
        "abstract": about.abstract,
        "license": about.license,
        "keywords": list(about.keywords),
        "identifier": f"https://doi.org/{about.doi}" if about.doi else about.accession,
        "datePublished": about.release_date,
    }
    for name, value in said.items():
        if value:
            crate.root_dataset[name] = value


def _settings(study: BaseModel) -> str:
    return json.dumps(study.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
