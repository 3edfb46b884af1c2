from pathlib import Path

import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.operant_declaration import read_declaration

WHOLE = (
    "events: {L: active}\ntimeout_s: 20\ntable: {rows: event, subject: rat, start: [day, clock], event: e, time: t}\n"
)


def test_a_declaration_is_read(tmp_path: Path):
    (tmp_path / "d.yaml").write_text(WHOLE)

    declared = read_declaration(tmp_path / "d.yaml")

    assert declared.events == {"L": "active"}
    assert declared.table is not None
    assert (declared.table.starts, declared.table.unit_s) == (("day", "clock"), 1.0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (WHOLE.replace("time: t", "tim: t"), "table"),
        (WHOLE.replace("event: e, ", ""), "rows: event needs the columns event and time"),
        (WHOLE.replace("rows: event", "rows: session"), "rows: session needs counts"),
        (WHOLE + "events: {R: inactive}\n", "is duplicated"),
        ("[", "not valid YAML"),
        ("timeout_s: -1\n", "timeout_s: Input should be greater than 0"),
        ("", "declaration"),
    ],
)
def test_a_declaration_at_fault_is_named(tmp_path: Path, text: str, found: str):
    (tmp_path / "d.yaml").write_text(text)

    with pytest.raises(DataError, match=found) as caught:
        read_declaration(tmp_path / "d.yaml")
    assert all("d.yaml" in fault for fault in caught.value.faults)


def test_a_missing_declaration_is_named(tmp_path: Path):
    with pytest.raises(DataError, match="cannot be read"):
        read_declaration(tmp_path / "none.yaml")
