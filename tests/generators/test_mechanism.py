"""What arises when animals live through the article's protocol; no number here was given to a group or a cue.

`validation/mechanism_signatures.py` counts how often over many studies; here are a few seeds of each world.
"""

from functools import cache

import numpy as np
import pytest

from cuecircuit.generators.animals import OUTCOMES
from cuecircuit.generators.breathing import global_signals
from cuecircuit.generators.experiment import Experiment, plan_experiment
from cuecircuit.generators.intake import pairing_means
from cuecircuit.generators.rat_design import rat_design
from cuecircuit.generators.rats import levels_of
from cuecircuit.nodes.designs import design_text
from cuecircuit.study.reading import parse_study

TEXT = design_text("carmack2019")
SEEDS = range(3)


@cache
def lived(hypothesis: str = "withdrawal", seed: int = 0, text: str = TEXT) -> Experiment:
    design = rat_design(parse_study(text))
    return plan_experiment(design, hypothesis=hypothesis, scale="tiny", seed=seed, model="mechanism")


def total(experiment: Experiment, name: str) -> np.ndarray:
    """Subject × session: infusions, or presses where the drug is withheld."""
    return next(item for item in experiment.counts if item.experiment == name).counts.sum(axis=2)


def paired(experiment: Experiment, treatment: str) -> np.ndarray:
    return pairing_means(list(experiment.counts), "conditioning", treatment)


def by_group(values: np.ndarray, experiment: Experiment) -> tuple[np.ndarray, np.ndarray]:
    group = levels_of(experiment.rats)
    return values[group == 0], values[group == 1]


def odor_gain(experiment: Experiment, phase: str) -> tuple[float, float]:
    """Naloxone odor less saline odor, mean of each group."""
    gain = (total(experiment, f"{phase}-NALOXONE") - total(experiment, f"{phase}-SALINE")).astype(float)
    short, long = by_group(gain, experiment)
    return float(short.mean()), float(long.mean())


def altered(**parameters: float) -> str:
    """The article's study with other medians of the mechanism."""
    named = ", ".join(f"{name}: {value}" for name, value in parameters.items())
    return TEXT.replace("n: { ShA: 11, LgA: 10 }", f"n: {{ ShA: 11, LgA: 10 }}\n  parameters: {{ {named} }}")


def escalation(text: str = TEXT) -> tuple[float, float]:
    """Last three sessions over the first three, short and long access, over the seeds."""
    kept = [by_group(total(lived(seed=seed, text=text), "ESCALATION"), lived(seed=seed, text=text)) for seed in SEEDS]
    short, long = (np.concatenate([pair[level] for pair in kept]) for level in (0, 1))
    return tuple(float(own[:, -3:].mean() / own[:, :3].mean()) for own in (short, long))


def extinction(text: str = TEXT) -> tuple[float, float]:
    """Presses over the days of extinction, short and long access."""
    sums = [
        by_group(total(lived(seed=s, text=text), "EXTINCTION").sum(axis=1), lived(seed=s, text=text)) for s in SEEDS
    ]
    return tuple(float(np.concatenate([pair[level] for pair in sums]).mean()) for level in (0, 1))


def reinstatement(text: str = TEXT) -> tuple[float, float]:
    return tuple(np.mean([odor_gain(lived(seed=seed, text=text), "REINST") for seed in SEEDS], axis=0))


def test_one_hour_stays_stable_and_twelve_escalate():
    short, long = escalation()
    # 33 animals, three sessions each, an SD of .55 of the logarithm from day to day: a standard error of .08
    assert short == pytest.approx(1, abs=0.25)
    assert long > 1.15


def test_twelve_hours_extinguish_later_than_one():
    short, long = extinction()
    assert long > 1.25 * short


def test_naloxone_raises_intake_in_both_groups():
    for seed in range(2):
        experiment = lived(seed=seed)
        for saline, naloxone in zip(
            by_group(paired(experiment, "saline"), experiment),
            by_group(paired(experiment, "naloxone"), experiment),
            strict=True,
        ):
            assert naloxone.mean() > 1.3 * saline.mean()


def test_the_odor_of_withdrawal_brings_presses_back_in_long_access_alone():
    short, long = reinstatement()
    assert long > 5
    # a mean of 33 animals with a press or two each
    assert abs(short) < 1
    for seed in SEEDS:
        presses = total(lived(seed=seed), "EXTINCTION").mean(axis=0)
        assert presses[-1] < 0.4 * presses[0]


@pytest.mark.parametrize(
    "part",
    [
        pytest.param({"felt": 0.0}, id="withdrawal-is-not-felt"),
        pytest.param({"opponent_gain": 0.0}, id="no-opponent-process"),
        pytest.param({"growth_use": 0.0, "growth_withdrawal": 0.0}, id="it-does-not-grow"),
    ],
)
def test_without_a_felt_and_growing_opponent_process_long_access_is_like_short(part):
    text = altered(**part)
    assert escalation(text)[1] < escalation()[1] - 0.1
    assert escalation(text)[1] == pytest.approx(escalation(text)[0], abs=0.25)
    assert reinstatement(text)[1] < 0.25 * reinstatement()[1]


def test_without_a_learned_value_of_relief_long_access_extinguishes_like_short():
    # an animal that never feels ill enough for its presses to count as relief
    text = altered(ill_half=1e9)
    assert extinction(text)[1] < 1.2 * extinction(text)[0]
    assert reinstatement(text)[1] < 0.25 * reinstatement()[1]


def test_without_learning_about_odors_no_odor_brings_presses_back():
    text = altered(salience=0.0)
    assert reinstatement(text)[1] < 0.25 * reinstatement()[1]
    # what long access does to intake and to extinction is not the odor's
    assert escalation(text) == pytest.approx(escalation(), rel=1e-12)


def test_relief_that_is_forgotten_as_fast_as_it_is_learned_resists_less():
    assert extinction(altered(unlearning=1.0))[1] < extinction()[1]


def test_an_animal_brings_the_state_of_its_access_to_the_scanner():
    experiment = lived()
    short, long = by_group(np.array([life.scan_strength for life in experiment.lived.lives]), experiment)
    assert long.min() > short.max()
    assert np.abs(experiment.responses.cells).max() < 4


def test_antagonism_raises_intake_in_both_groups_alike_and_leaves_nothing_to_the_cue():
    for seed in range(2):
        experiment = lived("antagonism", seed)
        gain = paired(experiment, "naloxone") / np.maximum(paired(experiment, "saline"), 0.5)
        short, long = by_group(gain, experiment)
        assert min(short.mean(), long.mean()) > 1.3
        assert np.ptp(experiment.responses.cells, axis=(1, 2)).max() < 1e-9
        assert np.ptp(experiment.rates) < 1e-9
        assert not any(life.scan_values.any() for life in experiment.lived.lives)
    gains = np.array([odor_gain(lived("antagonism", seed), phase) for seed in range(2) for phase in ("CUE", "REINST")])
    # nothing is there to be found: means of 11 or 10 differences, SD about 2
    assert np.abs(gains.mean(axis=0)).max() < 1.0


def test_without_any_effect_groups_and_treatments_are_alike():
    short, long = [], []
    for seed in range(2):
        experiment = lived("null", seed)
        for own, mine in zip((short, long), by_group(total(experiment, "ESCALATION"), experiment), strict=True):
            own.append(mine.mean())
        assert np.ptp(experiment.responses.cells, axis=(1, 2)).max() < 1e-9
        assert not experiment.rates.any()
        assert paired(experiment, "naloxone").mean() == pytest.approx(paired(experiment, "saline").mean(), rel=0.2)
    # SD between animals is a third: 2 × 10 animals give a standard error of .1 for the ratio
    assert np.mean(long) / np.mean(short) == pytest.approx(1, abs=0.3)


def test_breathing_alone_gives_a_map_of_one_dimension_that_the_covariate_removes():
    experiment = lived("respiration")
    assert not experiment.responses.cells.any()
    times = experiment.design.scans.tr_s * np.arange(experiment.design.volumes)
    blocks, rates = [], []
    for subject in range(len(experiment.rats)):
        for cue in (0, 1):
            breathing = experiment.breathing_of(subject, cue)
            # every gray voxel, hence every region, has this one course: the map has one dimension
            gray, _ = global_signals(breathing, times)
            for onset in experiment.onsets_s:
                base = gray[(times >= onset - 20) & (times < onset)].mean()
                blocks.append(gray[(times >= onset + 4) & (times < onset + 30)].mean() - base)
            rates.append(breathing.block_rates)
    answer = np.array(blocks).reshape(-1, 2, 4).mean(axis=2)
    rate = np.array(rates).reshape(-1, 2, 4).mean(axis=2)
    group = levels_of(experiment.rats)
    change, own = answer[:, 1] - answer[:, 0], rate[:, 1] - rate[:, 0]
    before = np.subtract(*(change[group == level].mean() for level in (1, 0)))
    assert before > 0.4
    design = np.column_stack([np.ones(len(group)), group, own])
    left = np.linalg.lstsq(design, change, rcond=None)[0][1]
    # the window's baseline and the lag of the signal leave a tenth
    assert abs(left) < 0.25 * before
    assert np.corrcoef(change, own)[0, 1] < -0.9


def test_four_pairings_teach_the_dependent_animal_what_the_odor_means():
    experiment = lived()
    days = [one.plan.date for one in experiment.lived.lives[0].sessions]
    values = np.array([life.values[:, OUTCOMES.index("withdrawal"), 1] for life in experiment.lived.lives])
    short, long = by_group(values, experiment)
    before, after = days.index(10), days.index(18)
    assert not long[:, before].any()
    assert long[:, after].mean() > 10 * np.abs(short[:, after]).mean()
    # presented alone in the tests, it means less and less
    assert long[:, -1].mean() < 0.7 * long[:, after].mean()


def test_a_study_file_sets_sizes_and_parameters():
    text = TEXT.replace(
        "n: { ShA: 11, LgA: 10 }", "n: { ShA: 3, LgA: 4 }\n  parameters: { growth_use: 0, growth_withdrawal: 0 }"
    )
    experiment = lived(text=text)
    assert [rat.group for rat in experiment.rats] == ["ShA"] * 3 + ["LgA"] * 4
    assert not any(life.scan_strength for life in experiment.lived.lives)
    _, long = by_group(total(experiment, "ESCALATION"), experiment)
    # four animals, three sessions: a standard error of an eighth
    assert long[:, -3:].mean() / long[:, :3].mean() == pytest.approx(1, abs=0.3)
