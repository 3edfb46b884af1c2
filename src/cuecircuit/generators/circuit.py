"""The 19 regions as a small driven linear network: what a cue means to an animal becomes what its regions do.

    τ dx/dt = −x + C x + B u(t)          BOLD = HRF ⊗ x

u has four inputs, on while an odor is there: the odor itself, conditioned missing of the drug's effect, dependence, and
conditioned withdrawal. C are paths between regions; their sources and targets are known anatomy in outline, their sizes
assumed. B are the paths from the inputs. Table 1 of Carmack et al. 2019 has four cells and gives four paths to each
region: with inputs at the means of `REFERENCE_INPUTS`, the settled network answers each cell as the table prints it.
The table does not say which mechanism made it; that the inputs are these four is assumed.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from cuecircuit.arrays import Array, Float
from cuecircuit.generators.breathing import rate_changes
from cuecircuit.generators.planted import TABLE_1

REGIONS = tuple(TABLE_1)
INPUTS = ("odor", "missing", "dependence", "withdrawal")

# columns: ShA saline, ShA naloxone, LgA saline, LgA naloxone
REFERENCE_INPUTS = np.array(
    [
        [1.0, 1.0, 1.0, 1.0],
        [-0.006, 0.062, -0.006, 0.049],
        [0.005, 0.005, 0.655, 0.655],
        [0.0, 0.001, -0.005, 0.037],
    ]
)
"""Mean inputs of the reference animals, by `validation/mechanism_inputs.py`; they only set the scale of the paths."""

PATHS: dict[tuple[str, str], float] = {
    ("Amygdala nuclei", "PVN/VM hypothalamus"): 0.2,
    ("Amygdala nuclei", "Lateral hypothalamus"): 0.15,
    ("Amygdala nuclei", "PAG and PVG"): 0.15,
    ("Insula", "Amygdala nuclei"): 0.1,
    ("Ectorhinal cortex", "Amygdala nuclei"): 0.1,
    ("Ectorhinal cortex", "Hippocampus"): 0.1,
    ("Lateral hypothalamus", "Habenula"): 0.1,
    ("Dorsomedial thalamus", "Insula"): 0.1,
    ("Ventrolateral thalamus", "S1/S2"): 0.15,
    ("Pretectal nucleus", "Lateral geniculate"): 0.1,
    ("PAG and PVG", "Reticular formation"): 0.15,
    ("S1/S2", "Dorsal striatum"): 0.1,
}
"""From, to: size of the path; assumed."""

TAU_S = 1.0
"""Time constant of a region, assumed: a network this quick settles within a volume or two."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Circuit:
    """Paths between regions and from the inputs to them, and to breathing (per minute)."""

    between: Float[Array, "region region"]
    into: Float[Array, "region input=4"]
    breathing: Float[Array, "input=4"]


@cache
def circuit_of(hypothesis: str) -> Circuit:
    """Give the circuit under a hypothesis: where cues change breathing alone, no input has a path into it.

    Antagonism and no effect leave the circuit whole; there it is the animals that bring no learned inputs.
    """
    between = np.zeros((len(REGIONS), len(REGIONS)))
    for (source, target), size in PATHS.items():
        between[REGIONS.index(target), REGIONS.index(source)] = size
    alone = hypothesis == "respiration"
    settled = np.array(list(TABLE_1.values())) @ np.linalg.inv(REFERENCE_INPUTS)
    into = (np.eye(len(REGIONS)) - between) @ settled
    breathing = rate_changes("respiration" if alone else "withdrawal").ravel() @ np.linalg.inv(REFERENCE_INPUTS)
    return Circuit(between=between, into=np.zeros_like(into) if alone else into, breathing=breathing)


def settled_response(circuit: Circuit, inputs: Float[Array, "*cell input=4"]) -> Float[Array, "*cell region"]:
    """Give what the network comes to while the inputs last: (I − C)⁻¹ B u, the plateau of a block, % BOLD."""
    gain = np.linalg.solve(np.eye(len(circuit.between)) - circuit.between, circuit.into)
    return inputs @ gain.T
