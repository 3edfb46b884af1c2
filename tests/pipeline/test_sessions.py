"""Files in, three tables out: whole, described, and with every fault told."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.medpc_write import MedpcSession, write_medpc
from cuecircuit.pipeline.sessions import declare_programs, load_sessions, lost_records, write_sessions
from cuecircuit.records.operant import SET_ASIDE

NAMES = ("sessions", "events", "faults")


def medpc_file(path: Path, *sessions: MedpcSession) -> Path:
    path.write_bytes(write_medpc(sessions).encode())
    return path


def medpc(subject: str = "LgA01", *, active: int | None = None, minutes: int = 60) -> MedpcSession:
    presses = np.array([5.25, 30.5, 31.0, 90.0])
    start = datetime(2024, 1, 31, 9)
    return MedpcSession(
        subject=subject,
        experiment="ESCALATION",
        group="LgA",
        box="1",
        msn="CUECIRCUIT LgA FR1",
        start=start,
        end=start + timedelta(minutes=minutes),
        scalars={"A": presses.size if active is None else active, "I": 0, "R": 3, "K": 3600},
        arrays={"X": presses, "Y": np.empty(0), "Z": presses[[0, 1, 3]]},
    )


def test_the_oxycodone_file_becomes_twelve_sessions_and_all_their_events(real_data: Path, tmp_path: Path):
    summary = write_sessions([real_data / "operant/georgelab_oxycodone_lga/SF1_MedPC_example_txt"], tmp_path / "out")

    sessions, events, faults = (pd.read_csv(tmp_path / f"out/{name}.tsv", sep="\t") for name in NAMES)
    first = sessions.set_index("subject").loc["M2169"]
    assert (first["active"], first["inactive"], first["infusions"]) == (59, 0, 44)
    assert len(sessions) == sessions["subject"].nunique() == summary.n_subjects == 12
    assert len(events) == summary.n_events == sessions[["active", "inactive", "infusions"]].to_numpy().sum()
    assert len(faults) == 0


def test_each_table_has_a_sidecar_that_describes_every_column(tmp_path: Path):
    write_sessions([medpc_file(tmp_path / "a.txt", medpc())], tmp_path / "out")

    for name in NAMES:
        columns = pd.read_csv(tmp_path / f"out/{name}.tsv", sep="\t").columns.tolist()
        notes = json.loads((tmp_path / f"out/{name}.json").read_text())
        assert list(notes) == columns
        assert all(note["Description"] and note["Source"] for note in notes.values())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        f"{name}.{kind}" for name in NAMES for kind in ("tsv", "json")
    )


def test_a_simulated_session_comes_back_with_its_times(tmp_path: Path):
    log = load_sessions([medpc_file(tmp_path / "a.txt", medpc())])

    (session,) = log.sessions
    assert log.faults == ()
    assert (session.subject, session.experiment, session.group, session.duration_s) == (
        "LgA01",
        "ESCALATION",
        "LgA",
        3600,
    )
    assert session.events["infusion"].tolist() == [5.25, 30.5, 90.0]


def test_faults_of_all_files_are_told_and_the_same_file_is_read_once(tmp_path: Path):
    one = medpc_file(tmp_path / "a.txt", medpc(active=3))
    two = medpc_file(tmp_path / "b.txt", medpc(minutes=90), medpc("0", minutes=-5))

    summary = write_sessions([one, two, one], tmp_path / "out")

    faults = pd.read_csv(tmp_path / "out/faults.tsv", sep="\t", dtype={"subject": "str"})
    assert (summary.n_files, summary.n_sessions) == (2, 1)
    assert faults[["file", "subject"]].to_numpy().tolist() == [
        [str(one), "LgA01"],
        [str(two), "0"],
        [str(one), "LgA01"],
    ]
    assert [what.split(":")[0].split(",")[0] for what in faults["what"]] == [
        "A counts 3 events",
        "remnant",
        "saved 2 times",
    ]
    assert faults["done"].tolist()[2] == f"left out; kept the latest ({two} line 4, 7 events)"


def test_strict_refuses_faults_after_the_tables_are_written(tmp_path: Path):
    path = medpc_file(tmp_path / "a.txt", medpc(active=3))

    with pytest.raises(DataError, match=r"a\.txt: line \d+: subject 'LgA01': A counts 3 events"):
        write_sessions([path], tmp_path / "out", strict=True)

    assert len(pd.read_csv(tmp_path / "out/faults.tsv", sep="\t")) == 1


def files_at_fault(folder: Path) -> list[Path]:
    empty = folder / "empty.txt"
    empty.write_bytes(b"")
    other = medpc_file(folder / "other.txt", medpc())
    other.write_bytes(other.read_bytes().replace(b"CUECIRCUIT", b"SOMETHING"))
    return [empty, other]


def test_files_at_fault_are_set_aside_by_name_and_the_others_are_read(tmp_path: Path):
    good = medpc_file(tmp_path / "a.txt", medpc())

    summary = write_sessions([*files_at_fault(tmp_path), good], tmp_path / "out")

    assert (summary.n_files, summary.n_sessions) == (3, 1)
    assert [(Path(fault.file).name, fault.line, fault.done) for fault in summary.faults] == [
        ("empty.txt", 1, SET_ASIDE),
        ("other.txt", 4, SET_ASIDE),
    ]
    assert "scalars A I K R; arrays X(4) Y(1) Z(3)" in summary.faults[1].what
    assert len(pd.read_csv(tmp_path / "out/faults.tsv", sep="\t")) == 2


def test_where_no_file_can_be_read_all_are_named_and_nothing_is_written(tmp_path: Path):
    with pytest.raises(DataError) as caught:
        write_sessions(files_at_fault(tmp_path), tmp_path / "out")

    assert [Path(fault.split(": ")[0]).name for fault in caught.value.faults] == ["empty.txt", "other.txt"]
    assert not (tmp_path / "out").exists()


def test_a_file_that_does_not_exist_is_refused_before_anything_is_read(tmp_path: Path):
    with pytest.raises(DataError, match=r"none\.txt: cannot be read \(No such file or directory\)"):
        write_sessions([medpc_file(tmp_path / "a.txt", medpc()), tmp_path / "none.txt"], tmp_path / "out")


def test_a_pump_flush_in_the_file_of_the_day_is_named_and_left_out(tmp_path: Path):
    day = tmp_path / "day.txt"
    flush = write_medpc([medpc("")]).replace("CUECIRCUIT LgA FR1", "FLUSH")
    day.write_text(write_medpc([medpc()]) + flush + write_medpc([medpc("LgA02")]), newline="")

    summary = write_sessions([day], tmp_path / "out")

    assert summary.n_sessions == 2
    assert [fault.done for fault in summary.faults] == [SET_ASIDE]
    assert summary.faults[0].what.startswith("program (MSN) 'FLUSH' is not declared")


def test_the_same_fault_of_many_sessions_is_one_line_with_its_number(tmp_path: Path):
    day = medpc_file(tmp_path / "a.txt", *(medpc(f"LgA{k:02d}", active=3) for k in range(144)))

    summary = write_sessions([day], tmp_path / "out")

    faults = pd.read_csv(tmp_path / "out/faults.tsv", sep="\t")
    assert faults["count"].tolist() == [144]
    assert faults["others"][0].count(";") == 142
    (line,) = summary.fault_lines
    assert line.endswith("(kept every value as an event); 143 more like it")


def test_sessions_are_numbered_by_order_and_by_calendar_day(tmp_path: Path):
    days = [replace(medpc(), start=datetime(2024, 1, d, 9), end=datetime(2024, 1, d, 10)) for d in (31, 29, 30, 26)]

    write_sessions([medpc_file(tmp_path / "a.txt", *days)], tmp_path / "out")

    table = pd.read_csv(tmp_path / "out/sessions.tsv", sep="\t")
    assert table[["session", "day"]].to_numpy().tolist() == [[1, 1], [2, 4], [3, 5], [4, 6]]


def test_counters_bins_and_numbers_of_a_session_reach_the_tables(tmp_path: Path):
    (tmp_path / "log.txt").write_text(
        "Start Date: 03/04/25\nEnd Date: 03/04/25\nSubject: A1\nBox: 1\nStart Time: 09:00:00\nEnd Time: 10:00:00\n"
        "MSN: TOTALS\nA: 41\nB: 12\nC:\n 0: 3 2 2 2 1 2\nD:\n 0: 5 310 0.06\n"
    )
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs/own.yaml").write_text(
        'msn: ["TOTALS"]\ntitle: t\nsource: s\nunknown: D\ncounts: {infusion: B, active: A, lick: D(0)}\n'
        "values: {weight_g: D(1), dose_mg_kg: {at: D(2), scale: 2}}\n"
        "letters:\n  C: {kind: bins, event: infusion, width_s: 600}\n"
    )

    write_sessions([tmp_path / "log.txt"], tmp_path / "out", programs=tmp_path / "programs")

    row = pd.read_csv(tmp_path / "out/sessions.tsv", sep="\t").iloc[0]
    names = ["active", "infusions", "first_hour_infusions", "n_lick", "weight_g", "dose_mg_kg", "duration_s"]
    assert row[names].tolist() == [41, 12, 12, 5, 310, 0.12, 3600]
    bins = pd.read_csv(tmp_path / "out/bins.tsv", sep="\t")
    assert bins[["from_s", "to_s", "count"]].to_numpy().tolist()[-1] == [3000, 3600, 2]
    assert bins["count"].sum() == 12


def test_a_folder_of_declarations_makes_an_unknown_program_known(tmp_path: Path):
    path = medpc_file(tmp_path / "a.txt", medpc())
    path.write_bytes(path.read_bytes().replace(b"CUECIRCUIT", b"SOMETHING"))
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "own.yaml").write_text(
        'msn: ["SOMETHING *"]\ntitle: t\nsource: s\nunknown: IKRYZ\n'
        "letters:\n  A: {kind: scalar, name: n}\n  X: {kind: timestamps, event: lick, unit_s: 1, count: A}\n"
    )

    summary = write_sessions([path], tmp_path / "out", programs=programs)

    assert summary.n_events == 4


def test_a_place_that_cannot_be_written_is_one_clear_fault(tmp_path: Path):
    (tmp_path / "out").write_text("a file stands here")

    with pytest.raises(DataError, match="cannot be written"):
        write_sessions([medpc_file(tmp_path / "a.txt", medpc())], tmp_path / "out")


def test_no_file_at_all_is_a_fault(tmp_path: Path):
    with pytest.raises(DataError, match="no operant file given"):
        write_sessions([], tmp_path / "out")


def test_parquet_without_pyarrow_is_refused_before_anything_is_written(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("cuecircuit.io.session_store.find_spec", lambda name: None)

    with pytest.raises(DataError, match=r'Parquet needs pyarrow; install it: pip install "cuecircuit\[query\]"'):
        write_sessions([tmp_path / "log"], tmp_path / "out", parquet=True)

    assert not (tmp_path / "out").exists()


def test_parquet_is_written_on_demand_and_holds_the_tables(tmp_path: Path):
    path = medpc_file(tmp_path / "a.txt", medpc(active=3))

    summary = write_sessions([path], tmp_path / "out", parquet=True)

    for name, n in (("sessions", 1), ("events", summary.n_events), ("faults", 1)):
        assert len(pd.read_parquet(tmp_path / f"out/{name}.parquet")) == n
    stored = pd.read_parquet(tmp_path / "out/sessions.parquet")
    assert stored["start"].tolist() == [pd.Timestamp(2024, 1, 31, 9)]
    assert stored["infusions"].tolist() == [3]


def test_files_of_several_kinds_make_one_cohort(tmp_path: Path):
    table = tmp_path / "log.csv"
    table.write_text("rat,start,event,t\nR9,2024-02-01T09:00:00,L,1500\n")
    (tmp_path / "log.yaml").write_text(
        "events: {L: active}\ntable: {rows: event, subject: rat, start: start, event: event, time: t, unit_s: 0.001}\n"
    )

    log = load_sessions([medpc_file(tmp_path / "a.txt", medpc()), table], source=tmp_path / "log.yaml")

    assert [(s.subject, s.events["active"].size) for s in log.sessions] == [("LgA01", 4), ("R9", 1)]
    assert log.faults == ()


def test_a_program_file_must_agree_with_the_declaration(tmp_path: Path):
    path = medpc_file(tmp_path / "a.txt", medpc())
    mpc = tmp_path / "CUECIRCUIT LgA FR1.MPC"
    mpc.write_text("DIM X = 3\nDIM Y = 0\nDIM Z = 2\n")

    log = load_sessions([path], mpc=mpc)
    assert [fault.what for fault in log.faults] == [
        "array X is filled to its last element (4 events): later ones may be lost",
        "array Z is filled to its last element (3 events): later ones may be lost",
    ]

    mpc.write_text("DIM X = 9\nDIM Y = 0\nDIM Z = 2\n")
    with pytest.raises(DataError, match="array X holds 4 of its 10 elements: the file is cut off"):
        load_sessions([path], mpc=mpc)


def test_a_first_declaration_is_written_for_unknown_programs_alone(tmp_path: Path):
    path = medpc_file(tmp_path / "a.txt", medpc())
    other = tmp_path / "b.txt"
    other.write_bytes(path.read_bytes().replace(b"CUECIRCUIT", b"SOMETHING"))

    text = declare_programs([path, other])

    assert text.startswith("msn: ['SOMETHING LgA FR1']\n")
    assert "unknown: AIKRXYZ" in text
    with pytest.raises(DataError, match="every MED-PC program of these files is declared"):
        declare_programs([path])


def test_a_study_misses_the_records_of_its_subjects_and_not_a_pump_flush(tmp_path: Path):
    flush, other = (write_medpc([medpc(who)]).replace("CUECIRCUIT LgA FR1", "FLUSH") for who in ("", "LgA03"))
    broken = write_medpc([medpc("LgA04")]).replace("     0:", "     7:")
    (tmp_path / "day.txt").write_text(write_medpc([medpc()]) + flush + other + broken, newline="")

    log = load_sessions([tmp_path / "day.txt"])

    assert sorted(fault.subject for fault in lost_records(log, {"LgA01", "LgA03"})) == ["LgA03", "LgA04"]
    assert [fault.subject for fault in lost_records(log, {"LgA01"})] == ["LgA04"]


def test_a_pump_flush_in_a_file_of_its_own_is_no_record_of_a_study(tmp_path: Path):
    (tmp_path / "flush.txt").write_text(write_medpc([medpc("0")]).replace("CUECIRCUIT LgA FR1", "FLUSH"), newline="")

    log = load_sessions([medpc_file(tmp_path / "a.txt", medpc()), tmp_path / "flush.txt"])

    assert [(fault.subject, fault.line) for fault in log.faults] == [("0", 4)]
    assert lost_records(log, {"LgA01"}) == ()


def test_records_of_one_unknown_program_are_one_line(tmp_path: Path):
    text = write_medpc([medpc(who) for who in ("Tom", "Ann", "Bo")]).replace("CUECIRCUIT LgA FR1", "NEW")
    (tmp_path / "a.txt").write_text(text, newline="")

    with pytest.raises(DataError) as caught:
        load_sessions([tmp_path / "a.txt"])
    (line,) = caught.value.faults
    assert "subject 'Tom': program (MSN) 'NEW' is not declared" in line
    assert line.endswith("2 more like it")
