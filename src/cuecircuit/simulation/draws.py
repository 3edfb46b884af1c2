"""Responses of rows from their expected values.

Numbers: y = μ + B u + W e. Counts: N = μ exp(σ u − σ²/2) g, rounded up or down at random so that the mean stays;
σ² = ln(1 + (B/m)²), g gamma with mean 1 and SD W/m. μ is the expected value of the row, m the base mean, B and W the
SDs between and within subjects of the base, u of the unit (a subject; in maps a region of a subject), e of the row.

A slope on a number x makes the correlation of y and x within groups equal r: u becomes Σ ρ z + √(1 − Σ ρ²) u, z being x
standardized within groups, and the SDs stay. Since cov(y, z) is B ρ for numbers and m σ ρ for counts (Stein's lemma
for a normal z), ρ = r S / B and ρ = r S / (m σ), with S the SD of y: √(B² + W²), for counts √(B² + W² + (B W / m)²).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.study.questions import Base


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slope:
    """A correlation within groups: rows that have it, and the standardized number of each row's subject."""

    rows: Bool[Array, "row"]
    z: Float[Array, "row"]
    r: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ends:
    """The two regions of every row's edge, its subject and its cell, as numbers."""

    regions: Int[Array, "2 row"]
    subject: Int[Array, "row"]
    cell: Int[Array, "row"]


def draw_response(
    expected: Float[Array, "row"],
    unit: Int[Array, "row"],
    base: Base,
    rng: np.random.Generator,
    *,
    slopes: Sequence[Slope] = (),
    ends: Ends | None = None,
) -> Float[Array, "row"]:
    """Draw the response of every row.

    Args:
        expected: mean of each row.
        unit: number of the unit that each row belongs to, from 0.
        base: SDs, and whether the response is a count.
        rng: source of the draws.
        slopes: correlations that are planted.
        ends: of edges, which correlate by `base.shared_r` where they share one.
    """
    unit_noise = rng.standard_normal(int(unit.max(initial=-1)) + 1)[unit]
    if ends is not None:
        unit_noise = _sharing(unit_noise, ends.subject, ends, base.shared_r, rng)
    unit_noise = _leaning(unit_noise, slopes, share_between(base))
    if not base.counts:
        noise = rng.standard_normal(len(expected))
        if ends is not None:
            noise = _sharing(noise, ends.cell, ends, base.shared_r, rng)
        return expected + base.between_sd * unit_noise + base.within_sd * noise
    sigma = _log_sd(base)
    latent = expected * np.exp(sigma * unit_noise - sigma**2 / 2)
    if base.within_sd:
        shape = (base.mean / base.within_sd) ** 2
        latent = latent * rng.gamma(shape, 1 / shape, len(expected))
    return np.floor(latent) + (rng.random(len(expected)) < latent % 1)


def _sharing(
    noise: Float[Array, "row"], group: Int[Array, "row"], ends: Ends, r: float, rng: np.random.Generator
) -> Float[Array, "row"]:
    """Return noise of SD 1, √(1 − 2r) e + √r (v + w): rows of a group that share a region correlate by r."""
    parts = rng.standard_normal((int(group.max(initial=-1)) + 1, int(ends.regions.max(initial=-1)) + 1))
    return np.sqrt(1 - 2 * r) * noise + np.sqrt(r) * (parts[group, ends.regions[0]] + parts[group, ends.regions[1]])


def share_between(base: Base) -> float:
    """Return the largest correlation that a slope on the part between subjects can make."""
    between, within, mean = base.between_sd, base.within_sd, base.mean
    if not base.counts:
        return between / float(np.hypot(between, within)) if between else 0.0
    total = float(np.sqrt(between**2 + within**2 + (between * within / mean) ** 2))
    return mean * _log_sd(base) / total if between else 0.0


def _log_sd(base: Base) -> float:
    return float(np.sqrt(np.log1p((base.between_sd / base.mean) ** 2)))


def _leaning(own: Float[Array, "row"], slopes: Sequence[Slope], share: float) -> Float[Array, "row"]:
    lean, taken = np.zeros_like(own), np.zeros_like(own)
    for slope in slopes:
        rho = slope.rows * slope.r / share
        lean += rho * slope.z
        taken += rho**2
    return lean + np.sqrt(1 - taken) * own
