"""The 19 regions as a driven linear network with fewer numbers than it explains.

    z = (I − g C)⁻¹ P u          response = M tanh(z / M)

u has four inputs, on while an odor is there: the odor itself, the strength of the animal's opponent process, and what
the odor has come to predict, a fall of the drug's effect and withdrawal. C are paths between regions as tract tracing
in rats ranks them (1 to 3; `PATHS` has the sources) and g is one gain for all. P drives regions by their class, so that
regions of a class differ by their paths alone: four inputs × four classes and g are 17 numbers, fitted to the 76 cells
of Table 1 of Carmack et al. 2019 by least squares at the mean inputs of simulated animals. No response is beyond M,
whatever the dose. How well they predict cells that were left out is measured by `validation/brain_prediction.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.generators.breathing import rate_changes
from cuecircuit.generators.planted import TABLE_1

REGIONS = tuple(TABLE_1)
INPUTS = ("odor", "strength", "missing", "withdrawal")

REFERENCE_INPUTS = np.array(
    [[1.0, 1.0, 1.0, 1.0], [0.300, 0.300, 0.915, 0.915], [0.0441, 0.0978, 0.0448, 0.1176], [0.0, 0.0, 0.0003, 0.0202]]
)
"""Mean inputs (rows) of simulated animals in the cells of Table 1, by `validation/mechanism_inputs.py` (12 studies)."""

CLASSES: Mapping[str, tuple[str, ...]] = {
    "limbic": ("Amygdala nuclei", "Hippocampus", "Insula", "Ectorhinal cortex"),
    "hypothalamus and midbrain": (
        "Anterior hypothalamus",
        "Habenula",
        "Lateral hypothalamus",
        "PAG and PVG",
        "PVN/VM hypothalamus",
        "Pretectal nucleus",
        "Precommissural nucleus",
        "Reticular formation",
    ),
    "thalamus and cortex": (
        "Auditory cortex",
        "Dorsomedial thalamus",
        "Lateral geniculate",
        "S1/S2",
        "Ventrolateral thalamus",
    ),
    "motor": ("Dorsal striatum", "Peduncle"),
}

PATHS: Mapping[tuple[str, str], tuple[int, str]] = {
    ("Lateral hypothalamus", "Habenula"): (
        3,
        "9.8 % of cells (Yetnikoff et al. 2015, J Comp Neurol, 10.1002/cne.23797)",
    ),
    ("PAG and PVG", "Habenula"): (1, "dorsal PAG 3.2 % of cells (Yetnikoff et al. 2015)"),
    ("Amygdala nuclei", "Lateral hypothalamus"): (2, "Reppucci & Petrovich 2016, 10.1007/s00429-015-1081-0"),
    ("Insula", "Amygdala nuclei"): (2, "parietal insula (Shi & Cassell 1998)"),
    ("S1/S2", "Insula"): (1, "S2 to parietal insula (Shi & Cassell 1998)"),
    ("Ectorhinal cortex", "Amygdala nuclei"): (1, "perirhinal cortex and amygdala (McDonald & Jackson 1987)"),
    ("Lateral hypothalamus", "PVN/VM hypothalamus"): (1, "Hahn & Swanson 2015, PMC4445319"),
    ("Lateral hypothalamus", "PAG and PVG"): (1, "Hahn & Swanson 2015, PMC4445319"),
    ("Amygdala nuclei", "PVN/VM hypothalamus"): (1, "through the BNST (PMC2604855, PMC2707828)"),
    ("Amygdala nuclei", "PAG and PVG"): (1, "through the BNST (PMC2604855, PMC2707828)"),
    ("Amygdala nuclei", "Dorsomedial thalamus"): (1, "through the BNST (PMC2604855, PMC2707828)"),
    ("PAG and PVG", "Reticular formation"): (1, "assumed"),
}
"""From, to: rank of the projection (3 dense, 2 moderate, 1 present) and who says so."""

LARGEST = 4.0
"""M, % BOLD: assumed; Davis's model with M .06 and a flow of 1.8 comes to about as much."""

GAINS = np.linspace(0.0, 0.3, 31)
"""Gains that the fit tries: above 1/3 a path would add more than its source has."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Circuit:
    """Gain of the paths, drive of each class by each input, and breathing (per minute) by each input."""

    gain: float
    drives: Float[Array, "class input=4"]
    breathing: Float[Array, "input=4"]


def paths() -> Float[Array, "region region"]:
    """Return the ranks of the paths, to × from."""
    between = np.zeros((len(REGIONS), len(REGIONS)))
    for (source, target), (rank, _) in PATHS.items():
        between[REGIONS.index(target), REGIONS.index(source)] = rank
    return between


def classes() -> Float[Array, "region class"]:
    """Return which class each region is of, as 0 and 1."""
    return np.array([[float(region in members) for members in CLASSES.values()] for region in REGIONS])


def fit_drives(
    table: Float[Array, "region cell"], inputs: Float[Array, "input=4 cell"], kept: Bool[Array, "region cell"]
) -> tuple[float, Float[Array, "class input=4"]]:
    """Fit the gain and the drives to the cells of a table that are kept, by least squares before the bound.

    Args:
        table: % BOLD.
        inputs: of the cells.
        kept: True where a cell is fitted.
    """
    unsaturated = LARGEST * np.arctanh(np.clip(table / LARGEST, -0.99, 0.99))
    best = (np.inf, 0.0, np.zeros((len(CLASSES), len(inputs))))
    for gain in GAINS:
        spread = np.linalg.solve(np.eye(len(REGIONS)) - gain * paths(), classes())
        columns = np.einsum("rk,ic->rcki", spread, inputs).reshape(*table.shape, -1)[kept]
        drives, *_ = np.linalg.lstsq(columns, unsaturated[kept], rcond=None)
        error = float(((unsaturated[kept] - columns @ drives) ** 2).sum())
        if error < best[0]:
            best = error, float(gain), drives.reshape(len(CLASSES), len(inputs))
    return best[1], best[2]


@cache
def circuit_of(hypothesis: str) -> Circuit:
    """Return the circuit under a hypothesis: where cues change breathing alone, no input has a path into it.

    Antagonism and no effect leave the circuit whole; there it is the animals that bring no learned inputs.
    """
    table = np.array(list(TABLE_1.values()))
    gain, drives = fit_drives(table, REFERENCE_INPUTS, np.ones(table.shape, dtype=bool))
    alone = hypothesis == "respiration"
    rates = rate_changes("respiration" if alone else "withdrawal").ravel()
    breathing, *_ = np.linalg.lstsq(REFERENCE_INPUTS.T, rates, rcond=None)
    return Circuit(gain=gain, drives=np.zeros_like(drives) if alone else drives, breathing=breathing)


def settled_response(
    gain: float, drives: Float[Array, "class input=4"], inputs: Float[Array, "*cell input=4"]
) -> Float[Array, "*cell region"]:
    """Compute what the network comes to while the inputs last, the plateau of a block in % BOLD."""
    spread = np.linalg.solve(np.eye(len(REGIONS)) - gain * paths(), classes())
    return LARGEST * np.tanh(inputs @ (spread @ drives).T / LARGEST)
