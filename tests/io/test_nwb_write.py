"""Sessions written as NWB come back whole, and what DANDI requires is asked for in plain words."""

import re
import subprocess
import sys
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuecircuit.errors import DataError
from cuecircuit.io.nwb_subjects import read_nwb_subjects
from cuecircuit.io.nwb_write import NwbOrigin, NwbSubject, check_pynwb, name_faults, nwb_file, nwb_path, save_nwb
from cuecircuit.io.operant_declaration import SourceDeclaration
from cuecircuit.io.operant_nwb import read_nwb_log
from cuecircuit.records.operant import EventBins, OperantSession

pytest.importorskip("pynwb", reason="writing NWB needs the extra nwb")
ZONE = ZoneInfo("America/Los_Angeles")
START = datetime(2024, 7, 31, 9, 0, 5)
RAT = NwbSubject(species="Rattus norvegicus", sex="F", age="P14.8W", weight="390 g")


def session(**changes: Any) -> OperantSession:
    whole = OperantSession(
        subject="R 1",
        experiment="LgA",
        group="long",
        box="3",
        program="FR1",
        start=START,
        end=START + timedelta(hours=1),
        duration_s=3600.0,
        events={"infusion": np.array([5.25, 90.0]), "active": np.array([5.25, 30.5, 90.0]), "lick": np.empty(0)},
        counts={"active": 4, "lick": 0, "pellet": 2},
        file="/data/a.txt",
        line=4,
        timeout_s=20.0,
        tick_s=0.005,
        bins={"infusion": EventBins(width_s=1800.0, counts=np.array([2, 0]))},
        values={"weight_g": 312.5, "part": 7.0},
        part=2,
    )
    return replace(whole, **changes)


def written(path: Path, one: OperantSession) -> Path:
    measures = {"infusions": ("infusions", 2), "latency_s": ("time of the first infusion (s)", 5.25)}
    save_nwb(path, nwb_file(one, RAT, NwbOrigin(zone=ZONE), measures=measures))
    return path


def assert_equal(back: OperantSession, one: OperantSession) -> None:
    for field in fields(OperantSession):
        name, mine, other = field.name, getattr(one, field.name), getattr(back, field.name)
        if name == "events":
            assert list(other) == list(mine)
            assert all(np.array_equal(other[event], mine[event]) for event in mine)
        elif name == "bins":
            assert {e: (b.width_s, b.counts.tolist()) for e, b in other.items()} == {
                e: (b.width_s, b.counts.tolist()) for e, b in mine.items()
            }
        elif name not in ("file", "line", "declared_s"):
            assert other == mine, name


def test_a_session_comes_back_with_everything_its_log_stated(tmp_path: Path):
    (back,) = read_nwb_log(written(tmp_path / "a.nwb", session())).sessions

    assert_equal(back, session())


seconds = st.floats(0, 50_000, allow_subnormal=False)
kinds = st.sampled_from(["active", "inactive", "infusion", "code_7", "Tray #1", "ü"])


@given(
    events=st.dictionaries(kinds, st.lists(seconds, max_size=5), min_size=1),
    counts=st.dictionaries(kinds, st.integers(0, 10**6)),
    words=st.tuples(*[st.sampled_from(["", "a b", "ä"])] * 4),
    duration_s=st.none() | st.floats(1, 90_000),
)
@settings(max_examples=6, deadline=None)
def test_events_counts_and_length_of_any_session_come_back(
    tmp_path_factory: pytest.TempPathFactory, events: Any, counts: Any, words: Any, duration_s: float | None
):
    one = session(
        events={name: np.sort(np.array(times, float)) for name, times in events.items()},
        counts=counts,
        duration_s=duration_s,
        bins={},
        values={},
        **dict(zip(("experiment", "group", "box", "program"), words, strict=True)),
    )

    (back,) = read_nwb_log(written(tmp_path_factory.mktemp("any") / "a.nwb", one)).sessions

    assert_equal(back, one)


def test_a_session_in_which_nothing_happened_comes_back_with_its_kinds_of_events(tmp_path: Path):
    idle = session(events={"active": np.empty(0), "infusion": np.empty(0)}, counts={}, bins={})

    (back,) = read_nwb_log(written(tmp_path / "a.nwb", idle)).sessions

    assert_equal(back, idle)


def test_names_given_on_reading_hold_for_events_counts_and_bins(tmp_path: Path):
    path = written(tmp_path / "a.nwb", session())

    (back,) = read_nwb_log(path, SourceDeclaration(events={"active": "left", "infusion": "reward"})).sessions

    assert (list(back.events), back.counts["left"], list(back.bins)) == (["reward", "left", "lick"], 4, ["reward"])


def test_pynwb_finds_subject_zone_events_and_measures_where_nwb_has_them(tmp_path: Path):
    from pynwb import NWBHDF5IO, validate

    path = written(tmp_path / "a.nwb", session())

    opened: Any = NWBHDF5IO
    with opened(str(path), "r") as file:
        content = file.read()
        assert content.session_start_time == START.replace(tzinfo=ZONE)
        assert content.session_start_time.utcoffset() == timedelta(hours=-7)
        assert (content.subject.subject_id, content.subject.species, content.subject.sex, content.subject.age) == (
            "R 1",
            "Rattus norvegicus",
            "F",
            "P14.8W",
        )
        assert content.events["active"]["timestamp"][:].tolist() == [5.25, 30.5, 90.0]
        assert "lick" not in content.events
        assert content.intervals["bins_infusion"]["stop_time"][:].tolist() == [1800, 3600]
        measures = content.processing["behavior"]["measures"].to_dataframe()
        assert measures.iloc[0].to_dict() == {"infusions": 2, "latency_s": 5.25}
    assert validate(path=str(path)) == []


def test_the_same_session_gives_the_same_bytes_in_another_process(tmp_path: Path):
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]; from pathlib import Path\n"
        "from test_nwb_write import session, written; written(Path(sys.argv[1]), session())"
    )
    here = written(tmp_path / "a.nwb", session())
    command = [sys.executable, "-c", code, tmp_path / "b.nwb", Path(__file__).parent]
    subprocess.run(command, check=True, env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7"})

    assert here.read_bytes() == (tmp_path / "b.nwb").read_bytes()
    other = written(tmp_path / "c.nwb", session(start=START + timedelta(days=1)))
    assert other.read_bytes() != here.read_bytes()


def test_files_are_named_as_dandi_organize_names_them():
    # LABELREGEX of dandi-cli 0.81.0, organize.py
    label = r"[^_*\\/<>:|\"'?%@;.]+"
    for subject in ("R 1", "LgA_01.b", "x?y", "ä1"):
        path = nwb_path(session(subject=subject))
        assert re.fullmatch(rf"sub-{label}_ses-{label}_behavior\.nwb", path.name)
        assert path.name.startswith(f"{path.parent}_ses-")
    assert nwb_path(session(part=0)).as_posix() == "sub-R-1/sub-R-1_ses-20240731T090005_behavior.nwb"


@pytest.mark.parametrize(
    ("sessions", "said"),
    [
        ([session(subject="a/b")], "subject 'a/b': DANDI needs a name without /"),
        ([session(subject="")], "subject '': DANDI needs a name"),
        ([session(events={"on:off": np.empty(0)})], "event 'on:off' cannot name a table of NWB"),
        (
            [session(), session(box="4", line=90)],
            "line 4: .*line 90: .*: 2 sessions would be sub-R-1_ses-20240731T090005",
        ),
        ([session(), session(subject="R_1", part=3)], "subjects 'R 1', 'R_1' would share sub-R-1"),
    ],
)
def test_names_that_cannot_be_written_are_told_with_their_place(sessions: list[OperantSession], said: str):
    (fault,) = name_faults(sessions)

    assert re.search(said, fault)


def table(folder: Path, *lines: str, units: str = "") -> Path:
    path = folder / "participants.tsv"
    path.write_text("".join(line.replace(" ", "\t").replace("~", " ") + "\n" for line in lines))
    if units:
        path.with_suffix(".json").write_text(units)
    return path


def test_participants_are_read_in_the_words_of_nwb(tmp_path: Path):
    path = table(
        tmp_path,
        "participant_id species sex age weight_g strain",
        "sub-1 mus~musculus female 14.8 25 C57BL/6J",
        "sub-02 http://purl.obolibrary.org/obo/NCBITaxon_10116 M P90D n/a n/a",
        "sub-other n/a n/a n/a n/a n/a",
        units='{"age": {"Units": "weeks"}}',
    )

    subjects = read_nwb_subjects(path, {"1", "02"}, ZONE)

    assert subjects == {
        "1": NwbSubject(species="Mus musculus", sex="F", age="P14.8W", weight="25 g", strain="C57BL/6J"),
        "02": NwbSubject(species="http://purl.obolibrary.org/obo/NCBITaxon_10116", sex="M", age="P90D"),
    }


def test_a_date_of_birth_takes_the_place_of_an_age(tmp_path: Path):
    path = table(tmp_path, "participant_id species sex date_of_birth", "1 Homo~sapiens o 1990-02-03")

    assert read_nwb_subjects(path, {"1"}, ZONE)["1"].date_of_birth == datetime(1990, 2, 3, tzinfo=ZONE)


def test_what_dandi_requires_and_the_table_lacks_is_asked_for_of_everyone_at_once(tmp_path: Path):
    path = table(tmp_path, "participant_id species sex age", "1 rat x 14", "2 n/a F 15", "2 n/a F 15")

    with pytest.raises(DataError) as caught:
        read_nwb_subjects(path, {"1", "2", "3"}, ZONE)

    said = [
        "no row for 3, whom the logs name",
        "several rows for 2",
        "species of 1, 2 is missing or cannot be read .'rat'.; DANDI requires it: expected a binomial name",
        "sex of 1 is missing or cannot be read .'x'.; DANDI requires it: expected M, F",
        "age of 1, 2 is missing or cannot be read .'14'.; .* date_of_birth .* Units",
    ]
    assert len(caught.value.faults) == len(said)
    for fault, words in zip(caught.value.faults, said, strict=True):
        assert re.search(words, fault)


def test_without_pynwb_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pynwb", None)

    with pytest.raises(DataError, match=r'writing NWB needs pynwb.*pip install "cuecircuit\[nwb\]"'):
        check_pynwb()
