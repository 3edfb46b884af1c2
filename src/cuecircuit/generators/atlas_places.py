"""Where the drawn brain has its outline, regions, white matter and ventricles, in mm from bregma.

x is right, y anterior, z up. Every number is assumed: set from general knowledge of the rat brain in stereotaxic space
(Paxinos & Watson, The Rat Brain in Stereotaxic Coordinates), rounded, and wide enough to fill voxels of a scan.
"""

from dataclasses import dataclass

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipsoid:
    """A solid with its mirror image across the midline: center (x ≥ 0) and half axes, mm."""

    center: Triple
    half_axes: Triple


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The brain's cross-section at one coronal plane: half width, dorsal and ventral edge, mm."""

    y: float
    half_width: float
    top: float
    bottom: float


def _at(x: float, y: float, z: float, rx: float, ry: float, rz: float) -> Ellipsoid:
    return Ellipsoid(center=(x, y, z), half_axes=(rx, ry, rz))


OUTLINE = (
    Outline(y=-14.5, half_width=3.2, top=-2.8, bottom=-8.9),
    Outline(y=-12.0, half_width=5.8, top=-1.6, bottom=-9.8),
    Outline(y=-10.0, half_width=6.9, top=-1.0, bottom=-10.1),
    Outline(y=-8.0, half_width=7.4, top=-0.8, bottom=-10.3),
    Outline(y=-6.0, half_width=7.6, top=-0.6, bottom=-10.4),
    Outline(y=-3.0, half_width=7.4, top=-0.7, bottom=-10.4),
    Outline(y=0.0, half_width=6.2, top=-0.8, bottom=-9.7),
    Outline(y=2.0, half_width=5.0, top=-1.1, bottom=-8.8),
    Outline(y=4.0, half_width=3.9, top=-1.6, bottom=-7.4),
    Outline(y=5.5, half_width=2.6, top=-2.2, bottom=-6.6),
)
"""Cross-sections from the medulla to the frontal pole; planes between are interpolated."""

ROUNDNESS = 2.4
"""Exponent of the cross-section's superellipse; 2 is an ellipse, larger is boxier."""

REGIONS: dict[str, tuple[Ellipsoid, ...]] = {
    "Amygdala nuclei": (_at(4.6, -2.6, -8.4, 1.55, 2.1, 1.45),),
    "Anterior hypothalamus": (_at(0.9, -0.8, -8.5, 1.05, 1.3, 1.05),),
    "Auditory cortex": (_at(6.9, -5.2, -4.2, 1.3, 2.1, 1.45),),
    "Dorsomedial thalamus": (_at(0.8, -2.6, -5.9, 1.05, 1.55, 0.8),),
    "Dorsal striatum": (_at(3.3, 0.5, -5.0, 1.55, 2.35, 1.7),),
    "Ectorhinal cortex": (_at(6.9, -5.2, -6.3, 1.3, 2.35, 1.15),),
    "Habenula": (_at(0.6, -3.6, -4.9, 0.9, 1.3, 0.65),),
    "Hippocampus": (_at(2.4, -3.8, -3.6, 2.6, 2.1, 0.9), _at(4.4, -5.4, -6.0, 1.05, 1.45, 2.1)),
    "Insula": (_at(5.3, 0.6, -6.0, 1.45, 2.6, 1.3),),
    "Lateral hypothalamus": (_at(2.0, -2.4, -8.6, 0.9, 1.95, 1.05),),
    "Lateral geniculate": (_at(3.9, -4.6, -5.0, 0.9, 1.15, 1.05),),
    "PAG and PVG": (_at(0.7, -6.8, -5.4, 1.05, 2.2, 1.15),),
    "Peduncle": (_at(2.9, -5.0, -8.4, 1.15, 2.1, 0.9),),
    "Precommissural nucleus": (_at(0.7, -4.9, -5.7, 0.9, 1.05, 0.8),),
    "Pretectal nucleus": (_at(1.9, -5.1, -4.9, 1.05, 1.15, 0.8),),
    "PVN/VM hypothalamus": (_at(0.9, -2.5, -8.9, 0.9, 1.45, 1.45),),
    "Reticular formation": (_at(1.6, -8.2, -7.4, 1.55, 2.1, 1.55),),
    "S1/S2": (_at(4.4, -0.8, -2.2, 2.35, 2.85, 1.55), _at(6.6, -1.8, -4.6, 1.55, 2.1, 1.55)),
    "Ventrolateral thalamus": (_at(2.3, -2.4, -6.3, 1.05, 1.7, 1.15),),
}
"""The 19 regions of Table 1 in its order of the alphabet (Carmack et al. 2019)."""

VENTRICLES = (
    _at(1.6, 0.0, -4.4, 0.5, 2.0, 0.9),  # lateral
    _at(0.25, -2.0, -8.6, 0.3, 2.0, 1.0),  # third
    _at(0.7, -10.5, -6.6, 0.9, 1.5, 0.7),  # fourth
)

WHITE_MATTER_DEPTH = (1.7, 2.4)
"""Corpus callosum and external capsule: a shell this deep below the surface of the cerebrum, mm."""

WHITE_MATTER_AP = (-7.0, 2.5)
WHITE_MATTER_BOTTOM = -7.0
WHITE_MATTER_MARGIN = 0.25
"""Regions keep this far from the shell, so that smoothing carries little of their signal into it, mm."""
