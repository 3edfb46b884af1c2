from pathlib import Path

import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.declared import read_declared
from cuecircuit.io.operant_declaration import SourceDeclaration

WHOLE = (
    "events: {L: active}\ntimeout_s: 20\ntable: {rows: event, subject: rat, start: [day, clock], event: e, time: t}\n"
)


def test_a_declaration_is_read(tmp_path: Path):
    (tmp_path / "d.yaml").write_text(WHOLE)

    declared = read_declared(tmp_path / "d.yaml", SourceDeclaration)

    assert declared.events == {"L": "active"}
    assert declared.table is not None
    assert (declared.table.starts, declared.table.unit_s) == (("day", "clock"), 1.0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (WHOLE.replace("time: t", "tim: t"), "table"),
        (WHOLE.replace("event: e, ", ""), "rows: event needs the columns event and time"),
        (WHOLE.replace("rows: event", "rows: session"), "rows: session needs counts"),
        (WHOLE + "events: {R: inactive}\n", "events: written twice .first on line 1."),
        ("[", "d.yaml:2: did not find"),
        ("timeout_s: -1\n", "d.yaml:1: timeout_s: found -1, expected a number greater than 0"),
        ("", "found no keys"),
    ],
)
def test_a_declaration_at_fault_is_named(tmp_path: Path, text: str, found: str):
    (tmp_path / "d.yaml").write_text(text)

    with pytest.raises(DataError, match=found) as caught:
        read_declared(tmp_path / "d.yaml", SourceDeclaration)
    assert all("d.yaml" in fault for fault in caught.value.faults)


def test_a_missing_declaration_is_named(tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        read_declared(tmp_path / "none.yaml", SourceDeclaration)
