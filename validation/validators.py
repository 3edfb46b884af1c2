"""Run the validators of other projects on what cuecircuit writes, and print a table of their errors.

    python validation/validators.py OUT [--designs NAME ...]     each design at tiny scale, made and run in OUT
    python validation/validators.py OUT --package                wheel, README and citation of this checkout

A tool that is not installed is listed as `not installed`. Python tools: `pip install bids-validator-deno roc-validator
nwbinspector pynwb twine pyroma cffconvert`; of npm: html-validate, vnu-jar (its jar is named by the variable VNU_JAR;
it needs Java). Exit status 1 if a validator finds an error.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from cuecircuit.io.tables import read_table
from cuecircuit.nodes.designs import designs_table
from cuecircuit.nodes.run import run_study
from cuecircuit.nodes.simulate import simulate_design
from cuecircuit.pipeline.nwb import NwbSettings, write_nwb
from cuecircuit.pipeline.sessions import load_sessions

ROOT = Path(__file__).resolve().parents[1]
CONTEXT = "https://w3id.org/ro/crate/1.3/context"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one validator reports of one thing; `errors` is None where the validator is not installed."""

    validator: str
    validated: str
    errors: tuple[str, ...] | None


def bids_errors(folder: Path) -> list[str] | None:
    """Return the errors of bids-validator in a data set, raw or derivative."""
    done = _answer("bids-validator-deno", "--json", folder)
    if done is None:
        return None
    issues = json.loads(done.stdout)["issues"]["issues"]
    return [f"{issue['code']} {issue.get('location', '')}" for issue in issues if issue["severity"] == "error"]


def crate_errors(folder: Path) -> list[str] | None:
    """Return the REQUIRED checks of RO-Crate that fail; the JSON-LD context is that of rocrate, without network.

    A crate of 1,400 files did not end in ten minutes, and rules are the same for each: 20 inputs and outputs are kept.
    """
    if find_spec("rocrate_validator") is None:
        return None
    import requests
    from rocrate_validator import models, services
    from rocrate_validator.utils.http import HttpRequester

    answer = requests.Response()
    answer.status_code, answer.encoding = 200, "utf-8"
    answer.headers["Content-Type"] = "application/ld+json"
    answer._content = files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes()
    HttpRequester.get = lambda self, url, **options: answer if url == CONTEXT else self.session.get(url, **options)
    with TemporaryDirectory() as small:
        _copy_crate(folder, Path(small), keep=20)
        settings = services.ValidationSettings(rocrate_uri=small, requirement_severity=models.Severity.REQUIRED)
        issues = services.validate(settings).get_issues()
    return [f"{issue.check.identifier} {issue.message}" for issue in issues]


def _copy_crate(folder: Path, small: Path, *, keep: int) -> None:
    """Copy a crate with the first `keep` of its outputs and of its inputs, and the files of the former."""
    crate = json.loads((folder / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    outputs = [node["@id"] for node in crate["@graph"] if node["@type"] == "File"]
    inputs = [node["@id"] for node in crate["@graph"] if node["@id"].startswith("#input/")]
    dropped = {*outputs[keep:], *inputs[keep:]}
    kept = [node for node in crate["@graph"] if node["@id"] not in dropped]
    for node in kept:
        for key, value in node.items():
            if isinstance(value, list):
                node[key] = [part for part in value if not (isinstance(part, dict) and part.get("@id") in dropped)]
    for name in outputs[:keep]:
        (small / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / name, small / name)
    (small / "ro-crate-metadata.json").write_text(json.dumps({**crate, "@graph": kept}), encoding="utf-8")


def nwb_errors(data: Path, *, keep: int = 20) -> list[str] | None:
    """Return what nwbinspector finds, violations of best practice included, in NWB of the first sessions of a data set.

    Simulated animals of some designs have no age; they are given one here.
    """
    if _answer("nwbinspector", "--version") is None:
        return None
    with TemporaryDirectory() as name:
        folder = Path(name)
        participants = read_table(data / "participants.tsv", text=("participant_id",)).assign(age="P90D")
        participants.to_csv(folder / "participants.tsv", sep="\t", index=False, na_rep="n/a")
        settings = NwbSettings(participants=folder / "participants.tsv", timezone="America/Los_Angeles")
        sessions = load_sessions(operant_logs(data)).sessions
        write_nwb(sessions[:keep], folder / "nwb", settings)
        answer = folder / "answer.json"
        options = ("--config", "dandi", "--threshold", "BEST_PRACTICE_VIOLATION", "--progress-bar", "False")
        _answer("nwbinspector", folder / "nwb", *options, "--json-file-path", answer)
        messages = json.loads(answer.read_text(encoding="utf-8"))["messages"]
    return [f"{note['check_function_name']} {note['file_path']} {note['message']}" for note in messages]


def operant_logs(data: Path) -> list[Path]:
    """Return the operant logs of a simulated data set."""
    return sorted((data / "sourcedata" / "medpc").glob("*.txt"))


def page_errors(page: Path) -> list[str] | None:
    """Return what html-validate finds in a page, by the rules of `.htmlvalidate.json`."""
    done = _answer("html-validate", "--config", ROOT / ".htmlvalidate.json", "--formatter", "json", page)
    if done is None:
        return None
    return [f"{note['ruleId']} {page}:{note['line']}" for file in json.loads(done.stdout) for note in file["messages"]]


def nu_errors(paths: Sequence[Path], *, svg: bool = False) -> list[str] | None:
    """Return the errors of the Nu HTML checker in pages or pictures."""
    jar = os.environ.get("VNU_JAR")
    if jar is None or shutil.which("java") is None:
        return None
    kind = ["--svg"] if svg else []
    done = subprocess.run(
        ["java", "-jar", jar, "--errors-only", *kind, *paths], capture_output=True, text=True, check=False
    )
    return done.stderr.splitlines()


def _answer(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str] | None:
    # beside this Python first: an environment need not be activated
    program = shutil.which(tool, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        return None
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=ROOT)


def _succeeds(tool: str, *arguments: str | Path) -> list[str] | None:
    done = _answer(tool, *arguments)
    return done and ([] if done.returncode == 0 else (done.stdout + done.stderr).splitlines())


def results_findings(data: Path, results: Path, *, only: str | None = None) -> Iterator[Finding]:
    """Validate a data set and the results of its run, with one validator or all."""
    page, pictures = results / "report.html", sorted((results / "figures").glob("*.svg"))
    checks: list[tuple[str, str, Callable[[], list[str] | None]]] = [
        ("bids-validator", "data set", lambda: bids_errors(data)),
        ("bids-validator", "results", lambda: bids_errors(results)),
        ("rocrate-validator", "results", lambda: crate_errors(results)),
        ("html-validate", "page", lambda: page_errors(page)),
        ("vnu", "page", lambda: nu_errors([page])),
        ("vnu", f"{len(pictures)} SVG", lambda: nu_errors(pictures, svg=True)),
    ]
    if operant_logs(data):
        checks.append(("nwbinspector", "NWB of logs", lambda: nwb_errors(data)))
    for validator, what, check in checks:
        if only not in (None, validator):
            continue
        errors = check()
        yield Finding(validator=validator, validated=what, errors=None if errors is None else tuple(errors))


def package_findings(out: Path) -> Iterator[Finding]:
    """Validate the wheel, its README and the citation of this checkout."""
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out)], cwd=ROOT, capture_output=True, check=False
    )
    assert built.returncode == 0, built.stderr.decode()
    commands = {
        "twine": ("check", "--strict", *sorted(out.glob("cuecircuit-*"))),
        "pyroma": ("--min", "10", ROOT),
        "cffconvert": ("--validate", "--infile", ROOT / "CITATION.cff"),
    }
    for tool, arguments in commands.items():
        errors = _succeeds(tool, *arguments)
        yield Finding(validator=tool, validated="package", errors=None if errors is None else tuple(errors))


def _of_designs(out: Path, names: Sequence[str]) -> Iterator[tuple[str, Finding]]:
    for name in names:
        data, results = out / name, out / f"{name}_results"
        if not data.exists():
            simulate_design(name, data, seed=1, scale="tiny")
        run_study(data / "study.yaml", results)
        for finding in results_findings(data, results):
            yield name, finding


def main() -> int:
    """Print a row per validator and thing, then the errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--designs", nargs="*", default=designs_table()["name"].tolist())
    parser.add_argument("--package", action="store_true")
    asked = parser.parse_args()
    rows = (
        [("cuecircuit", finding) for finding in package_findings(asked.out)]
        if asked.package
        else _of_designs(asked.out, asked.designs)
    )
    failed = False
    print("of\tvalidator\tvalidated\terrors")
    for of, finding in rows:
        count = "not installed" if finding.errors is None else len(finding.errors)
        print(of, finding.validator, finding.validated, count, *(finding.errors or ())[:5], sep="\t", flush=True)
        failed = failed or bool(finding.errors)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
