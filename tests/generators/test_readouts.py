import numpy as np
import pytest

from cuecircuit.generators.parameters import draw_parameters
from cuecircuit.generators.readouts import is_overdose, read_out
from cuecircuit.nodes.designs import design_text
from cuecircuit.simulation.cohort import draw_cohort
from cuecircuit.simulation.columns import columns_of
from cuecircuit.simulation.lived import live_cohort
from cuecircuit.study.reading import parse_study


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ([1.0, 0.1, 0.1, 0.1, 0.1, 0.1, 1.0], True),
        ([0.1, 0.1, 0.1, 0.1, 0.1], True),
        ([0.1, 0.1, 0.1, 0.1, 1.0, 0.1, 0.1, 0.1, 0.1], False),
        ([0.2] * 10, False),
        ([], False),
    ],
)
def test_an_overdose_is_five_minutes_below_a_fifth(minutes, expected):
    assert is_overdose(np.array(minutes)) is expected


def shares(**parameters: float) -> dict[str, float]:
    """Share of animals with an overdose by group, in the shipped design, 16 animals each, 3 days of training."""
    text = design_text("overdose")
    named = ", ".join(f"{name}: {value}" for name, value in parameters.items())
    text = text.replace("generator: mechanism", f"generator: mechanism\n  parameters: {{ {named} }}")
    study = parse_study(text.replace(": 8,", ": 16,").replace("other_detox: 8 }", "other_detox: 16 }"))
    assert study.operant is not None
    cohort = draw_cohort(study, columns_of(study), np.random.default_rng(0))
    drawn = draw_parameters(len(cohort.subjects), study.simulation.parameters, np.random.default_rng(1))
    lives = live_cohort(study, cohort, drawn, seed=3, hypothesis="withdrawal")
    table, _ = read_out(list(lives.values()), study.operant)
    assert table.loc[cohort.subjects["group"] == "naive", "aversive_training"].isna().all()
    return table["overdose_challenge"].groupby(cohort.subjects["group"]).mean().to_dict()


def test_a_new_place_and_detoxification_take_protection_away():
    share = shares()
    assert share["naive"] > 0.9
    assert share["same"] < share["other"] - 0.1
    assert share["same"] < share["same_detox"] <= share["other_detox"]
    assert share["other"] < share["other_detox"] - 0.1


def test_without_tolerance_of_places_no_place_protects():
    share = shares(context_tolerance=0.0)
    assert share["same"] == pytest.approx(share["other"], abs=0.25)
    assert share["same"] > shares()["same"] + 0.2


def test_without_an_opponent_process_detoxification_takes_nothing():
    share = shares(growth_use=0.0, growth_withdrawal=0.0)
    assert share["same_detox"] == pytest.approx(share["same"], abs=0.25)
