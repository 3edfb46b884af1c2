"""What is written is read back."""

from datetime import datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cuecircuit.io.medpc_text import parse_sessions
from cuecircuit.io.medpc_write import MedpcSession, write_medpc

# MED-PC values are single precision; the times of a day in ms fit the column without touching its neighbour
NUMBERS = st.integers(0, 86_400_000).map(lambda ms: ms / 1000)
NAMES = st.text("ABCxyz019 _-:/", max_size=12).map(str.strip)
LETTERS = st.permutations("ABCDEFGHIJ")
STARTS = st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 30)).map(lambda moment: moment.replace(microsecond=0))


@st.composite
def medpc_sessions(draw: st.DrawFn) -> MedpcSession:
    letters, start = draw(LETTERS), draw(STARTS)
    arrays = draw(st.lists(st.lists(NUMBERS, max_size=30), max_size=4))
    return MedpcSession(
        subject=draw(NAMES),
        experiment=draw(NAMES),
        group=draw(NAMES),
        box=str(draw(st.integers(1, 16))),
        msn=draw(NAMES),
        start=start,
        end=start + timedelta(seconds=draw(st.integers(0, 86_400))),
        scalars=dict(zip(letters[:3], draw(st.lists(NUMBERS, min_size=3, max_size=3)), strict=True)),
        arrays={letter: np.array(values) for letter, values in zip(letters[3:], arrays, strict=False)},
        comment=draw(st.sampled_from(["", "water: 2 ml"])),
    )


@settings(deadline=None)
@given(st.lists(medpc_sessions(), min_size=1, max_size=4), st.integers(1, 8))
def test_what_is_written_is_read_back(sessions: list[MedpcSession], columns: int):
    log = parse_sessions(write_medpc(sessions, file="C:\\x", columns=columns).encode("ascii"))

    assert log.faults == ()
    assert len(log.sessions) == len(sessions)
    for raw, session in zip(log.sessions, sessions, strict=True):
        assert raw.header["Subject"] == session.subject
        assert raw.header["Experiment"] == session.experiment
        assert raw.header["Group"] == session.group
        assert raw.header["MSN"] == session.msn
        assert raw.header["Start Date"] == f"{session.start:%m/%d/%y}"
        assert raw.comments == ((session.comment,) if session.comment else ())
        assert {k: float(v.text) for k, v in raw.letters.items() if not v.is_array} == session.scalars
        for letter, values in session.arrays.items():
            read = [float(value) for value in raw.letters[letter].values()]
            assert read == (values.tolist() or [0.0])


def test_the_text_looks_as_med_pc_writes_it():
    session = MedpcSession(
        subject="R1",
        experiment="ESCALATION",
        group="LgA",
        box="2",
        msn="CUECIRCUIT LgA FR1",
        start=datetime(2024, 1, 31, 9, 0, 5),
        end=datetime(2024, 1, 31, 21, 0, 5),
        scalars={"A": 6.0},
        arrays={"X": np.arange(1, 7) * 1.5, "Y": np.empty(0)},
    )

    lines = write_medpc([session], file="C:\\DATA\\one").split("\r\n")

    assert lines[:4] == ["File: C:\\DATA\\one", "", "", "Start Date: 01/31/24"]
    assert lines[9:12] == ["Start Time: 09:00:05", "End Time: 21:00:05", "MSN: CUECIRCUIT LgA FR1"]
    assert lines[12:16] == [
        "A:       6.000",
        "X:",
        "     0:        1.500        3.000        4.500        6.000        7.500",
        "     5:        9.000",
    ]
    assert lines[16:] == ["Y:", "     0:        0.000", ""]
