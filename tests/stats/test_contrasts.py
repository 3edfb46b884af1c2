import numpy as np
import pytest

from cuecircuit.errors import DesignError
from cuecircuit.stats.contrasts import fixed_contrast, parse_contrast, strata_contrast
from cuecircuit.stats.mixed_fit import fit_mixed, hypothesis_tests
from cuecircuit.stats.mixed_model import mixed_model
from cuecircuit.stats.posthoc import compare
from cuecircuit.stats.strata_design import MixedDesign
from tests.stats.contrast_sets import conditions_against, groups_against

LEVELS = {
    "access": ("ShA", "LgA"),
    "drug": ("saline", "naloxone"),
    "cue": ("CS+", "CS-", "CS"),
    "day": ("1", "2", "1 b"),
}


def weights(text: str) -> dict[str, list[float]]:
    return {name: own.tolist() for name, own in parse_contrast(text, LEVELS).weights.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("naloxone - saline", {"drug": [-1, 1]}),
        ("LgA: naloxone - saline", {"access": [0, 1], "drug": [-1, 1]}),
        ("LgA - ShA: naloxone - saline", {"access": [-1, 1], "drug": [-1, 1]}),
        ("naloxone-saline:LgA", {"access": [0, 1], "drug": [-1, 1]}),
        ("CS+ - CS-", {"cue": [1, -1, 0]}),
        ("CS+-CS", {"cue": [1, 0, -1]}),
        ("0.5*CS+ + 1/2*CS - CS-", {"cue": [0.5, -1, 0.5]}),
        ("-saline + naloxone", {"drug": [-1, 1]}),
        ("2 - 1", {"day": [-1, 1, 0]}),
        ("1 b - 1", {"day": [-1, 0, 1]}),
        ("drug=naloxone - drug=saline", {"drug": [-1, 1]}),
    ],
)
def test_text_becomes_weights_of_levels(text, expected):
    assert weights(text) == expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("naloxone - salin", "'salin', expected a level there"),
        ("naloxone", "no comparison"),
        ("LgA: naloxone", "no comparison"),
        ("naloxone - naloxone", "no comparison"),
        ("naloxone - LgA", "levels of one factor"),
        ("naloxone - saline: saline", "two parts"),
        ("naloxone saline", "expected \\+, - or :"),
        ("naloxone -", "expected a level"),
    ],
)
def test_what_is_no_contrast_is_said(text, found):
    with pytest.raises(DesignError, match=found):
        parse_contrast(text, LEVELS)


def test_a_level_of_two_factors_wants_its_factor():
    levels = {"first": ("a", "b"), "second": ("a", "c")}
    with pytest.raises(DesignError, match=r"a \(first or second\)"):
        parse_contrast("a: c - second=a", {**levels, "second": ("a", "c", "d")})
    assert list(parse_contrast("a - b", levels).weights) == ["first"]
    assert list(parse_contrast("second=a - c", levels).weights) == ["second"]


def rats(n: int = 12, n_responses: int = 5, *, seed: int = 0):
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(n), 4)
    y = rng.normal(size=(4 * n, n_responses)) + rng.normal(size=(n, n_responses))[subject]
    columns = {
        "rat": [f"r{k}" for k in subject],
        "access": np.where(subject < n // 2, "ShA", "LgA"),
        "drug": np.tile(["saline", "saline", "naloxone", "naloxone"], n),
        "cue": np.tile(["CS+", "CS-"], 2 * n),
        "breath": rng.normal(15, 2, 4 * n),
    }
    return y, columns


FULL = "access*drug*cue + (1|rat) + (1|rat:drug)"


def estimate(text: str, formula: str, y, columns) -> np.ndarray:
    model = mixed_model(formula, columns)
    (test,) = hypothesis_tests(fit_mixed(y, model), [fixed_contrast(text, model.design)])
    assert test.estimate is not None
    return test.estimate


def test_estimates_are_differences_of_cell_means_in_a_balanced_design():
    y, columns = rats()

    def mean(**cell):
        return y[np.all([np.asarray(columns[name]) == level for name, level in cell.items()], axis=0)].mean(axis=0)

    simple = mean(access="LgA", drug="naloxone") - mean(access="LgA", drug="saline")
    other = mean(access="ShA", drug="naloxone") - mean(access="ShA", drug="saline")
    np.testing.assert_allclose(estimate("LgA: naloxone - saline", FULL, y, columns), simple, atol=1e-10)
    np.testing.assert_allclose(estimate("LgA - ShA: naloxone - saline", FULL, y, columns), simple - other, atol=1e-10)
    cell = mean(access="LgA", drug="naloxone", cue="CS+") - mean(access="LgA", drug="naloxone", cue="CS-")
    np.testing.assert_allclose(estimate("LgA: naloxone: CS+ - CS-", FULL, y, columns), cell, atol=1e-10)


@pytest.mark.parametrize("rule", ["satterthwaite", "kenward-roger"])
def test_f_equals_t_squared_of_the_contrast(rule):
    y, columns = rats()
    model = mixed_model(FULL + " + breath", columns)
    fit = fit_mixed(y, model, df=rule)
    for text, name in (("naloxone - saline", "drug"), ("LgA - ShA: CS+ - CS-", "access:cue"), ("breath", "breath")):
        (test,) = hypothesis_tests(fit, [fixed_contrast(text, model.design)])
        assert test.t is not None
        np.testing.assert_allclose(test.t**2, fit.term(name).f, rtol=1e-8)
        np.testing.assert_allclose(test.df2, fit.term(name).df2, rtol=1e-8)
        np.testing.assert_allclose(test.p, fit.term(name).p, rtol=1e-8)


def test_a_slope_in_one_group_is_that_of_the_interaction_model():
    y, columns = rats(n_responses=2)
    formula = "access*breath + drug + (1|rat)"
    short, long = (estimate(f"{group}: breath", formula, y, columns) for group in ("ShA", "LgA"))
    np.testing.assert_allclose(estimate("LgA - ShA: breath", formula, y, columns), long - short, atol=1e-10)
    np.testing.assert_allclose(estimate("breath", formula, y, columns), (short + long) / 2, atol=1e-10)


def test_a_contrast_the_model_has_no_term_for_is_refused():
    _, columns = rats()
    model = mixed_model("access + drug + (1|rat)", columns)
    with pytest.raises(DesignError, match="add the interaction"):
        fixed_contrast("LgA - ShA: naloxone - saline", model.design)
    with pytest.raises(DesignError, match="expected a level"):
        fixed_contrast("CS+ - CS-", model.design)


def test_the_same_text_serves_the_complete_design():
    y, columns = rats(n_responses=1)
    design = MixedDesign(
        subjects=[f"r{k}" for k in range(12)],
        between={"access": columns["access"][::4].tolist()},
        within={"drug": ("saline", "naloxone"), "cue": ("CS+", "CS-")},
    )
    cells = y.reshape(12, 4)
    ours = compare(cells, design, [strata_contrast("LgA: CS+: naloxone - saline", design)], error="contrast")
    known = {each.name: each for each in conditions_against(design, "saline:CS+")}["LgA: naloxone:CS+ - saline:CS+"]
    theirs = compare(cells, design, [known], error="contrast")
    np.testing.assert_allclose([ours.t, ours.p], [theirs.t, theirs.p])
    between = compare(cells, design, [strata_contrast("LgA - ShA: CS+: saline", design)], error="contrast")
    known = {each.name: each for each in groups_against(design, "ShA")}["saline:CS+: LgA - ShA"]
    np.testing.assert_allclose(between.t, compare(cells, design, [known], error="contrast").t)
    interaction = strata_contrast("LgA - ShA: naloxone - saline", design)
    np.testing.assert_allclose(interaction.condition, [-0.5, -0.5, 0.5, 0.5])
    np.testing.assert_allclose(interaction.group, [-1, 1])
