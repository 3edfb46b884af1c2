"""What is planted: Table 1, the spread between rats, the slopes on behavior, and what each hypothesis leaves out.

Response of rat s in region r to cue c, % BOLD at the plateau of a block:

    a[s, r, c] = table[r, group(s), c] + σ_c (λ_r z[s] + √(1 − λ_r²) e[s, r]) + σ_s e'[s, r, c]

z is the rat's mean infusions in the naloxone pairings, standardized within its group; λ_r is 0 but in the two regions
whose correlation with behavior the article reports. Table 1: Carmack et al. 2019 (J Clin Invest 129:2480); it prints no
spread, so that σ_c, σ_s and λ are assumed.
"""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.errors import StudyError

HYPOTHESES = {
    "withdrawal": "allostasis and conditioned withdrawal: long access escalates, the naloxone cue engages the brain",
    "antagonism": "naloxone raises intake in both groups alike because it blocks the receptor; no cue response",
    "respiration": "cues change breathing alone, and breathing changes the signal of the whole brain",
    "null": "no effect of group, treatment or cue on anything",
}

TABLE_1: dict[str, tuple[float, float, float, float]] = {
    "Amygdala nuclei": (1.3, -1.1, 0.1, 0.9),
    "Anterior hypothalamus": (-0.4, -1.5, 0.7, 2.0),
    "Auditory cortex": (0.1, -1.0, -0.5, 0.3),
    "Dorsomedial thalamus": (0.5, -0.6, -0.1, 0.4),
    "Dorsal striatum": (-0.1, -1.1, -1.1, 0.6),
    "Ectorhinal cortex": (0.5, -1.1, -1.0, 0.2),
    "Habenula": (-0.6, -0.6, 1.0, 0.1),
    "Hippocampus": (-0.3, -0.7, -0.4, 0.0),
    "Insula": (0.1, -1.0, -0.5, 0.1),
    "Lateral hypothalamus": (1.3, -1.1, -0.3, 0.4),
    "Lateral geniculate": (0.3, -0.7, -1.4, 0.2),
    "PAG and PVG": (-0.2, -1.4, -0.5, 0.5),
    "Peduncle": (-0.4, -3.5, -1.9, 0.5),
    "Precommissural nucleus": (0.6, -0.4, -0.1, 0.5),
    "Pretectal nucleus": (-0.1, -1.1, -0.8, 0.6),
    "PVN/VM hypothalamus": (1.7, -1.1, 0.1, 1.1),
    "Reticular formation": (0.2, -1.4, -1.0, 0.2),
    "S1/S2": (0.1, -0.6, -0.1, 0.6),
    "Ventrolateral thalamus": (0.5, -1.2, -0.8, 0.3),
}
"""Mean % BOLD change: ShA saline, ShA naloxone, LgA saline, LgA naloxone."""

SLOPE_REGIONS = ("PVN/VM hypothalamus", "Amygdala nuclei")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """SD between rats, % BOLD: `common` to both cues, `specific` to each; `slope_r` the planted correlation.

    `slope_r` is that of the response to the naloxone cue (without measurement noise) with behavior within a group.
    Assumed: small enough that the interaction is found, large enough that the groups' difference alone does not
    correlate the other regions with behavior (`validation/planted_correlations.py` counts how often).
    """

    common: float = 2.0
    specific: float = 0.6
    slope_r: float = 0.85

    @property
    def slope(self) -> float:
        """λ: the part of the common deviation that follows behavior."""
        return self.slope_r * float(np.hypot(self.common, self.specific)) / self.common


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Responses:
    """Planted % BOLD; regions in the order of `TABLE_1`, groups ShA and LgA, cues saline and naloxone."""

    cells: Float[Array, "region group=2 cue=2"]
    subjects: Float[Array, "subject region cue=2"]
    slopes: Float[Array, "region"]


def check_hypothesis(hypothesis: str) -> None:
    """Refuse a hypothesis that nobody has written.

    Raises:
        StudyError: no such hypothesis.
    """
    if hypothesis not in HYPOTHESES:
        raise StudyError(f"hypothesis '{hypothesis}' is unknown; expected one of: {', '.join(HYPOTHESES)}")


def cell_amplitudes(hypothesis: str) -> Float[Array, "region group=2 cue=2"]:
    """Return the planted mean of each region and cell, % BOLD."""
    table = np.array(list(TABLE_1.values())).reshape(-1, 2, 2)
    return table if hypothesis == "withdrawal" else np.zeros_like(table)


def plant_responses(
    hypothesis: str,
    group: Int[Array, "subject"],
    behavior: Float[Array, "subject"],
    rng: np.random.Generator,
    *,
    spread: Spread = Spread(),
) -> Responses:
    """Draw each rat's response to each cue in each region.

    Args:
        hypothesis: key of `HYPOTHESES`.
        group: 0 for short, 1 for long access.
        behavior: mean infusions in the naloxone pairings.
        rng: source of the spread.
        spread: SDs and slope.

    Raises:
        StudyError: no such hypothesis.
    """
    check_hypothesis(hypothesis)
    cells = cell_amplitudes(hypothesis)
    z = np.empty(len(group))
    for level in np.unique(group):
        mine = behavior[group == level]
        z[group == level] = (mine - mine.mean()) / max(mine.std(ddof=1), 1e-9)
    slopes = np.zeros(len(TABLE_1))
    if hypothesis == "withdrawal":
        slopes[[list(TABLE_1).index(name) for name in SLOPE_REGIONS]] = spread.slope
    common = slopes * z[:, None] + np.sqrt(1 - slopes**2) * rng.standard_normal((len(group), len(slopes)))
    specific = rng.standard_normal((len(group), len(slopes), 2))
    subjects = cells[:, group].transpose(1, 0, 2) + spread.common * common[..., None] + spread.specific * specific
    return Responses(cells=cells, subjects=subjects, slopes=slopes * spread.common)
