"""Events written by pynwb come back, from every place NWB keeps them."""

import sys
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.io import operant_nwb
from cuecircuit.io.operant_declaration import SourceDeclaration
from cuecircuit.io.operant_nwb import _events_of, read_nwb_log

pynwb = pytest.importorskip("pynwb", reason="reading NWB needs the extra nwb")
# pynwb no longer likes to write what the files of the archives hold
old_types = pytest.mark.filterwarnings("ignore:.* is deprecated. Use an EventsTable:UserWarning")
START = datetime(2024, 1, 31, 9, tzinfo=UTC)


def empty(subject: str = "R1") -> Any:
    from pynwb import NWBFile
    from pynwb.file import Subject

    file = NWBFile(
        session_description="s", identifier="i", session_start_time=START, protocol="FR1", experiment_description="LgA"
    )
    file.subject = Subject(subject_id=subject, species="Rattus norvegicus", sex="M", age="P90D")
    return file


def saved(path: Path, file: Any) -> Path:
    from pynwb import NWBHDF5IO

    with NWBHDF5IO(str(path), "w") as out:
        out.write(file)
    return path


@old_types
def test_series_of_behavioral_events_become_a_session(tmp_path: Path):
    from pynwb import TimeSeries
    from pynwb.behavior import BehavioralEvents

    file = empty()
    events = BehavioralEvents(name="presses")
    for name, times in (("left", [3.0, 1.0]), ("pump", [1.0])):
        events.add_timeseries(TimeSeries(name=name, data=np.ones(len(times)), unit="n/a", timestamps=times))
    file.create_processing_module("behavior", "b").add(events)

    log = read_nwb_log(saved(tmp_path / "a.nwb", file), SourceDeclaration(events={"left": "active"}, timeout_s=20))

    (session,) = log.sessions
    assert (session.subject, session.program, session.experiment) == ("R1", "FR1", "LgA")
    assert (session.start, session.timeout_s) == (START.replace(tzinfo=None), 20)
    assert {name: times.tolist() for name, times in session.events.items()} == {"active": [1, 3], "pump": [1]}
    assert [fault.what for fault in log.faults] == ["times of active run backwards 1 times"]


@old_types
def test_annotations_intervals_trials_and_event_tables_are_read(tmp_path: Path):
    from pynwb.behavior import BehavioralEpochs
    from pynwb.epoch import TimeIntervals
    from pynwb.misc import AnnotationSeries, IntervalSeries

    file = empty()
    file.add_acquisition(AnnotationSeries(name="notes", data=["on", "off", "on"], timestamps=[1.0, 2.0, 3.0]))
    epochs = IntervalSeries(name="light", data=np.array([1, -1], dtype=np.int8), timestamps=[4.0, 5.0])
    file.create_processing_module("behavior", "b").add(BehavioralEpochs(name="e", interval_series=[epochs]))
    file.add_trial(start_time=6.0, stop_time=7.0)
    file.add_time_intervals(TimeIntervals(name="other", description="not events"))
    if hasattr(file, "create_events_table"):
        table = file.create_events_table(name="licks", description="l")
        for time in (0.0, 0.5):
            table.add_row(timestamp=time)

    (session,) = read_nwb_log(saved(tmp_path / "a.nwb", file)).sessions

    found = {name: times.tolist() for name, times in session.events.items()}
    assert found.pop("licks", [0, 0.5]) == [0, 0.5]
    assert found == {"on": [1, 3], "off": [2], "light": [4], "trial": [6]}


@pytest.mark.parametrize("name", ["labels", "data__labels"])
def test_labeled_events_of_the_extension_are_separated_by_label(name: str):
    # as a file written by ndx-events 0.2.1 reads with and without that package
    thing = SimpleNamespace(
        neurodata_type="LabeledEvents",
        name="levers",
        timestamps=np.array([0.0, 0.5, 2.0]),
        data=np.array([1, 0, 1]),
        **{name: ["right", "left"]},
    )

    assert {label: times.tolist() for label, times in _events_of(thing)} == {"left": [0, 2], "right": [0.5]}


def test_annotated_events_of_the_extension_come_by_label():
    columns = {"label": np.array(["Reward", "Poke"]), "event_times": [np.array([1.0, 2.0]), np.array([1.5])]}

    class Table:
        neurodata_type = "AnnotatedEventsTable"

        def __getitem__(self, name: str) -> Any:
            return columns[name]

    assert {label: times.tolist() for label, times in _events_of(Table())} == {"Reward": [1, 2], "Poke": [1.5]}


def test_a_file_without_events_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"a\.nwb: no events"):
        read_nwb_log(saved(tmp_path / "a.nwb", empty()))


def test_a_damaged_file_is_refused(tmp_path: Path):
    (tmp_path / "a.nwb").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\x00" * 100)

    with pytest.raises(DataError, match="cannot be read as NWB"):
        read_nwb_log(tmp_path / "a.nwb")


def with_presses(path: Path) -> Path:
    """A file of three presses on a lever."""
    from pynwb import TimeSeries
    from pynwb.behavior import BehavioralEvents

    file = empty()
    events = BehavioralEvents(name="presses")
    events.add_timeseries(TimeSeries(name="left", data=np.ones(3), unit="n/a", timestamps=[1.0, 2.0, 3.0]))
    file.create_processing_module("behavior", "b").add(events)
    return saved(path, file)


LEFT = "processing/behavior/presses/left"


def states(name: str, shape: tuple[int, ...]) -> Callable[[Any], None]:
    """Declare a dataset anew, with chunks of which none is written."""

    def change(file: Any) -> None:
        attributes = dict(file[name].attrs)
        del file[name]
        made = file.create_dataset(name, shape=shape, chunks=(1024,) * len(shape), compression="gzip", dtype="f8")
        made.attrs.update(attributes)

    return change


def point_elsewhere(file: Any) -> None:
    import h5py

    del file[f"{LEFT}/data"]
    file[f"{LEFT}/data"] = h5py.ExternalLink("/etc/passwd", "/")


def lie_elsewhere(file: Any) -> None:
    import h5py

    del file[f"{LEFT}/data"]
    layout = h5py.VirtualLayout(shape=(3,), dtype="f8")
    layout[:] = h5py.VirtualSource("other.nwb", "data", shape=(3,))
    file.create_virtual_dataset(f"{LEFT}/data", layout)


def be_raw_elsewhere(file: Any) -> None:
    del file[f"{LEFT}/data"]
    file.create_dataset(f"{LEFT}/data", shape=(3,), dtype="f8", external="/etc/passwd")


def be_a_long_word(file: Any) -> None:
    del file["identifier"]
    file.create_dataset("identifier", shape=(), dtype=f"S{2**31 - 1}")


def turn_in_circles(file: Any) -> None:
    file["acquisition/again"] = file["/"]


def be_deep(file: Any) -> None:
    file.create_group("/".join("g" * 500))


@old_types
@pytest.mark.parametrize(
    ("breaking", "said"),
    [
        (turn_in_circles, r"groups in one another without end \(/\)"),
        (be_deep, "groups in one another without end"),
        (
            states(f"{LEFT}/timestamps", (10**12,)),
            rf"/{LEFT}/timestamps states \(10{'0' * 11},\) values \(8e\+12 bytes",
        ),
        (states(f"{LEFT}/data", (2**32, 2**33)), rf"/{LEFT}/data states \(4294967296, 8589934592\) values"),
        (be_a_long_word, r"/identifier states \(\) values \(2\.15e\+09 bytes\)"),
        (point_elsewhere, rf"data in /{LEFT} is a link to another file"),
        (lie_elsewhere, rf"the values of /{LEFT}/data lie in other files"),
        (be_raw_elsewhere, rf"the values of /{LEFT}/data lie in other files"),
    ],
    ids=[
        "a circle",
        "500 levels",
        "a giant",
        "a giant past 64 bits",
        "a word of 2 GB",
        "an external link",
        "a virtual dataset",
        "raw bytes",
    ],
)
def test_what_a_file_cannot_hold_or_has_elsewhere_is_refused_before_it_is_read(
    tmp_path: Path, breaking: Callable[[Any], None], said: str
):
    h5py = pytest.importorskip("h5py")
    path = with_presses(tmp_path / "a.nwb")
    (session,) = read_nwb_log(path).sessions
    assert session.events["left"].tolist() == [1, 2, 3]
    with h5py.File(path, "a") as file:
        breaking(file)

    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=rf"a\.nwb: {said}") as error:
            read_nwb_log(path)
        _, largest = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(error.value.faults) == 1
    assert largest < 10 * 2**20


@old_types
def test_more_events_than_a_session_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = with_presses(tmp_path / "a.nwb")
    monkeypatch.setattr(operant_nwb, "_MOST_EVENTS", 2)

    with pytest.raises(DataError, match=r"a\.nwb: 3 events; a session has at most 2"):
        read_nwb_log(path)


def test_without_pynwb_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pynwb", None)

    with pytest.raises(DataError, match=r'pip install "cuecircuit\[nwb\]"'):
        read_nwb_log(tmp_path / "a.nwb")
