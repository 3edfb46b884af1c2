import numpy as np
import pytest

from cuecircuit.errors import DesignError
from cuecircuit.stats.mixed_blocks import mixed_blocks
from cuecircuit.stats.mixed_design import mixed_columns
from cuecircuit.stats.mixed_model import mixed_model


def table(n_subjects: int = 8, *, drop: tuple[int, ...] = (), seed: int = 0) -> dict[str, list]:
    """Two groups, two cues × three doses, a covariate per row."""
    rows = [
        (f"s{s}", "ab"[s % 2], cue, dose) for s in range(n_subjects) for cue in ("x", "y") for dose in ("0", "1", "9")
    ]
    kept = [row for place, row in enumerate(rows) if place not in drop]
    breath = np.random.default_rng(seed).normal(15, 2, len(kept)).round(3)
    columns = {name: [row[k] for row in kept] for k, name in enumerate(("subject", "group", "cue", "dose"))}
    return {**columns, "breath": breath.tolist(), "day": [int(dose) for dose in columns["dose"]]}


def test_factors_are_coded_sum_to_zero_in_order_of_first_appearance():
    design = mixed_columns("group*dose + (1|subject)", table())
    assert design.labels[:4] == ("(Intercept)", "group[a]", "dose[0]", "dose[1]")
    np.testing.assert_array_equal(design.x[:3, 2:4], [[1, 0], [0, 1], [-1, -1]])
    np.testing.assert_allclose(design.x[:, 1:].sum(axis=0), 0)


def test_a_factor_whose_margin_is_absent_is_coded_by_indicators_as_in_r():
    design = mixed_columns("cue + group:cue + (1|subject)", table())
    assert design.labels == ("(Intercept)", "cue[x]", "group[a]:cue[x]", "group[a]:cue[y]")


def test_numbers_are_covariates_unless_called_factors():
    assert "day" in mixed_columns("day + (1|subject)", table()).covariates
    assert mixed_columns("day + (1|subject)", table(), factors=["day"]).labels[1:] == ("day[0]", "day[1]")


def test_centering_takes_off_the_mean_over_the_rows():
    columns = table()
    design = mixed_columns("center(breath) + (1|subject)", columns)
    assert abs(design.x[:, 1].mean()) < 1e-12
    assert design.centers["breath"] == pytest.approx(np.mean(columns["breath"]))


@pytest.mark.parametrize("formula", ["cue + (1|subject)", "cue + (1|subject) + (1|subject:cue) + (1|subject:dose)"])
def test_complete_cells_of_factor_terms_give_error_strata(formula):
    design = mixed_columns(formula, table())
    blocks = mixed_blocks(design, design.x)
    assert set(blocks.sizes) == {1}
    rotation = blocks.rotation.toarray()
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(48), atol=1e-12)
    # the strata are those of the cells: subject, subject:cue, subject:dose; the rest is in no block
    assert sorted(blocks.counts) == ([8] if "cue)" not in formula else [8, 8, 16])


@pytest.mark.parametrize("formula", ["cue + (1 + breath|subject)", "(1|subject) + (1|subject:cue) + (1|subject:dose)"])
def test_blocks_are_the_covariance_of_the_rotated_observations(formula):
    design = mixed_columns(formula, table(drop=(3, 17, 18)))
    blocks = mixed_blocks(design, design.x)
    # the covariance as lme4 writes it, Z Ψ Z', with any Ψ
    rng = np.random.default_rng(1)
    dense, psi = np.eye(45), []
    for term, scale in zip(design.random, blocks.scale, strict=True):
        factor = np.tril(rng.normal(size=(len(scale), len(scale))))
        covariance = factor @ factor.T
        psi += [covariance[a, b] for b in range(len(scale)) for a in range(b, len(scale))]
        for level in np.unique(term.levels):
            z = (term.z / scale) * (term.levels == level)[:, None]
            dense += z @ covariance @ z.T
    rotated = blocks.rotation @ (blocks.rotation @ dense).T
    expected, at = np.eye(45), 0
    for r, count, start in zip(blocks.sizes, blocks.counts, blocks.starts, strict=True):
        inner = blocks.generators[start : start + r * r].reshape(r, r, -1) @ np.array(psi)
        own = slice(at, at + r * count)
        expected[own, own] += np.kron(inner, np.eye(count))
        at += r * count
    np.testing.assert_allclose(rotated, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("formula", "change", "found"),
    [
        ("group + sex + (1|subject)", {}, "no column 'sex'"),
        ("group + breath + (1|subject)", {"breath": [np.nan] + [1.0] * 47}, "row 1"),
        ("breath + (1|subject)", {"breath": [3.0] * 48}, "everywhere"),
        ("group + (1|subject)", {"group": ["a"] * 48}, "only the level 'a'"),
        ("group + center(group) + (1|subject)", {}, "is a factor"),
        ("breath + center(breath) + (1|subject)", {}, "both centered and not"),
        (
            "group + (1 + breath|subject) + (1|cue)",
            {},
            r"\(1 \+ breath \| subject\) has slopes, and its groupings are crossed",
        ),
        ("cue + (cue||subject)", {}, "'\\|\\|' is for covariates"),
        ("group + (1|subject)", {"group": ["a", "b"]}, "lengths"),
        ("group + (1|subject)", {"group": ["a", None] + ["b"] * 46}, r"'group': found no label in 1 rows \(row 2\)"),
        ("cue + (1|subject)", {"subject": ["s1"] * 48}, "one level of subject"),
    ],
)
def test_what_the_columns_lack_is_said(formula, change, found):
    with pytest.raises(DesignError, match=found):
        mixed_columns(formula, {**table(), **change})


def test_an_aliased_factor_is_named():
    columns = table()
    columns["sex"] = ["f" if label == "a" else "m" for label in columns["group"]]
    with pytest.raises(DesignError, match=r"sex\[f\] of term sex is aliased"):
        mixed_columns("group + sex + (1|subject)", columns)


def test_a_covariate_that_is_a_group_in_disguise_is_named():
    columns = table()
    columns["dose_mg"] = [1.5 if label == "a" else 3.0 for label in columns["group"]]
    with pytest.raises(DesignError, match="dose_mg of term dose_mg is aliased"):
        mixed_columns("group + dose_mg + (1|subject)", columns)


def test_a_random_term_with_one_observation_per_level_is_the_residual():
    with pytest.raises(DesignError, match="cannot be told"):
        mixed_model("cue*dose + (1|subject) + (1|subject:cue:dose)", table())


def test_one_subject_per_group_leaves_nothing_to_estimate_the_subjects_variance_from():
    columns = table(2)
    with pytest.raises(DesignError, match=r"\(1 \| subject\): cannot be told from the residual or the fixed part"):
        mixed_model("group*cue + (1|subject)", columns)


def test_random_terms_that_say_the_same_are_named_together():
    columns = table()
    columns["again"] = [f"again {name}" for name in columns["subject"]]
    with pytest.raises(DesignError, match=r"\(1 \| subject\), \(1 \| again\): cannot be told apart"):
        mixed_model("cue + (1|subject) + (1|again)", columns)
