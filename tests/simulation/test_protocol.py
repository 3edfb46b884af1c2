import pytest

from cuecircuit.errors import StudyError
from cuecircuit.pipeline.simulate import designs
from cuecircuit.simulation.protocol import check_protocol, program_of
from cuecircuit.study.file import lines_of, parse_study

TEXT = designs()["carmack2019"]


def line_with(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def check(text: str) -> None:
    check_protocol(parse_study(text, "mine.yaml"), lines_of(text), "mine.yaml")


def test_the_design_of_the_article_is_a_protocol():
    check(TEXT)
    program = program_of(parse_study(TEXT))
    assert [kind.cue for kind in program.kinds] == [None, 0, 1, 0, 1, None, 0, 1]
    assert [kind.rewarded for kind in program.kinds] == [True] * 5 + [False] * 3
    assert [kind.naloxone_mg_kg for kind in program.kinds] == [0, 0, 0.12, 0, 0, 0, 0, 0]
    assert {kind.window_s for kind in program.kinds[1:3]} == {(1800, 3600)}
    assert program.scan_day == 10 + 8 + 1
    assert [day.number for day in program.days] == [*range(1, 19), *range(20, 30)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: heroin", "name: cocaine", "the mechanism knows heroin, not cocaine"),
        ("drug: naloxone", "drug: yohimbine", "the mechanism does not know yohimbine"),
        (
            "access_h: { ShA: 1, LgA: 12 }",
            "access_h: { ShA: 1 }",
            "no hours for LgA; give the hours of access of every",
        ),
    ],
)
def test_what_the_mechanism_lacks_is_named_with_its_line(old, new, message):
    text = TEXT.replace(old, new)
    assert text != TEXT
    with pytest.raises(StudyError) as caught:
        check(text)
    assert any(
        f"mine.yaml:{line_with(text, new.strip())}: " in fault and message in fault for fault in caught.value.faults
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mam_half_life", "-12", "-12 min is impossible; expected 0.05 to inf"),
        ("salience", "2", "2 1 is impossible; expected 0 to 1"),
        ("appetite", "1", "no such parameter of the mechanism; expected one of: heroin_half_life"),
    ],
)
def test_impossible_parameters_are_named_with_their_line(name, value, message):
    text = f"{TEXT}\nsimulation:\n  parameters:\n    {name}: {value}\n"
    with pytest.raises(StudyError) as caught:
        check(text)
    assert caught.value.faults == (fault := caught.value.faults[0],)
    assert fault.startswith(f"mine.yaml:{line_with(text, f'{name}: {value}')}: simulation.parameters.{name}: {message}")


def test_group_sizes_are_those_of_the_study_file():
    for sizes, message in (("{ ShA: 1 }", "1 animals cannot be compared"), ("{ Sha: 5 }", "'Sha' is no group")):
        text = f"{TEXT}\nsimulation:\n  animals: {sizes}\n"
        with pytest.raises(StudyError, match=message):
            check(text)
    check(f"{TEXT}\nsimulation:\n  animals: {{ ShA: 5, LgA: 6 }}\n")
