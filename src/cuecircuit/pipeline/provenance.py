"""RO-Crate of a run: what went in and came out, with hashes, the settings and the software."""

import json
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from pydantic import BaseModel

import cuecircuit
from cuecircuit.io.atomic import replacing
from cuecircuit.pipeline.store import Store
from cuecircuit.report.deposit import license_address
from cuecircuit.study.about import About

if TYPE_CHECKING:
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

# RO-Crate requires a date; this one stands for none, so that the same results have the same bytes on any day
_NOT_PUBLISHED = "1970-01-01"
LIBRARIES = ("numpy", "scipy", "numba", "pandas", "nibabel", "nilearn", "matplotlib")


def software() -> dict[str, str]:
    """Return the versions of everything that shaped the numbers."""
    first = {"cuecircuit": cuecircuit.__version__, "Python": platform.python_version()}
    return first | {library: version(library) for library in LIBRARIES}


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
    """Write `ro-crate-metadata.json` from the records of all stages done; its date is that of the study file.

    Args:
        store: of the results.
        about: what the study file says of its data set.
        study: every setting.
    """
    from rocrate.model.contextentity import ContextEntity
    from rocrate.model.data_entity import DataEntity
    from rocrate.rocrate import ROCrate

    run = run_files(store)
    crate = ROCrate()
    crate.name = f"Results: {about.title}"
    crate.description = "Written by `cuecircuit run`; every file with its SHA-256." + (
        "" if about.release_date else f" Not published: `about.release_date` is empty, {_NOT_PUBLISHED} stands for it."
    )
    _describe(crate, about)
    tools = [crate.add(_tool(crate, name, number)) for name, number in software().items()]
    files = {
        name: crate.add(DataEntity(crate, name, properties={"@type": "File", "sha256": digest}))
        for name, digest in sorted(run.outputs.items())
    }
    sources = [
        crate.add(ContextEntity(crate, f"#input/{name}", properties={"@type": "CreativeWork", "sha256": digest}))
        for name, digest in sorted(run.inputs.items())
    ]
    action = ContextEntity(
        crate, "#run", properties={"@type": "CreateAction", "name": "cuecircuit run", "description": _settings(study)}
    )
    crate.add(action)
    action["object"], action["result"], action["instrument"] = sources, list(files.values()), tools
    with replacing(store.root / "ro-crate-metadata.json") as new:
        new.write_text(json.dumps(crate.metadata.generate(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _describe(crate: "ROCrate", about: About) -> None:
    """Add what the study file states of the data set: authors with ORCID, license, keywords, DOI."""
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
    stated = {
        "author": people,
        "abstract": about.abstract,
        "license": _license(crate, about.license),
        "keywords": list(about.keywords),
        "identifier": f"https://doi.org/{about.doi}" if about.doi else about.accession,
        "datePublished": about.release_date or _NOT_PUBLISHED,
        "citation": _article(crate, about),
    }
    for name, value in stated.items():
        if value:
            crate.root_dataset[name] = value


def _article(crate: "ROCrate", about: About) -> "ContextEntity | None":
    """Add the article that the design follows, with its numbers in other archives."""
    from rocrate.model.contextentity import ContextEntity

    if not about.reference:
        return None
    doi = re.search(r"\b10\.\d{4,9}/\S+", about.reference)
    numbers = [f"{archive}:{number}" for archive, number in about.identifiers.items()]
    properties = {"@type": "ScholarlyArticle", "name": about.reference, **({"identifier": numbers} if numbers else {})}
    article = ContextEntity(crate, f"https://doi.org/{doi[0]}" if doi else "#reference", properties=properties)
    crate.add(article)
    return article


def _license(crate: "ROCrate", name: str) -> "ContextEntity":
    """Add the license under its address: as stated, or of its SPDX name; without one say that none is stated."""
    from rocrate.model.contextentity import ContextEntity

    url = license_address(name) or "#license"
    about = f"License of the data set: {name}" if name else "The study file states none (`about.license`)."
    properties = {"@type": "CreativeWork", "name": name or "No license is stated", "description": about}
    license_ = ContextEntity(crate, url, properties=properties)
    crate.add(license_)
    return license_


def _tool(crate: "ROCrate", name: str, number: str) -> "ContextEntity":
    """Return a program with its version and the page it is released on."""
    from rocrate.model.contextentity import ContextEntity

    url = f"https://pypi.org/project/{name}/{number}/"
    url = f"https://www.python.org/downloads/release/python-{number.replace('.', '')}/" if name == "Python" else url
    # both names of the version: Schema.org's for software, and the one that RO-Crate asks for
    numbers = {"version": number, "softwareVersion": number}
    return ContextEntity(
        crate, f"#{name}", properties={"@type": "SoftwareApplication", "name": name, "url": url, **numbers}
    )


def _settings(study: BaseModel) -> str:
    return json.dumps(study.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
