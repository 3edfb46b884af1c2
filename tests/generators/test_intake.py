"""F values over many simulated experiments, tested with the statistics room on the tables alone."""

from collections.abc import Sequence

import numpy as np
import pytest

from cuecircuit.generators.intake import PhaseCounts, draw_counts, intake_model, pairing_means
from cuecircuit.generators.rat_design import rat_design
from cuecircuit.nodes.designs import design_text
from cuecircuit.stats.strata import StrataAnova, strata_anova
from cuecircuit.stats.strata_design import MixedDesign
from cuecircuit.study.reading import parse_study

DESIGN = rat_design(parse_study(design_text("carmack2019")))
GROUP = np.repeat([0, 1], [11, 10])
LABELS = np.repeat(["ShA", "LgA"], [11, 10])
SEEDS = range(150)


def experiments(hypothesis: str) -> list[list[PhaseCounts]]:
    model = intake_model(hypothesis)
    return [draw_counts(DESIGN, model, GROUP, np.random.default_rng([4, seed])) for seed in SEEDS]


def anova(tables: Sequence[np.ndarray], factor: str, levels: tuple[str, ...]) -> StrataAnova:
    design = MixedDesign(
        subjects=[f"rat{number}" for number in range(len(GROUP))],
        between={"group": LABELS.tolist()},
        within={factor: levels},
    )
    return strata_anova(np.stack(tables, axis=-1).astype(float), design)


def escalation(drawn: list[list[PhaseCounts]]) -> StrataAnova:
    tables = [phases[0].counts.sum(axis=2) for phases in drawn]
    return anova(tables, "session", tuple(f"s{number}" for number in range(10)))


def conditioning(drawn: list[list[PhaseCounts]]) -> StrataAnova:
    treatments = ("saline", "naloxone")
    tables = [
        np.stack([pairing_means(phases, "conditioning", treatment) for treatment in treatments], axis=1)
        for phases in drawn
    ]
    return anova(tables, "treatment", treatments)


def test_f_values_of_the_article_arise_under_withdrawal():
    drawn = experiments("withdrawal")
    interaction = escalation(drawn).term("group:session")
    pairings = conditioning(drawn)
    assert (interaction.df1, interaction.df2) == (9, 171)
    # the article's F(9,171) = 4.25 with an ε near .5; F(1,19) = 35.5 and 4.215
    assert np.median(interaction.f) == pytest.approx(4.25, abs=0.75)
    assert np.percentile(interaction.f, 5) > 1.5
    assert np.percentile(interaction.f, 95) < 9
    assert 0.35 < np.median(interaction.eps_gg) < 0.6
    assert np.median(pairings.term("treatment").f) == pytest.approx(35.5, rel=0.2)
    assert np.median(pairings.term("group").f) == pytest.approx(4.2, abs=1.2)


def test_antagonism_raises_intake_in_both_groups_alike():
    drawn = experiments("antagonism")
    pairings = conditioning(drawn)
    assert np.median(pairings.term("treatment").f) > 20
    # tests without an effect reject about one time in twenty; 150 experiments: 3 standard errors are .053
    assert (pairings.term("group:treatment").p < 0.05).mean() < 0.05 + 0.053
    assert (pairings.term("group").p < 0.05).mean() < 0.05 + 0.053


def test_null_has_no_effect_of_group_treatment_or_session():
    drawn = experiments("null")
    pairings, sessions = conditioning(drawn), escalation(drawn)
    tests = [pairings.term(name) for name in ("treatment", "group", "group:treatment")]
    rejected = [(test.p < 0.05).mean() for test in (*tests, sessions.term("group"))]
    assert max(rejected) < 0.05 + 0.053
    assert np.mean(rejected) > 0.01
    # sessions are correlated: this test is liberal without ε, so that its mean F is what has to be 1
    assert np.mean(sessions.term("group:session").f) == pytest.approx(1, abs=0.15)


def test_null_counts_are_the_same_in_every_phase():
    drawn = experiments("null")
    for number, item in enumerate(drawn[0]):
        counts = np.array([phases[number].counts.sum(axis=(1, 2)) for phases in drawn])
        short, long = counts[:, GROUP == 0].mean(), counts[:, GROUP == 1].mean()
        # about 1 % of standard error on each mean
        assert long / short == pytest.approx(1, abs=0.06), item.experiment


def test_counts_are_more_spread_than_poisson():
    first = np.array([phases[0].counts[GROUP == 0, 0].sum(axis=1) for phases in experiments("withdrawal")])
    assert first.var() / first.mean() > 1.5


def test_no_half_hour_holds_more_infusions_than_the_time_out_allows():
    for phases in experiments("withdrawal"):
        for item in phases:
            assert item.counts[:, :, :2].max() <= 30 * 60 / 20


def test_naloxone_odor_reinstates_seeking_more_in_long_access():
    drawn = experiments("withdrawal")
    saline, naloxone = (
        np.array([item.counts.sum(axis=(1, 2)) for phases in drawn for item in phases if item.experiment == name])
        for name in ("REINST-SALINE", "REINST-NALOXONE")
    )
    gain = (naloxone - saline).mean(axis=0)
    assert gain[GROUP == 1].mean() > 3 * gain[GROUP == 0].mean()
