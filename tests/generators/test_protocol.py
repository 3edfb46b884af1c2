import re

import pytest

from cuecircuit.errors import StudyError
from cuecircuit.generators.protocol import check_protocol, program_of
from cuecircuit.nodes.simulate import RatChoices, simulate_design


def test_the_design_of_the_article_is_a_protocol(rats):
    check_protocol(rats)
    program = program_of(rats)
    assert [kind.cue for kind in program.kinds] == [None, 0, 1, 0, 1, None, 0, 1]
    assert [kind.rewarded for kind in program.kinds] == [True] * 5 + [False] * 3
    assert [kind.naloxone_mg_kg for kind in program.kinds] == [0, 0, 0.12, 0, 0, 0, 0, 0]
    assert {kind.window_s for kind in program.kinds[1:3]} == {(1800, 3600)}
    assert program.scan_day == 10 + 8 + 1
    assert [day.number for day in program.days] == [*range(1, 19), *range(20, 30)]


def with_parameter(line: str) -> tuple[str, str]:
    return "simulation:\n", f"simulation:\n  parameters:\n    {line}\n"


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        ("heroin", "cocaine", "  cocaine:", "drugs.cocaine: the mechanism knows heroin, not cocaine"),
        (r"naloxone(?=: { route|, dose)", "yohimbine", "drug: yohimbine", "the mechanism does not know yohimbine"),
        ("kind: extinction", "kind: punishment", "kind: punishment", "lives fixed ratio 1 alone, not punishment"),
        (*with_parameter("mam_half_life: -12"), "mam_half_life", "-12 min is impossible; expected 0.05 to inf"),
        (*with_parameter("salience: 2"), "salience", "2 1 is impossible; expected 0 to 1"),
        (
            *with_parameter("appetite: 1"),
            "appetite",
            "no such parameter of the mechanism; expected one of: heroin_half_life",
        ),
    ],
)
def test_what_the_mechanism_lacks_is_named_with_its_line(rats_text, tmp_path, old, new, at, message):
    text = re.sub(old, new, rats_text)
    assert text != rats_text
    (study := tmp_path / "mine.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(StudyError) as caught:
        simulate_design(str(study), tmp_path / "out", scale="tiny", rats=RatChoices(model="mechanism"))

    line = next(number for number, text in enumerate(text.splitlines(), 1) if at in text)
    assert any(fault.startswith(f"mine.yaml:{line}: ") and message in fault for fault in caught.value.faults)
    assert not (tmp_path / "out").exists()
