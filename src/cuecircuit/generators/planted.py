"""What is planted: Table 1, the spread between rats, the slopes on behavior, and what each hypothesis leaves out.

Response of rat s in region r to cue c, % BOLD at the plateau of a block:

    a[s, r, c] = table[r, group(s), c] + σ (λ_r z[s] + √(1 − λ_r²) e[s, r]) + τ_r e'[s, r, c],   τ_r = τ + ρ |Δ_r|

z is the rat's mean infusions in the naloxone pairings, standardized within its group; λ_r is 0 but in the two regions
whose correlation with behavior the article reports. Δ_r is the interaction access × cue of the table, so that its size
d, in SDs of a rat's difference between the cues, is 1 / (√2 ρ) in every region where τ is 0. Table 1: Carmack et al.
2019 (J Clin Invest 129:2480); it prints no spread, so that σ, τ, ρ and λ are assumed.
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
PLANTED = np.isin(list(TABLE_1), SLOPE_REGIONS)
"""Which regions follow behavior, in the order of `TABLE_1`."""


def table_interactions() -> Float[Array, "region"]:
    """Return the interaction of Table 1, % BOLD: naloxone less saline under long access, less that under short."""
    return np.array(list(TABLE_1.values())) @ [1, -1, -1, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Spread between rats, % BOLD, and the planted correlation; names of `simulation.sizes`.

    `common_sd` (σ): SD of what a rat adds to the responses to both cues; `cue_sd` (τ) and `cue_ratio` (ρ): SD of what
    it adds to each, in every region and as a share of the region's interaction; `slope_r`: correlation of the response
    to the naloxone cue (without measurement noise) with behavior, within a group. Assumed: an interaction of d = 1.29
    (about 1.1 with the noise of a scan) and a correlation near the smallest that 21 rats can show after correction over
    19 regions. Release 0.1.0 planted `cue_sd` .6, `cue_ratio` 0, `slope_r` .85.
    """

    common_sd: float = 2.0
    cue_sd: float = 0.0
    cue_ratio: float = 0.55
    slope_r: float = 0.6

    def cue_sds(self) -> Float[Array, "region"]:
        """Return the SD of what a rat adds to each cue, by region (τ_r)."""
        return self.cue_sd + self.cue_ratio * np.abs(table_interactions())

    def leanings(self) -> Float[Array, "region"]:
        """Return the part of the common deviation that follows behavior, by region (λ_r).

        Raises:
            StudyError: a correlation larger than the common deviation can make, or a negative SD.
        """
        if self.common_sd <= 0 or min(self.cue_sd, self.cue_ratio) < 0:
            raise StudyError("simulation.sizes: common_sd must be more than 0, cue_sd and cue_ratio 0 or more")
        leanings = PLANTED * self.slope_r * np.hypot(self.common_sd, self.cue_sds()) / self.common_sd
        if (most := float(np.abs(leanings).max())) > 1:
            raise StudyError(
                f"simulation.sizes.slope_r: {self.slope_r:g} is more than what a rat adds to both cues can make; "
                f"expected at most {abs(self.slope_r) / most:.2f}, or a larger common_sd than {self.common_sd:g}"
            )
        return leanings


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
        StudyError: no such hypothesis; a spread that cannot be.
    """
    check_hypothesis(hypothesis)
    cells = cell_amplitudes(hypothesis)
    z = np.empty(len(group))
    for level in np.unique(group):
        mine = behavior[group == level]
        z[group == level] = (mine - mine.mean()) / max(mine.std(ddof=1), 1e-9)
    slopes = spread.leanings() * (hypothesis == "withdrawal")
    common = slopes * z[:, None] + np.sqrt(1 - slopes**2) * rng.standard_normal((len(group), len(slopes)))
    specific = spread.cue_sds()[:, None] * rng.standard_normal((len(group), len(slopes), 2))
    subjects = cells[:, group].transpose(1, 0, 2) + spread.common_sd * common[..., None] + specific
    return Responses(cells=cells, subjects=subjects, slopes=slopes * spread.common_sd)
