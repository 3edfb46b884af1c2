"""Declarations are checked when they are read, key by key."""

from pathlib import Path

import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.declared import parse_declared
from cuecircuit.io.medpc_program import Program, find_program, load_programs

GOOD = """msn: ["MY *"]
title: mine
source: me
letters:
  G: {kind: scalar, name: n}
  Y: {kind: timestamps, event: active, unit_s: 1, count: G}
"""


def test_a_pattern_finds_its_programs_and_own_declarations_come_first(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text(GOOD.replace("MY *", "CUECIRCUIT *"))

    own = find_program("CUECIRCUIT LgA FR1", load_programs(tmp_path))
    shipped = find_program("CUECIRCUIT LgA FR1", load_programs())

    assert own is not None
    assert own.title == "mine"
    assert shipped is not None
    assert shipped.session_length == "K"
    assert find_program("NOBODY", load_programs()) is None


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("count: G}", "}", "give count or end_marker"),
        ("unit_s: 1", "unit_s: 0", "letters.Y.unit_s: found 0, expected a number greater than 0"),
        ("event: active", "name: active", "letters.Y.event: missing"),
        ("kind: timestamps", "kind: times", "letters.Y.codes: missing"),
        ("kind: scalar", "kind: guess", "letters.G: found kind 'guess', expected one of 'scalar'"),
        ("source: me", "source: me\nunknown: GH", "unknown: G has a meaning above"),
        ("source: me", "source: me\nsession_length: G", "session_length: letter G needs unit_s"),
        ("source: me", "source: me\ncounts: {active: c(0)}", "'c(0)' is no letter and no element of an array"),
        (
            "kind: timestamps, event: active",
            "kind: coded, place: decimals, digits: 4, events: {'100': active}",
            "code 100 has 3 digits, `digits` says 4",
        ),
        ("title: mine", "title: mine\ncolor: red", "color: 'color' is no key of this file"),
        ("title: mine", "title: [", "put text that holds"),
        ("title: mine", "\ttitle: mine", "indent with spaces"),
    ],
)
def test_a_declaration_at_fault_is_refused_by_name_and_key(old: str, new: str, fault: str):
    with pytest.raises(DataError) as caught:
        parse_declared(GOOD.replace(old, new), Program, name="mine.yaml")

    assert any(line.startswith("mine.yaml:") and fault in line for line in caught.value.faults)


def test_codes_must_be_declared_beside_their_times():
    text = GOOD.replace("kind: timestamps, event: active", "kind: times, codes: E")

    with pytest.raises(DataError, match="codes of Y: letter E is not declared as kind: codes"):
        parse_declared(text, Program, name="mine.yaml")


def test_a_folder_without_declarations_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="no program declarations here"):
        load_programs(tmp_path)


def test_a_declaration_that_is_no_text_is_refused(tmp_path: Path):
    (tmp_path / "mine.yaml").write_bytes(b"\xff\xfe\xff")

    with pytest.raises(DataError, match=r"mine\.yaml: cannot be read"):
        load_programs(tmp_path)


def test_a_letter_declared_twice_is_refused():
    text = "msn: [X]\ntitle: t\nsource: s\nletters:\n  A: {kind: scalar, name: n}\n  A: {kind: scalar, name: m}\n"

    with pytest.raises(DataError, match=r"x.yaml:6: letters.A: written twice \(first on line 5\)$"):
        parse_declared(text, Program, name="x.yaml")


def test_a_label_needs_a_letter_with_a_meaning():
    text = "msn: [X]\ntitle: t\nsource: s\nletters:\n  A: {kind: scalar, name: n}\nlabels: {B: Presses}\n"

    with pytest.raises(DataError, match="labels: letter B has no meaning above"):
        parse_declared(text, Program, name="x.yaml")
