"""RO-Crate of a run: what went in and came out, with hashes, the settings and the software."""

import json
import platform
from importlib.metadata import version
from pathlib import Path

import cuecircuit
from cuecircuit.io.atomic import replacing
from cuecircuit.pipeline.job import Job

LIBRARIES = ("numpy", "scipy", "numba", "pandas", "nibabel", "nilearn", "matplotlib", "scikit-image")


def software() -> dict[str, str]:
    """Give the versions of everything that shaped the numbers."""
    own = {"cuecircuit": cuecircuit.__version__, "Python": platform.python_version()}
    return own | {library: version(library) for library in LIBRARIES}


def write_crate(job: Job) -> None:
    """Write `ro-crate-metadata.json` from the records of all stages done; no date, so that bytes do not change."""
    from rocrate.model.contextentity import ContextEntity
    from rocrate.model.data_entity import DataEntity
    from rocrate.rocrate import ROCrate

    study, records = job.study, job.store.records()
    crate = ROCrate()
    crate.name = f"Results: {study.about.title}"
    crate.description = "Written by `cuecircuit run`; every file with its SHA-256."
    del crate.root_dataset["datePublished"]
    tools = [
        crate.add(
            ContextEntity(
                crate, f"#{name}", properties={"@type": "SoftwareApplication", "name": name, "softwareVersion": number}
            )
        )
        for name, number in software().items()
    ]
    inputs = {name: digest for record in records.values() for name, digest in record["inputs"].items()}
    outputs = {name: digest for record in records.values() for name, digest in record["outputs"].items()}
    files = {
        name: crate.add(DataEntity(crate, name, properties={"@type": "File", "sha256": digest}))
        for name, digest in sorted(outputs.items())
    }
    sources = [
        crate.add(
            ContextEntity(
                crate, f"#input/{_relative(name, job)}", properties={"@type": "CreativeWork", "sha256": digest}
            )
        )
        for name, digest in sorted(inputs.items())
        if name not in outputs
    ]
    action = ContextEntity(
        crate, "#run", properties={"@type": "CreateAction", "name": "cuecircuit run", "description": _settings(job)}
    )
    crate.add(action)
    action["object"], action["result"], action["instrument"] = sources, list(files.values()), tools
    with replacing(job.out / "ro-crate-metadata.json") as new:
        new.write_text(json.dumps(crate.metadata.generate(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _settings(job: Job) -> str:
    return json.dumps(job.study.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)


def _relative(name: str, job: Job) -> str:
    path, folder = Path(name), job.files.file.parent
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else path.name
