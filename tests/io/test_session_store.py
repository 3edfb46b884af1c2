"""The store writes the same rows as TSV and Parquet, the same bytes each time, and answers SQL."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from cuecircuit.io.session_store import write_events, write_events_parquet, write_parquet
from cuecircuit.io.tables import write_table
from cuecircuit.records.operant import OperantSession

NOTES = {name: {"Description": name, "Source": "test"} for name in ("subject", "start", "event", "time_s", "file")}


def session(subject: str, day: int, file: str = "a.txt", **events: list[float]) -> OperantSession:
    return OperantSession(
        subject=subject,
        experiment="",
        group="",
        box="1",
        program="P",
        start=datetime(2024, 1, 1, 9) + timedelta(days=day),
        end=None,
        duration_s=None,
        events={name: np.asarray(times, dtype=float) for name, times in events.items()},
        counts={},
        file=file,
        line=4,
    )


SESSIONS = (
    session("R2", 1, active=[1, 1.25, 1 / 3e-5], infusion=[1.25]),
    session("", 0, 'odd "name"\t.txt', active=[1e-12, 5]),
    session("R1", 1),
    session("R1", 1, infusion=[7], active=[]),
    session("n/a", 2, **{"a b": [0.1 + 0.2]}),
)


def rows(sessions: tuple[OperantSession, ...]) -> pd.DataFrame:
    """The table, written out one event after the other."""
    return pd.DataFrame(
        [
            {"subject": s.subject or None, "start": s.start.isoformat(), "event": name, "time_s": time, "file": s.file}
            for s in sorted(sessions, key=lambda s: (s.start, s.subject, s.box))
            for time, name in sorted(
                ((time, name) for name, times in s.events.items() for time in times.tolist()), key=lambda pair: pair[0]
            )
        ]
    )


def test_the_tsv_has_the_bytes_that_a_data_frame_would_have(tmp_path: Path):
    n = write_events(tmp_path / "fast.tsv", SESSIONS, NOTES)
    write_table(tmp_path / "slow.tsv", rows(SESSIONS), NOTES)

    assert n == 8
    assert (tmp_path / "fast.tsv").read_bytes() == (tmp_path / "slow.tsv").read_bytes()
    assert (tmp_path / "fast.json").read_bytes() == (tmp_path / "slow.json").read_bytes()


def test_sessions_without_events_give_a_header(tmp_path: Path):
    assert write_events(tmp_path / "e.tsv", (session("R1", 0, active=[]),), NOTES) == 0
    write_events_parquet(tmp_path / "e.parquet", ())

    assert (tmp_path / "e.tsv").read_text() == "subject\tstart\tevent\ttime_s\tfile\n"
    assert len(pd.read_parquet(tmp_path / "e.parquet")) == 0


@pytest.mark.parametrize("group", [1, 2, 500])
def test_parquet_holds_the_same_rows_whatever_its_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: int
):
    monkeypatch.setattr("cuecircuit.io.session_store._GROUP", group)

    write_events_parquet(tmp_path / "e.parquet", SESSIONS)

    found = [row | {"start": row["start"].isoformat()} for row in pq.read_table(tmp_path / "e.parquet").to_pylist()]
    want = rows(SESSIONS).astype(object)
    assert found == want.where(want.notna(), None).to_dict("records")


def test_the_same_sessions_give_the_same_bytes(tmp_path: Path):
    frame = pd.DataFrame({"start": ["2024-01-01T09:00:00", None], "n": pd.array([1, None], dtype="Int64")})
    for name in "ab":
        write_events_parquet(tmp_path / f"{name}.parquet", SESSIONS)
        write_parquet(tmp_path / f"{name}s.parquet", frame, moments=("start",))

    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert (tmp_path / "as.parquet").read_bytes() == (tmp_path / "bs.parquet").read_bytes()
    assert pd.read_parquet(tmp_path / "as.parquet")["start"][0] == pd.Timestamp(2024, 1, 1, 9)


def test_duckdb_answers_a_question_about_the_files_in_place(tmp_path: Path):
    duckdb = pytest.importorskip("duckdb", reason="querying the store needs the extra query")
    write_events_parquet(tmp_path / "events.parquet", SESSIONS)

    found = duckdb.sql(
        f"SELECT subject, event, count(*), min(time_s) FROM '{tmp_path / 'events.parquet'}' "
        "WHERE start >= '2024-01-02' GROUP BY ALL ORDER BY ALL"
    ).fetchall()

    assert found == [
        ("R1", "infusion", 1, 7.0),
        ("R2", "active", 3, 1.0),
        ("R2", "infusion", 1, 1.25),
        ("n/a", "a b", 1, 0.1 + 0.2),
    ]
