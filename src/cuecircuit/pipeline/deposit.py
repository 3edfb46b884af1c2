"""What is handed on beside the results: `report/` with references, data-set record, and the recipe of a rerun."""

from collections.abc import Sequence

import cuecircuit
from cuecircuit.io.atomic import replacing
from cuecircuit.pipeline.provenance import run_files, software
from cuecircuit.pipeline.store import Store
from cuecircuit.report.deposit import checksums, pagetab, rerun_script, study_bibtex
from cuecircuit.report.references import Reference, bibtex
from cuecircuit.study.schema import Study


def write_deposit(store: Store, study: Study, references: Sequence[Reference]) -> None:
    """Write OUT/report/ anew from the records of all stages done.

    Args:
        store: of the results.
        study: whose they are.
        references: that its Methods cite.

    Raises:
        DataError: the place cannot be written.
    """
    files = run_files(store)
    texts = {
        "references.bib": bibtex(references),
        "study.bib": study_bibtex(study.about, version=cuecircuit.__version__),
        "pagetab.tsv": pagetab(study.about, study.subjects.species, files.outputs),
        "inputs.sha256": checksums(files.inputs),
        "outputs.sha256": checksums(files.outputs),
        "rerun.sh": rerun_script(software(), seed=study.seed),
    }
    with replacing(store.root / "report", folder=True) as new:
        for name, text in texts.items():
            (new / name).write_text(text, encoding="utf-8")
