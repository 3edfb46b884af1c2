"""Commands for tables, as typed at the prompt."""

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from cuecircuit.cli import app
from cuecircuit.errors import DataError

LOG = (
    "Start Date: 11/02/23\nEnd Date: 11/02/23\nSubject: {subject}\nExperiment: 0\nGroup: 0\nBox: 1\n"
    "Start Time: 09:00:00\nEnd Time: 21:00:00\nMSN: {msn}\nA: 2.000\nI: 0.000\nK: 43200.000\nR: 1.000\n"
    "X:\n     0: 1.000 2.000\nY:\n     0: 0.000\nZ:\n     0: 1.000\n"
)


def run(*words: object, stdin: str | None = None):
    return CliRunner().invoke(app, [str(word) for word in words], input=stdin)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "log.txt").write_text(LOG.format(subject="R1", msn="CUECIRCUIT x"))
    return tmp_path / "log.txt"


def test_sessions_says_what_it_wrote(log: Path, tmp_path: Path):
    done = run("sessions", log, "--out", tmp_path / "out", "--parquet")

    assert (done.exit_code, done.stdout) == (
        0,
        f"{tmp_path / 'out'}: 1 sessions of 1 subjects with 3 events from 1 files; 0 faults\n",
    )
    assert (
        sorted(path.suffix for path in (tmp_path / "out").iterdir()) == [".json"] * 3 + [".parquet"] * 3 + [".tsv"] * 3
    )


def test_strict_turns_a_fault_into_an_error_and_leaves_a_clean_log_alone(log: Path, tmp_path: Path):
    assert run("sessions", log, "--out", tmp_path / "out", "--strict").exit_code == 0

    log.write_text(LOG.format(subject="0", msn="CUECIRCUIT x"))
    told = run("sessions", log, "--out", tmp_path / "out")
    assert told.exit_code == 0
    assert "no subject ('0')" in told.stderr
    strict = run("sessions", log, "--out", tmp_path / "out", "--strict")
    assert isinstance(strict.exception, DataError)


def test_a_declaration_is_printed_that_then_reads_the_log(log: Path, tmp_path: Path):
    log.write_text(LOG.format(subject="R1", msn="OTHER"))
    (tmp_path / "own").mkdir()

    printed = run("sessions", log, "--declare")
    (tmp_path / "own/other.yaml").write_text(printed.stdout)

    assert run("sessions", log, "--programs", tmp_path / "own", "--out", tmp_path / "out").exit_code == 0


def test_sessions_without_a_folder_is_a_fault_of_the_command_line(log: Path):
    done = run("sessions", log)

    assert done.exit_code == 2
    assert "--out" in done.stderr


def test_an_anova_of_nothing_is_a_fault_of_the_command_line(tmp_path: Path):
    (tmp_path / "intake.tsv").write_text("rat\tinfusions\nR1\t4\nR2\t7\n")

    done = run("anova", tmp_path / "intake.tsv", "--dv", "infusions", "--subject", "rat")

    assert done.exit_code == 2
    assert "nothing to test" in done.output


@pytest.mark.parametrize("text", ["F(9,171)=4.25, P=0.002", "F(9, 171) = 4,25, P = 0,002"])
def test_audit_takes_words_a_file_and_stdin(text: str, tmp_path: Path):
    (tmp_path / "results.txt").write_text(text)

    answers = [run("audit", text), run("audit", "-", stdin=text), run("audit", tmp_path / "results.txt")]

    assert all("agrees only with a sphericity correction" in answer.stdout for answer in answers)


def test_audit_compares_degrees_of_freedom_with_subjects_and_groups():
    text = "F(9,171)=4.25, P=0.002"

    assert "do not fit" in run("audit", text, "--n", 20, "--groups", 2).stdout
    assert "do not fit" not in run("audit", text, "--n", 21, "--groups", 2).stdout


@pytest.mark.parametrize("word", ["none.tsv", "no statistics here", "F(1" * 4000, "a\0b"])
def test_audit_names_what_it_cannot_use(word: str):
    assert isinstance(run("audit", word).exception, DataError)


def test_anova_weighs_evidence_where_it_is_asked_to(tmp_path: Path):
    table = tmp_path / "rats.tsv"
    table.write_text(
        "rat\tgroup\tpresses\n" + "".join(f"r{i}\t{'ab'[i % 2]}\t{3 * (i % 2) + i / 7}\n" for i in range(12))
    )

    weighed = run("anova", table, "--dv", "presses", "--formula", "group", "--evidence", "--equivalence", 0.5)
    assert weighed.exit_code == 0
    head, _, row = weighed.stdout.split("\n\n")[1].splitlines()
    numbers = dict(zip(head.split("\t"), row.split("\t"), strict=True))
    assert numbers["term"] == "group"
    assert float(numbers["bf10"]) > 10
    assert float(numbers["p_equivalence"]) > 0.9

    alone = run("anova", table, "--dv", "presses", "--formula", "group", "--equivalence", 0.5)
    assert (alone.exit_code, "--evidence" in alone.stderr) == (2, True)


def test_sessions_writes_nwb_where_participants_and_time_zone_are_given(log: Path, tmp_path: Path):
    pytest.importorskip("pynwb", reason="writing NWB needs the extra nwb")
    participants = tmp_path / "participants.tsv"
    participants.write_text("participant_id\tspecies\tsex\tage\nsub-R1\tRattus norvegicus\tM\tP90D\n")
    words = ("sessions", log, "--out", tmp_path / "out", "--nwb", "--participants", participants)

    unknown = run(*words, "--timezone", "Nowhere/Here")
    assert "time zone 'Nowhere/Here' is not known here" in str(unknown.exception)
    assert not (tmp_path / "out").exists()
    done = run(*words, "--timezone", "Europe/Berlin", "--experimenter", "Bee, Ann")
    assert done.exit_code == 0
    (path,) = (tmp_path / "out/nwb").rglob("*.nwb")
    assert path.parent.name == "sub-R1"

    assert run("sessions", path, "--out", tmp_path / "again").exit_code == 0
    for name in ("sessions", "events", "faults"):
        first, second = (pd.read_csv(tmp_path / folder / f"{name}.tsv", sep="\t") for folder in ("out", "again"))
        places = [column for column in ("file", "line") if column in first]
        pd.testing.assert_frame_equal(first.drop(columns=places), second.drop(columns=places))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--nwb", "--timezone", "UTC"), "needs --participants and --timezone"),
        (("--timezone", "UTC"), "are those of --nwb"),
    ],
)
def test_nwb_needs_what_logs_do_not_state(log: Path, tmp_path: Path, words: tuple[str, ...], said: str):
    done = run("sessions", log, "--out", tmp_path / "out", *words)

    assert done.exit_code == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
