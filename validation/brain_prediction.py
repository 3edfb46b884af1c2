"""Does the circuit predict cells of Table 1 that it was not fitted to? R² of cells left out, against permuted tables.

    python validation/brain_prediction.py [PERMUTATIONS]

Three ways to leave out: one cell at a time, one region at a time (its class and paths must tell), one condition at a
time. The baseline of R² is the mean of the cells that were fitted in the same condition (or, where a condition is left
out, in all). The null: regions of the table exchanged, so that classes and paths are those of other regions. The
rival: one course over conditions times a gain of each region (19 + 4 numbers), which says nothing of a region that was
never seen.
"""

import sys

import numpy as np

from cuecircuit.generators.circuit import LARGEST, REFERENCE_INPUTS, REGIONS, fit_drives, settled_response
from cuecircuit.generators.planted import TABLE_1

TABLE = np.array(list(TABLE_1.values()))


def left_out(table: np.ndarray, way: str) -> list[np.ndarray]:
    """Masks of what is left out, one fit each."""
    regions, cells = np.indices(table.shape)
    match way:
        case "cell":
            return [(regions == r) & (cells == c) for r in range(table.shape[0]) for c in range(table.shape[1])]
        case "region":
            return [regions == r for r in range(table.shape[0])]
        case _:
            return [cells == c for c in range(table.shape[1])]


def circuit(table: np.ndarray, kept: np.ndarray) -> np.ndarray:
    gain, drives = fit_drives(table, REFERENCE_INPUTS, kept)
    return settled_response(gain, drives, REFERENCE_INPUTS.T).T


def one_course(table: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Alternating least squares of gain × course."""
    gain, course = np.ones(len(table)), np.zeros(table.shape[1])
    for _ in range(200):
        weight = kept * gain[:, None]
        course = (weight * table).sum(0) / np.maximum((weight * gain[:, None]).sum(0), 1e-12)
        weight = kept * course
        gain = (weight * table).sum(1) / np.maximum((weight * course).sum(1), 1e-12)
    return gain[:, None] * course


def means(table: np.ndarray, kept: np.ndarray) -> np.ndarray:
    counts = kept.sum(0)
    whole = table[kept].mean()
    return np.broadcast_to(np.where(counts, (table * kept).sum(0) / np.maximum(counts, 1), whole), table.shape)


def r_squared(table: np.ndarray, way: str, predict=circuit) -> float:
    predicted, base = np.empty_like(table), np.empty_like(table)
    for out in left_out(table, way):
        predicted[out], base[out] = predict(table, ~out)[out], means(table, ~out)[out]
    return float(1 - ((table - predicted) ** 2).sum() / ((table - base) ** 2).sum())


def main(permutations: int) -> None:
    every = np.ones(TABLE.shape, dtype=bool)
    fitted = circuit(TABLE, every)
    print(f"{len(REGIONS)} regions, 17 numbers, responses below {LARGEST:g} %")
    signs = np.sign(fitted) == np.sign(TABLE)
    residual, about = ((TABLE - fitted) ** 2).sum(), ((TABLE - means(TABLE, every)) ** 2).sum()
    print(f"fitted: R² about the means of the conditions {1 - residual / about:.2f}")
    print(f"signs of the cells beyond .5 %: {signs[np.abs(TABLE) >= 0.5].mean():.2f}")
    rng = np.random.default_rng(0)
    for way in ("cell", "region", "condition"):
        own = r_squared(TABLE, way)
        null = np.array([r_squared(TABLE[rng.permutation(len(TABLE))], way) for _ in range(permutations)])
        rival = f"; one course × gain {r_squared(TABLE, way, one_course):.2f}" if way == "cell" else ""
        p = (1 + (null >= own - 1e-9).sum()) / (1 + len(null))
        print(f"{way:10} left out: R² {own:.2f}; permuted regions {np.median(null):.2f} (p {p:.3f}){rival}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 199)
