"""The compiled loops against array products, dense algebra and R's tables beside validation/mixed."""

import numpy as np
import pytest

from cuecircuit.stats.mixed_criterion_kernel import spd_inverse
from cuecircuit.stats.mixed_df import (
    fixed_covariance,
    kenward_roger_covariance,
    parameter_covariance,
    relative_factor,
)
from cuecircuit.stats.mixed_kernel import CONVERGED, fit_responses
from cuecircuit.stats.mixed_likelihood import likelihood
from cuecircuit.stats.mixed_model import NestedModel, mixed_model, starting_point
from cuecircuit.stats.mixed_sums import response_sums, scaled_residuals

FORMULAS = [
    "group*cue + breath + (1|subject) + (1|subject:cue)",
    "cue + breath + (1 + breath|subject)",
    "group + cue + (0 + cue|subject)",
]


def case(formula: str, *, n_responses: int = 6, drop: int = 5, seed: int = 0) -> tuple[np.ndarray, NestedModel]:
    """Twelve subjects, two groups, two cues twice; some rows missing; effects of subjects and of cues in subjects."""
    rng = np.random.default_rng(seed)
    subject, cue = np.repeat(np.arange(12), 4), np.tile([0, 0, 1, 1], 12)
    y = rng.normal(size=(48, n_responses)) + rng.normal(size=(12, n_responses))[subject]
    y += 0.7 * rng.normal(size=(24, n_responses))[2 * subject + cue]
    breath = rng.normal(15, 2, 48)
    kept = np.sort(rng.permutation(48)[: 48 - drop])
    columns = {
        "subject": [f"s{k}" for k in subject[kept]],
        "group": ["ab"[k % 2] for k in subject[kept]],
        "cue": ["xy"[k] for k in cue[kept]],
        "breath": breath[kept],
    }
    model = mixed_model(formula, columns)
    assert isinstance(model, NestedModel)
    return y[kept], model


def dense_covariance(model: NestedModel, psi: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """W = I + Σ ψ_m G_m of one response, and the G_m."""
    parts = []
    for term, scale in zip(model.design.random, model.blocks.scale, strict=True):
        z, same = term.z / scale, term.levels[:, None] == term.levels
        for b in range(len(scale)):
            for a in range(b, len(scale)):
                outer = np.outer(z[:, a], z[:, b])
                parts.append(same * (outer if a == b else outer + outer.T))
    return np.eye(len(z)) + sum(value * part for value, part in zip(psi, parts, strict=True)), parts


def dense_criterion(y: np.ndarray, model: NestedModel, psi: np.ndarray) -> float:
    w, x = dense_covariance(model, psi)[0], model.basis
    solved = np.linalg.solve(w, x)
    beta = np.linalg.solve(x.T @ solved, solved.T @ y)
    left, n_left = y - x @ beta, model.n_left
    r2 = left @ np.linalg.solve(w, left)
    log_det = np.linalg.slogdet(w)[1] + np.linalg.slogdet(x.T @ solved)[1]
    return float(log_det + n_left * (np.log(2 * np.pi * r2 / n_left) + 1))


def random_psi(model: NestedModel, n: int, seed: int = 1) -> np.ndarray:
    rng, found = np.random.default_rng(seed), []
    for k in model.blocks.columns:
        factor = np.tril(rng.normal(size=(n, k, k)))
        covariance = factor @ np.swapaxes(factor, 1, 2)
        found += [covariance[:, a, b] for b in range(k) for a in range(b, k)]
    return np.stack(found, axis=1)


def fitted(y: np.ndarray, model: NestedModel):
    scaled = scaled_residuals(y, model.basis)
    sums = response_sums(scaled, model.blocks)
    n, m, p = y.shape[1], model.blocks.generators.shape[1], model.basis.shape[1]
    phi, psi, beta = np.empty((n, m)), np.empty((n, m)), np.empty((n, p))
    sigma2, minimum, status = np.empty(n), np.empty(n), np.empty(n, np.int64)
    start = starting_point(model.columns)
    out = (phi, psi, beta, sigma2, minimum, status)
    fit_responses(
        start, model.blocks.columns, model.blocks.kernel, model.forms[None], sums.c, sums.s, model.n_left, *out
    )
    return sums, psi, beta, sigma2, minimum, status


@pytest.mark.parametrize("formula", FORMULAS)
def test_array_products_give_the_criterion_of_dense_algebra(formula):
    y, model = case(formula)
    psi = random_psi(model, y.shape[1])
    scaled = scaled_residuals(y, model.basis)
    sums = response_sums(scaled, model.blocks)
    found = likelihood(psi, model.blocks, model.forms, sums.c, sums.s)
    expected = [dense_criterion(y[:, v] / scaled.size[v], model, psi[v]) for v in range(y.shape[1])]
    np.testing.assert_allclose(found.criterion, expected, rtol=1e-11)


@pytest.mark.parametrize("formula", FORMULAS)
def test_derivatives_are_those_of_differences(formula):
    y, model = case(formula, n_responses=3)
    psi, step = random_psi(model, 3) + 0.5 * starting_point(model.columns), 1e-5
    sums = response_sums(scaled_residuals(y, model.basis), model.blocks)

    def at(values):
        return likelihood(values, model.blocks, model.forms, sums.c, sums.s)

    here = at(psi)
    for m in range(psi.shape[1]):
        shift = step * np.eye(psi.shape[1])[m]
        up, down = at(psi + shift), at(psi - shift)
        # central differences: error of order step², rounding of order 1e-13 / step
        np.testing.assert_allclose(
            here.gradient[:, m], (up.criterion - down.criterion) / (2 * step), rtol=1e-5, atol=1e-6
        )
        np.testing.assert_allclose(here.hessian[:, m], (up.gradient - down.gradient) / (2 * step), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("formula", FORMULAS)
def test_expected_information_is_the_mean_of_the_observed_over_responses(formula):
    y, model = case(formula)
    psi = random_psi(model, 1)
    root = np.linalg.cholesky(dense_covariance(model, psi[0])[0])
    n = 40_000
    y = root @ np.random.default_rng(2).normal(size=(len(y), n))
    sums = response_sums(scaled_residuals(y, model.basis), model.blocks)
    found = likelihood(np.repeat(psi, n, axis=0), model.blocks, model.forms, sums.c, sums.s)
    spread = found.hessian.std(axis=0) / np.sqrt(n)
    # with σ² profiled out the mean is smaller by n/(n + 2), from E[r⁴] = n(n + 2) σ⁴; within 5 standard errors
    expected = model.n_left / (model.n_left + 2) * found.expected[0]
    assert np.all(np.abs(found.hessian.mean(axis=0) - expected) < 5 * spread)


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_loops_stop_where_the_array_products_are_stationary(formula):
    y, model = case(formula, n_responses=200)
    sums, psi, beta, sigma2, minimum, status = fitted(y, model)
    assert (status == CONVERGED).all()
    at = likelihood(psi, model.blocks, model.forms, sums.c, sums.s)
    np.testing.assert_allclose(minimum, at.criterion, rtol=1e-12)
    np.testing.assert_allclose(sigma2, at.sigma2, rtol=1e-10)
    np.testing.assert_allclose(beta, at.beta, atol=1e-10)
    start = 0
    for k in model.blocks.columns:
        lower = [(a, b) for b in range(k) for a in range(b, k)]
        slope, covariance = np.zeros((len(psi), k, k)), np.zeros((len(psi), k, k))
        for place, (a, b) in enumerate(lower, start):
            slope[:, a, b] = slope[:, b, a] = at.gradient[:, place] / (1 if a == b else 2)
            covariance[:, a, b] = covariance[:, b, a] = psi[:, place]
        # minimum over covariances without negative eigenvalues: nowhere down, and level where there is variance
        assert np.linalg.eigvalsh(slope).min() > -1e-6
        assert np.abs(np.einsum("vab,vba->v", slope, covariance)).max() < 1e-6
        start += len(lower)


def test_no_start_finds_a_lower_minimum():
    y, model = case(FORMULAS[0], n_responses=60, seed=3)
    sums, psi, _, _, minimum, _ = fitted(y, model)
    assert (psi == 0).any(), "some fits are at the boundary, so that is tested too"
    grid = np.array(
        [(a, b) for a in np.r_[0, np.geomspace(1e-3, 30, 25)] for b in np.r_[0, np.geomspace(1e-3, 30, 25)]]
    )
    for v in range(60):
        c, s = np.repeat(sums.c[v : v + 1], len(grid), axis=0), np.repeat(sums.s[v : v + 1], len(grid), axis=0)
        tried = likelihood(grid, model.blocks, model.forms, c, s).criterion
        assert minimum[v] < tried.min() + 1e-9


def test_parameter_covariance_is_that_of_a_numerical_hessian_in_lmertests_coordinates():
    y, model = case(FORMULAS[0], n_responses=1, seed=5)
    sums, psi, _, sigma2, _, _ = fitted(y, model)
    assert (psi > 0).all(), "interior"
    theta = relative_factor(psi, model.blocks.columns)[0]
    scaled, x = y[:, 0] / scaled_residuals(y, model.basis).size[0], model.basis

    def deviance(point: np.ndarray) -> float:
        w = dense_covariance(model, point[:-1] ** 2)[0]
        solved = np.linalg.solve(w, x)
        left = scaled - x @ np.linalg.solve(x.T @ solved, solved.T @ scaled)
        log_det = np.linalg.slogdet(w)[1] + np.linalg.slogdet(x.T @ solved)[1]
        return log_det + 2 * model.n_left * point[-1] + left @ np.linalg.solve(w, left) / np.exp(2 * point[-1])

    point, step = np.r_[theta, np.log(sigma2[0]) / 2], 1e-4
    n = len(point)
    hessian = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            a, b = step * np.eye(n)[i], step * np.eye(n)[j]
            parts = (
                deviance(point + a + b) - deviance(point + a - b) - deviance(point - a + b) + deviance(point - a - b)
            )
            hessian[i, j] = parts / (4 * step**2)
    jacobian = np.diag(np.r_[2 * theta, 1.0])
    expected = jacobian @ (2 * np.linalg.inv(hessian)) @ jacobian
    at = likelihood(psi, model.blocks, model.forms, sums.c, sums.s)
    found = parameter_covariance(theta[None], model.blocks.columns, at.gradient, at.curvature)[0]
    # second differences at 1e-4 carry six digits
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_adjusted_covariance_is_that_of_kenward_and_rogers_matrices(formula):
    _, model = case(formula)
    psi = random_psi(model, 1)
    w, parts = dense_covariance(model, psi[0])
    x, inverse, parts = model.basis, np.linalg.inv(w), [*parts, np.eye(len(w))]
    phi = np.linalg.inv(x.T @ inverse @ x)
    p = [-x.T @ inverse @ g @ inverse @ x for g in parts]
    q = [[x.T @ inverse @ g @ inverse @ h @ inverse @ x for h in parts] for g in parts]
    n = len(parts)
    information = np.array(
        [
            [
                np.trace(inverse @ parts[i] @ inverse @ parts[j])
                - 2 * np.trace(phi @ q[i][j])
                + np.trace(phi @ p[i] @ phi @ p[j])
                for j in range(n)
            ]
            for i in range(n)
        ]
    )
    weight = 2 * np.linalg.inv(information)
    middle = sum(weight[i, j] * (q[i][j] - p[i] @ phi @ p[j]) for i in range(n) for j in range(n))
    found = kenward_roger_covariance(fixed_covariance(psi, model.blocks, model.forms), psi, model.n_left)
    np.testing.assert_allclose(found.adjusted[0], phi + 2 * phi @ middle @ phi, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found.parameters[0], weight, rtol=1e-7, atol=1e-10)


def test_a_loop_of_several_callers_does_not_take_its_arithmetic_from_the_first_of_them():
    # numba hands fastmath down to a callee that says nothing, and keeps what it compiled on disk
    assert spd_inverse.targetoptions["fastmath"]
