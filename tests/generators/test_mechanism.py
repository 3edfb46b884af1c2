"""What arises when animals live through the article's protocol; no number here was given to a group or a cue.

`validation/mechanism_signatures.py` counts how often over many studies; here are a few seeds of each world.
"""

from functools import cache

import numpy as np
import pytest

from cuecircuit.generators.animals import OUTCOMES, POLICIES
from cuecircuit.generators.breathing import global_signals
from cuecircuit.generators.circuit import REGIONS
from cuecircuit.generators.experiment import Experiment, plan_experiment
from cuecircuit.generators.intake import pairing_means
from cuecircuit.generators.planted import TABLE_1
from cuecircuit.generators.rat_design import rat_design
from cuecircuit.generators.rats import levels_of
from cuecircuit.nodes.designs import design_text
from cuecircuit.study.reading import parse_study

TEXT = design_text("carmack2019")
TABLE = np.array(list(TABLE_1.values())).reshape(-1, 2, 2)
SEEDS = range(3)


@cache
def lived(hypothesis: str = "withdrawal", seed: int = 0, text: str = TEXT, **how: str) -> Experiment:
    design = rat_design(parse_study(text))
    return plan_experiment(design, hypothesis=hypothesis, scale="tiny", seed=seed, model="mechanism", **how)


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


@pytest.mark.parametrize("policy", POLICIES)
def test_one_hour_stays_stable_and_twelve_escalate(policy):
    for seed in range(2):
        short, long = by_group(total(lived(seed=seed, policy=policy), "ESCALATION"), lived(seed=seed, policy=policy))
        # the mean of three sessions of 11 animals has a standard error of about a tenth
        assert short[:, -3:].mean() / short[:, :3].mean() == pytest.approx(1, abs=0.2)
        assert long[:, -3:].mean() / long[:, 0].mean() > 1.25


@pytest.mark.parametrize("policy", POLICIES)
def test_naloxone_raises_intake_in_both_groups(policy):
    for seed in range(2):
        experiment = lived(seed=seed, policy=policy)
        for saline, naloxone in zip(
            by_group(paired(experiment, "saline"), experiment),
            by_group(paired(experiment, "naloxone"), experiment),
            strict=True,
        ):
            assert naloxone.mean() > 1.3 * saline.mean()


def test_intake_rises_with_the_dose_of_naloxone_and_falls_again():
    # a shorter escalation is enough for dependence to begin
    text = TEXT.partition("  # what `plan` draws")[0].replace("days: 10", "days: 5")
    doses = (0.03, 0.12, 0.4, 90.0)
    means = []
    for dose in doses:
        own = text.replace("drug: naloxone, dose_mg_kg: 0.12", f"drug: naloxone, dose_mg_kg: {dose}")
        experiment = lived(text=own)
        means.append([part.mean() for part in by_group(paired(experiment, "naloxone"), experiment)])
    saline = [part.mean() for part in by_group(paired(experiment, "saline"), experiment)]
    for group in (0, 1):
        course = [row[group] for row in means]
        assert saline[group] < course[0] < course[1] < course[2]
        assert course[3] < 0.5 * course[2]


def test_the_odor_of_withdrawal_raises_intake_in_long_access_alone():
    gains = np.array([odor_gain(lived(seed=seed), "CUE") for seed in SEEDS])
    assert gains[:, 1].mean() > 1
    assert (gains[:, 1] > gains[:, 0]).all()
    # SD of a mean difference is about .3 in one study, .2 in three
    assert abs(gains[:, 0].mean()) < 0.5


def test_presses_extinguish_and_the_odor_of_withdrawal_brings_them_back():
    gains = np.array([odor_gain(lived(seed=seed), "REINST") for seed in SEEDS])
    assert (gains[:, 1] > 1).all()
    assert gains[:, 1].mean() > 3 * max(gains[:, 0].mean(), 0)
    for seed in SEEDS:
        presses = total(lived(seed=seed), "EXTINCTION").mean(axis=0)
        assert presses[-1] < 0.4 * presses[0]


def test_responses_have_the_signs_of_table_1():
    interaction = TABLE[:, 1, 1] - TABLE[:, 1, 0] - TABLE[:, 0, 1] + TABLE[:, 0, 0]
    large = np.abs(TABLE) >= 0.5
    for seed in SEEDS:
        cells = lived(seed=seed).responses.cells
        found = cells[:, 1, 1] - cells[:, 1, 0] - cells[:, 0, 1] + cells[:, 0, 0]
        # a habenula of −.9 and 18 regions above 0; the smallest is .4
        assert (np.sign(found) == np.sign(interaction)).sum() >= 18
        assert (np.sign(cells) == np.sign(TABLE))[large].mean() > 0.85


def test_responses_of_amygdala_and_hypothalamus_follow_intake_under_naloxone():
    chosen = [REGIONS.index(name) for name in ("Amygdala nuclei", "PVN/VM hypothalamus")]
    r = []
    for seed in SEEDS:
        experiment = lived(seed=seed)
        responses, intake = experiment.responses.subjects[:, :, 1], paired(experiment, "naloxone")
        r.append([np.corrcoef(responses[:, region], intake)[0, 1] for region in range(len(REGIONS))])
    # r of 21 animals above .433 has p < .05
    assert np.mean(r, axis=0)[chosen].min() > 0.433
    assert np.mean(r, axis=0)[chosen].mean() > np.mean(r)


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
    days = [day.number for day in experiment.lived.program.days]
    values = np.array([life.values[:, OUTCOMES.index("withdrawal"), 1] for life in experiment.lived.lives])
    short, long = by_group(values, experiment)
    before, after = days.index(10), days.index(18)
    assert not long[:, before].any()
    assert long[:, after].min() > np.abs(short[:, after]).max()
    assert long[:, after].mean() > 10 * np.abs(short[:, after]).mean()
    # presented alone in the tests, it means less and less
    assert long[:, -1].mean() < 0.7 * long[:, after].mean()


def test_pearce_and_hall_animals_learn_it_as_well():
    experiment = lived(learning="pearce-hall")
    short, long = by_group(np.array([life.scan_values[0, 1] for life in experiment.lived.lives]), experiment)
    assert long.min() > np.abs(short).max()


def test_a_study_file_sets_sizes_and_parameters():
    text = TEXT.replace("n: { ShA: 11, LgA: 10 }", "n: { ShA: 3, LgA: 4 }\n  parameters: { growth: 0 }")
    experiment = lived(text=text)
    assert [rat.group for rat in experiment.rats] == ["ShA"] * 3 + ["LgA"] * 4
    assert not any(life.scan_dependence for life in experiment.lived.lives)
    _, long = by_group(total(experiment, "ESCALATION"), experiment)
    # four animals, three sessions: a standard error of an eighth
    assert long[:, -3:].mean() / long[:, :3].mean() == pytest.approx(1, abs=0.3)
