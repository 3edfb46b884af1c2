"""Reading 1 000 MED-PC sessions with arrays of 2 000 elements, on one core, against a public reader in the same run;
then a store of 10 000 sessions: writing it, and asking it.

The peer is MPCdata (PyPI), where it is installed: `pip install MPCdata`. It reads the values and nothing else; ours
also checks row indices, decodes events by the declaration of the program, and settles the ledger of faults. Times are
of the processor, the least of several, so that what else the machine does counts little.
"""

import importlib.util
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks import ratio, seconds
from cuecircuit.io.medpc_text import parse_sessions
from cuecircuit.io.medpc_write import MedpcSession, write_medpc
from cuecircuit.io.session_store import write_events, write_events_parquet
from cuecircuit.pipeline.sessions import EVENT_COLUMNS, load_sessions
from cuecircuit.records.operant import OperantSession

SESSIONS, EVENTS, PEER_SESSIONS, STORED, TIMES = 1000, 2000, 50, 10_000, 7
LENGTH_S = 43200.0
QUERY = """
    SELECT subject, start::date AS day, count(*) AS infusions FROM '{}'
    WHERE event = 'infusion' AND time_s < 3600 GROUP BY ALL ORDER BY ALL
"""


def cohort(folder: Path, rng: np.random.Generator) -> list[Path]:
    files = []
    for k in range(SESSIONS):
        active, inactive = (np.sort(rng.uniform(0, LENGTH_S, EVENTS)).round(3) for _ in range(2))
        infusions = [active[0]]
        for press in active:
            if press - infusions[-1] >= 20:
                infusions.append(press)
        start = datetime(2024, 1, 1, 9) + timedelta(days=k // 50)
        session = MedpcSession(
            subject=f"R{k % 50:02d}",
            experiment="ESCALATION",
            group="LgA",
            box=str(k % 50),
            msn="CUECIRCUIT LgA FR1",
            start=start,
            end=start + timedelta(seconds=LENGTH_S),
            scalars={"A": EVENTS, "I": EVENTS, "R": len(infusions), "K": LENGTH_S},
            arrays={"X": active, "Y": inactive, "Z": np.array(infusions)},
        )
        files.append(folder / f"session{k:04d}.txt")
        files[-1].write_bytes(write_medpc([session]).replace("\r\n\r\n", "\r\n\r\r\n", 1).encode())
    return files


def peer_seconds(files: Sequence[Path]) -> float | None:
    """Time of MPCdata over the same files; None where it is not installed."""
    if importlib.util.find_spec("MPCdata") is None:
        return None
    from MPCdata import parse_MPC  # pyright: ignore[reportMissingImports]

    def read() -> None:
        for file in files:
            (session,) = parse_MPC(str(file))
            assert len(session.ArrayVars["X"]) == EVENTS

    return seconds(read, TIMES)


def store(folder: Path, sessions: Sequence[OperantSession]) -> None:
    """Write and ask a store of as many sessions as a large cohort has."""
    # other times in each copy, so that it cannot be packed away
    many = [
        replace(
            session,
            subject=f"{session.subject}-{copy}",
            events={name: times + 0.001 * copy for name, times in session.events.items()},
        )
        for copy in range(STORED // len(sessions))
        for session in sessions
    ]
    events = sum(times.size for session in many for times in session.events.values())
    path = folder / "events.parquet"
    written = seconds(lambda: write_events_parquet(path, many))
    size = path.stat().st_size / 1e6
    print(
        f"{len(many)} sessions, {events / 1e6:.0f} million events: written as Parquet in {written:.1f} s, {size:.0f} MB"
    )
    if importlib.util.find_spec("duckdb") is None:
        print("duckdb is not installed: nothing asked (pip install 'cuecircuit[query]')")
        return
    import duckdb

    with duckdb.connect(config={"threads": 1}) as base:
        asked = seconds(lambda: base.sql(QUERY.format(path)).fetchall(), TIMES)
    print(f"asked for the first hour's infusions of every session in {asked:.2f} s")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = cohort(folder, np.random.default_rng(0))
        megabytes = sum(file.stat().st_size for file in files) / 1e6
        few = files[:PEER_SESSIONS]
        load_sessions(few)
        values = seconds(lambda: [parse_sessions(file.read_bytes()) for file in few], TIMES)
        ours_few, theirs = seconds(lambda: load_sessions(few), TIMES), peer_seconds(few)
        ours = seconds(lambda: load_sessions(files))
        print(f"{SESSIONS} sessions, {megabytes:.0f} MB: read, decoded and checked in {ours:.2f} s")
        if theirs is None:
            print("MPCdata is not installed: no comparison (pip install MPCdata)")
        else:
            times = ratio("operant logs, MPCdata", theirs / ours_few)
            print(f"MPCdata, {len(few)} of them: {theirs:.3f} s, ours {ours_few:.4f} s: {times}")
            print(f"the values alone, as MPCdata: {values:.4f} s: {ratio('operant values, MPCdata', theirs / values)}")
        log = load_sessions(files)
        tsv = seconds(lambda: write_events(folder / "events.tsv", log.sessions, EVENT_COLUMNS))
        parquet = seconds(lambda: write_events_parquet(folder / "events.parquet", log.sessions))
        events = sum(times.size for session in log.sessions for times in session.events.values())
        size = (folder / "events.parquet").stat().st_size / 1e6
        print(f"{events} events written as TSV in {tsv:.1f} s, as Parquet in {parquet:.1f} s ({size:.0f} MB)")
        store(folder, log.sessions)


if __name__ == "__main__":
    main()
