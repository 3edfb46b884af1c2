"""What is handed on beside the results: `report/` with references, data-set record, and the recipe of a rerun."""

import cuecircuit
from cuecircuit.io.atomic import replacing
from cuecircuit.pipeline.job import Job, PeopleJob
from cuecircuit.pipeline.provenance import run_files, software
from cuecircuit.report.deposit import checksums, pagetab, rerun_script, study_bibtex
from cuecircuit.report.references import bibtex, cited


def write_deposit(job: Job | PeopleJob) -> None:
    """Write OUT/report/ anew from the records of all stages done.

    Raises:
        DataError: the place cannot be written.
    """
    study, files = job.study, run_files(job)
    texts = {
        "references.bib": bibtex(cited(study)),
        "study.bib": study_bibtex(study.about, version=cuecircuit.__version__),
        "pagetab.tsv": pagetab(study, files.outputs),
        "inputs.sha256": checksums(files.inputs),
        "outputs.sha256": checksums(files.outputs),
        "rerun.sh": rerun_script(software(), seed=study.seed),
    }
    with replacing(job.out / "report", folder=True) as new:
        for name, text in texts.items():
            (new / name).write_text(text, encoding="utf-8")
