import hashlib
import subprocess
from pathlib import Path

import pytest

from cuecircuit.errors import StudyError
from cuecircuit.report.deposit import checksums, pagetab, rerun_script, study_bibtex
from cuecircuit.study.about import is_orcid
from cuecircuit.study.reading import parse_study
from cuecircuit.study.schema import Study

# Josiah Carberry, the ORCID that ORCID itself uses as its example
ABOUT = """about:
  authors: [Josiah Carberry, "Ann O'Nymous"]
  orcid: {Josiah Carberry: 0000-0002-1825-0097}
  keywords: [fMRI, opioids]
  license: CC0-1.0
  doi: 10.5281/zenodo.123
  accession: S-BSST1
  release_date: 2026-01-31
  abstract: "Two\\nlines\\twith a tab & 100 %"
"""


@pytest.fixture
def deposited(rats_text: str) -> Study:
    quoted = ABOUT.replace("release_date: 2026-01-31", 'release_date: "2026-01-31"')
    return parse_study(rats_text.replace("about:\n", quoted))


def test_pagetab_has_submission_study_authors_link_and_files_in_blocks(deposited: Study) -> None:
    text = pagetab(deposited.about, deposited.subjects.species, {"group/terms.tsv": "ab12", "a b.txt": "cd34"})
    blocks = [[line.split("\t") for line in block.splitlines()] for block in text.split("\n\n")]

    assert [block[0][0] for block in blocks] == ["Submission", "Study", "Author", "Author", "Links", "Files"]
    assert blocks[0][0] == ["Submission", "S-BSST1"]
    assert ["ReleaseDate", "2026-01-31"] in blocks[0]
    assert ["Description", "Two lines with a tab & 100 %"] in blocks[1]
    assert [row for row in blocks[1] if row[0] == "Keywords"] == [["Keywords", "fMRI"], ["Keywords", "opioids"]]
    assert ["ORCID", "0000-0002-1825-0097"] in blocks[2]
    assert blocks[3] == [["Author", ""], ["Name", "Ann O'Nymous"]]
    assert blocks[5] == [["Files", "SHA-256"], ["a b.txt", "cd34"], ["group/terms.tsv", "ab12"]]
    assert all(len(row) == 2 for block in blocks for row in block)


def test_what_the_study_does_not_say_is_left_out_of_the_record(study: Study) -> None:
    text = pagetab(study.about, study.subjects.species, {})
    assert "License" not in text
    assert "Author" not in text
    assert "doi" not in study_bibtex(study.about, version="0.1.0").replace("doi:10.1172", "")


def test_bibtex_of_the_study_escapes_what_latex_takes_for_its_own(deposited: Study) -> None:
    about = deposited.about.model_copy(update={"title": "Cues & 50 % {more}_x"})
    text = study_bibtex(about, version="0.1.0")
    assert text.startswith("@misc{carberry2026,")
    assert r"title = {{Cues \& 50 \% more\_x}}" in text
    assert "author = {Josiah Carberry and Ann O'Nymous}" in text
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize(
    ("number", "whole"),
    [
        ("0000-0002-1825-0097", True),
        ("0000-0002-1694-233X", True),
        ("0000-0002-1825-0098", False),
        ("0000-0002-1825-009", False),
        ("https://orcid.org/0000-0002-1825-0097", False),
    ],
)
def test_an_orcid_is_told_by_its_check_digit(number: str, whole: bool) -> None:
    assert is_orcid(number) is whole


def test_an_orcid_that_is_wrong_or_nobodys_is_a_fault_of_the_study(rats_text: str) -> None:
    for wrong, said in (("0000-0002-1825-0098", "is no ORCID"), ("", "is no ORCID")):
        text = rats_text.replace("about:\n", f"about:\n  authors: [A B]\n  orcid: {{A B: '{wrong}'}}\n")
        with pytest.raises(StudyError, match=said):
            parse_study(text)
    with pytest.raises(StudyError, match="none of the authors"):
        parse_study(rats_text.replace("about:\n", "about:\n  orcid: {C D: 0000-0002-1825-0097}\n"))


def test_checksums_are_what_sha256sum_checks(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "sums").write_text(checksums({"a.txt": hashlib.sha256(b"one").hexdigest()}))
    check = ["sha256sum", "--check", "sums"]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "a.txt").write_text("two")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 1


def test_the_recipe_pins_every_program_names_the_seed_and_is_a_shell_script(tmp_path) -> None:
    script = rerun_script({"cuecircuit": "0.1.0", "Python": "3.11.7", "numpy": "2.2.0"}, seed=7)
    assert "cuecircuit==0.1.0 numpy==2.2.0" in script
    assert "python3.11 -m venv" in script
    assert "seed 7" in script
    assert subprocess.run(["sh", "-n"], input=script.encode(), check=False).returncode == 0


@pytest.mark.parametrize(("output", "said"), [("alternatives/alternatives.tsv", "--alternatives"), ("group/F.tsv", "")])
def test_the_recipe_runs_alternatives_where_they_were_run(tmp_path, output, said) -> None:
    files = {
        "recipe/rerun.sh": rerun_script({"cuecircuit": "0.1.0", "Python": "3.11.7"}, seed=0),
        "recipe/inputs.sha256": checksums({"study.yaml": hashlib.sha256(b"study").hexdigest()}),
        "recipe/outputs.sha256": checksums({output: hashlib.sha256(b"").hexdigest()}),
        "study/study.yaml": "study",
        "program": f'#!/bin/sh\necho "$@" > said\nmkdir -p "$3/{Path(output).parent}"\n: > "$3/{output}"\n',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "program").chmod(0o755)
    subprocess.run(["sh", "recipe/rerun.sh", "study", "./program"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "said").read_text().split()[3:] == said.split()


@pytest.mark.parametrize(
    ("page", "said", "status"),
    [
        ('<ol class="pages">', "every file but the page, which links to others beside it, has the same bytes\n", 0),
        ("<ol>", "", 1),
    ],
)
def test_the_recipe_passes_over_a_page_with_links_to_pages_that_are_not_there(tmp_path, page, said, status) -> None:
    results = {"report.html": page, "F.tsv": ""}
    sums = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in results.items()}
    files = {
        "results/report/rerun.sh": rerun_script({"cuecircuit": "0.1.0", "Python": "3.11.7"}, seed=0),
        "results/report/inputs.sha256": checksums({"study.yaml": hashlib.sha256(b"study").hexdigest()}),
        "results/report/outputs.sha256": checksums(sums),
        "results/report.html": page,
        "study/study.yaml": "study",
        "program": '#!/bin/sh\nmkdir -p "$3"\necho another > "$3/report.html"\n: > "$3/F.tsv"\n',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "program").chmod(0o755)
    again = ["sh", "results/report/rerun.sh", "study", "./program"]
    done = subprocess.run(again, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert done.stdout.rpartition("FAILED\n")[2] == said
