"""Coverage-guided fuzzing of the readers of operant logs and printed statistics; a traceback is a finding.

Needs atheris (`pip install atheris`), which is no dependency of the project:

    python validation/fuzz_readers.py medpc -max_total_time=120
    python validation/fuzz_readers.py text  -max_total_time=120     # CSV, TSV, FED3, BIDS
    python validation/fuzz_readers.py workbook -max_total_time=60
    python validation/fuzz_readers.py program -max_total_time=60    # program files and declarations
    python validation/fuzz_readers.py audit -max_total_time=60

A run ends with libFuzzer's count of executions. Anything but a CuecircuitError stops it and is written to a file
`crash-...`; an input that takes more than ten seconds is one too.
"""

import contextlib
import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris  # pyright: ignore[reportMissingImports]
import openpyxl

with atheris.instrument_imports(
    include=["cuecircuit.io", "cuecircuit.stats.printed", "cuecircuit.stats.audit"],
    exclude=["cuecircuit.io.medpc_kernel"],  # numba cannot compile what is instrumented
):
    from cuecircuit.errors import CuecircuitError
    from cuecircuit.io.declared import parse_declared
    from cuecircuit.io.medpc_declare import skeleton
    from cuecircuit.io.medpc_decode import decode_record
    from cuecircuit.io.medpc_mpc import parse_mpc
    from cuecircuit.io.medpc_program import Program, checked_by, load_programs
    from cuecircuit.io.medpc_text import parse_sessions
    from cuecircuit.io.operant_declaration import SourceDeclaration, TableColumns
    from cuecircuit.io.operant_source import read_operant
    from cuecircuit.stats.audit import audit

PROGRAMS = load_programs()
DECLARED = SourceDeclaration(table=TableColumns(rows="event", subject="rat", start="start", event="event", time="t"))
FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))

MEDPC = """Start Date: 11/02/23
End Date: 11/02/23
Subject: R1
Experiment: 0
Group: 0
Box: 1
Start Time: 09:00:00
End Time: 21:00:00
MSN: {msn}
"""
MEDPC_SEEDS = [
    MEDPC.format(msn="CUECIRCUIT x")
    + "A: 2.000\nI: 0.000\nK: 43200.000\nR: 1.000\nX:\n     0: 1.000 2.000\nY:\n     0: 0.000\nZ:\n     0: 1.000\n",
    MEDPC.format(msn="RS_FIXED_TIME_2") + "C:\n     0: 2500.030\n     1: 12.100 \\ word\n",
    MEDPC.format(msn="TT_auto_left_TTL") + "B:\n     0: 30013.710 0.0\nZ: 1\nF: 0\nG: 0\nI: 1\n\x1a\f",
    MEDPC.format(msn="AM_App-Pav-Dose-Cue_1_fITI30") + "D:\r\n 0: 0,0 5\r\r\nE:\r 0: 100 2\nG: 2\n",
    "BOX: 1 SUBJECT: E1 EXPERIMENT: X GROUP: 2 MSN: P START: 01/31/09 11:23:37 END: 01/31/09 17:25:18\nA:37.0\n",
]
TEXT_SEEDS = {
    "F.CSV": "MM:DD:YYYY hh:mm:ss,Device_Number,Event,Active_Poke,Left_Poke_Count,Right_Poke_Count,Pellet_Count\n"
    "11/13/2019 15:54:07,7,Left,Left,1,0,0\n",
    "t.csv": "rat,start,event,t\nR1,2024-01-31T09:00:00,lever,1.5\n",
    "t.tsv": "rat\tstart\tevent\tt\nR1\t2024-01-31T09:00:00\tlever\t1.5\n",
    "sub-1_task-x_events.tsv": "onset\tduration\ttrial_type\n1\t0\tlever\n",
}
PROGRAM = """
msn: [A]
title: t
source: s
letters:
  A: {kind: scalar, name: n}
  X: {kind: timestamps, event: e, unit_s: 1, count: A}
"""
MPC = "^Reward = 3\n\\ A = presses\nDIM X = 99 \\ times\nLIST D = 1, 2\nVAR_ALIAS Max = A(3)\nDISKVARS = A, X\n"


def fuzz_medpc(data: bytes) -> None:
    for raw in parse_sessions(data).sessions:
        skeleton(raw)
        decode_record(raw, PROGRAMS)


def fuzz_text(data: bytes) -> None:
    names = list(TEXT_SEEDS)
    path = FOLDER / names[data[0] % len(names)] if data else FOLDER / names[0]
    path.write_bytes(data[1:])
    read_operant(path, programs=PROGRAMS, source=DECLARED)


def fuzz_workbook(data: bytes) -> None:
    path = FOLDER / "w.xlsx"
    path.write_bytes(data)
    read_operant(path, programs=PROGRAMS, source=DECLARED)


def fuzz_program(data: bytes) -> None:
    text, _, mpc = data.decode("utf-8", errors="replace").partition("\x00")
    checked_by(parse_declared(text, Program, name="f"), parse_mpc(mpc, name="f"))


def fuzz_audit(data: bytes) -> None:
    audit(data.decode("utf-8", errors="replace"), n=21, groups=2)


def workbook_seed() -> bytes:
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in (
        ["Start Date", "2024-01-31"],
        ["Subject", "R1"],
        ["MSN", "OXYGWAS 12h"],
        ["Reward", 1],
        ["Reward 1", 5],
    ):
        book.worksheets[0].append(row)
    book.save(content)
    return content.getvalue()


TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[], list[bytes]]]] = {
    "medpc": (fuzz_medpc, lambda: [seed.encode("latin-1") for seed in MEDPC_SEEDS]),
    "text": (fuzz_text, lambda: [bytes([k]) + text.encode() for k, text in enumerate(TEXT_SEEDS.values())]),
    "workbook": (fuzz_workbook, lambda: [workbook_seed()]),
    "program": (fuzz_program, lambda: [f"{PROGRAM}\x00{MPC}".encode()]),
    "audit": (fuzz_audit, lambda: ["F(9, 171) = 4,25, P < .002; χ²(2, N = 90) = 5.1; r = −.4, n = 21, n.s.".encode()]),
}


def main() -> None:
    target, seeds = TARGETS[sys.argv[1]]
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    for k, seed in enumerate(seeds()):
        (corpus / f"seed{k}").write_bytes(seed)

    def one(data: bytes) -> None:
        with contextlib.suppress(CuecircuitError):
            target(data)

    atheris.Setup([sys.argv[0], "-timeout=10", "-rss_limit_mb=4096", *sys.argv[2:], str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
