"""How alike two voxels' noise is, by their distance r: the mixed model of Cox et al. (2017, Brain Connect 7:152).

    ACF(r) = a·exp(−r²/2b²) + (1−a)·exp(−r/c)

The Gaussian part is what smoothing by a Gaussian kernel leaves: a kernel of standard deviation s gives b = √2·s. The
exponential part is the long tail of BOLD noise. The full width at half maximum (FWHM) of the ACF is twice the radius
at which it is 1/2; for a Gaussian it is √2 × the FWHM of the kernel, the "classic" FWHM.
"""

from dataclasses import dataclass
from math import log, sqrt

import numpy as np
from scipy.optimize import root_scalar

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DataError

FWHM_PER_SD = sqrt(8 * log(2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Autocorrelation:
    """The mixed model's three numbers: share `a` of the Gaussian part, its width, the tail's length (mm).

    Raises:
        DataError: `a` outside 0–1, or a part that has weight without a positive length.
    """

    a: float
    b_mm: float
    c_mm: float

    def __post_init__(self) -> None:
        """Refuse numbers that are no correlation."""
        faults = []
        if not 0 <= self.a <= 1:
            faults.append(f"ACF a = {self.a:g}: expected a share from 0 to 1 (order of the three: a, b in mm, c in mm)")
        if self.a != 0 and not 0 < self.b_mm < np.inf:
            faults.append(f"ACF b = {self.b_mm:g} mm: expected a positive length, the width of the Gaussian part")
        if self.a != 1 and not 0 < self.c_mm < np.inf:
            faults.append(f"ACF c = {self.c_mm:g} mm: expected a positive length, that of the exponential tail")
        if faults:
            raise DataError(faults)

    def at(self, r_mm: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Return the correlation at distances r."""
        correlation = np.zeros_like(r_mm)
        if self.a != 0:
            correlation += self.a * np.exp(-0.5 * (r_mm / self.b_mm) ** 2)
        if self.a != 1:
            correlation += (1 - self.a) * np.exp(-r_mm / self.c_mm)
        return correlation

    def radius_mm(self, level: float) -> float:
        """Return the distance at which the correlation falls to `level` (between 0 and 1), mm."""
        # beyond its own radius each part is below its share of the level, so the larger radius brackets the root
        near = self.b_mm * sqrt(-2 * log(level)) if self.a != 0 else 0.0
        tail = -self.c_mm * log(level) if self.a != 1 else 0.0
        bracket = (0.0, max(near, tail) * (1 + 1e-9))
        return root_scalar(lambda r: self.at(np.array([r]))[0] - level, bracket=bracket, xtol=1e-12).root

    @property
    def fwhm_mm(self) -> float:
        """Full width at half maximum of the ACF, mm."""
        return 2 * self.radius_mm(0.5)


def gaussian_autocorrelation(fwhm_mm: float) -> Autocorrelation:
    """Return the ACF of white noise smoothed by a Gaussian kernel of this FWHM (mm).

    Raises:
        DataError: the FWHM is not positive.
    """
    if not 0 < fwhm_mm < np.inf:
        raise DataError(f"FWHM = {fwhm_mm:g} mm: expected a positive width; estimate it with `cuecircuit smoothness`")
    b_mm = sqrt(2) * fwhm_mm / FWHM_PER_SD
    return Autocorrelation(a=1.0, b_mm=b_mm, c_mm=b_mm)
