"""What plans of exchanges are made of: each subject's part of the design, at any number of subjects and responses."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from cuecircuit.stats import mixed_exchange
from cuecircuit.stats.mixed_exchange import leaning_scores, plan_scores, subject_forms
from cuecircuit.stats.mixed_likelihood import covariance_weights, full_forms
from cuecircuit.stats.mixed_model import MixedModel, mixed_model, starting_point
from cuecircuit.stats.mixed_sums import design_forms


def model_of(n: int, formula: str) -> MixedModel:
    """Two groups of subjects in four cells of two factors, with a covariate."""
    cells = np.arange(4 * n)
    columns = {
        "subject": (cells // 4).astype(str),
        "group": np.where(cells // 4 % 2, "a", "b"),
        "cue": np.where(cells % 2, "s", "t"),
        "block": np.where(cells // 2 % 2, "1", "2"),
        "x": np.random.default_rng(n).standard_normal(4 * n),
    }
    return mixed_model(formula, columns)


FORMULAS = ["group*cue + x + (1|subject)", "group*cue*block + (1|subject) + (1|subject:cue)", "x + (1 + x|subject)"]


@pytest.mark.parametrize("formula", FORMULAS)
def test_forms_of_a_subject_are_those_of_the_design_without_the_others(formula):
    model = model_of(5, formula)
    rotation = model.blocks.rotation
    owner = model.design.subjects[rotation.indices[rotation.indptr[:-1]]]
    found = subject_forms(model)
    for subject, own in enumerate(found):
        alone = np.where(owner[:, None] == subject, model.blocks.x, 0.0)
        np.testing.assert_allclose(own, design_forms(replace(model.blocks, x=alone)), atol=1e-14)
    np.testing.assert_allclose(found.sum(axis=0), model.forms, atol=1e-13)


@pytest.mark.parametrize(("formula", "name"), [(FORMULAS[0], "cue"), (FORMULAS[1], "cue:block"), (FORMULAS[2], "x")])
def test_scores_lean_as_the_formula_says_however_many_responses_are_worked_on_at_a_time(formula, name, monkeypatch):
    model, v = model_of(6, formula), 7
    (rows,) = (each.rows @ model.to_coded for each in model.hypotheses if each.name == name)
    psi = np.outer(np.linspace(0.2, 2.0, v), starting_point(model.columns))
    weights, forms = covariance_weights(psi, model.blocks).w, subject_forms(model)
    form = full_forms(weights @ model.forms)
    k = np.linalg.solve(form, np.broadcast_to(rows.T, (v, *rows.T.shape)))
    monkeypatch.setattr(mixed_exchange, "_LITTLE", -1.0)  # every direction, also those that matter little
    found = leaning_scores(rows, forms, weights, k)
    monkeypatch.setattr(mixed_exchange, "NUMBERS", 1)
    np.testing.assert_allclose(leaning_scores(rows, forms, weights, k), found, atol=1e-12)

    free = np.linalg.svd(rows)[2][1:].T
    for response in range(v):
        own = full_forms(weights[response] @ forms)
        left = np.linalg.cholesky(np.linalg.inv(free.T @ form[response] @ free)).T @ free.T
        spread = (k[response].T @ form[response] @ k[response]).item()
        m = (left @ own @ k[response] / np.sqrt(spread))[..., 0]
        # the turn of the directions is free
        np.testing.assert_allclose(found[:, :, response] @ found[:, :, response].T, m @ m.T, atol=1e-12)


def test_a_plan_for_thousands_of_subjects_takes_room_for_each_row_not_for_each_pair_of_rows():
    model = model_of(3000, "group*cue + (1|subject)")
    (cue,) = (each for each in model.hypotheses if each.name == "cue")
    tracemalloc.start()
    try:
        plan = plan_scores(model, cue, n_permutations=10)
        _, largest = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert plan.kind == "sign flips"
    assert largest < 100e6  # 12 000 pairs of 12 000 rows would be 1.2 GB
