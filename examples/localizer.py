"""First-level model of a real run: pictures of six categories in blocks against rest (studyforrest localizer).

    python examples/localizer.py FOLDER

FOLDER holds `task-oneback_run-1_bold_6mm.nii.gz` and `events.tsv` (a 6 mm copy of one run of Sengupta et al. 2016,
Sci Data 3:160093; 156 volumes, TR 2 s). Prints the peak of each contrast under two models of the noise: prewhitened
(AR(1)) and ordinary least squares, which takes neighboring volumes for independent and so gives larger t.
"""

import sys
from pathlib import Path

import numpy as np
from nibabel.nifti1 import Nifti1Image
from nilearn.masking import compute_epi_mask

from cuecircuit.imaging.first_level import fit_first_level
from cuecircuit.io.events import read_events
from cuecircuit.io.nifti import read_series

CONTRASTS = {
    "pictures against rest": "(body + face + house + object + scene + scramble) / 6",
    "faces against houses": "face - house",
    "scenes against objects": "scene - object",
}


def main(folder: Path) -> None:
    series = read_series(folder / "task-oneback_run-1_bold_6mm.nii.gz")
    events = read_events(folder / "events.tsv", scan_s=series.tr_s * series.data.shape[3])
    mean = Nifti1Image(series.data.mean(axis=3), series.grid.affine)
    mask = compute_epi_mask(mean).get_fdata() > 0  # pyright: ignore[reportAttributeAccessIssue]
    print(f"{series.data.shape[3]} volumes of {series.grid}, {len(events)} pictures, {mask.sum()} voxels in the mask")
    print("contrast\tnoise\tmax_t\tdf\teffect_percent\tx_mm\ty_mm\tz_mm")
    for noise in ("ar1", "ols"):
        maps = fit_first_level(series, events, CONTRASTS, mask=mask, hrf="glover", noise=noise, drift_period_s=100.0)
        for name, found in maps.items():
            peak = int(np.nanargmax(found.t))
            x, y, z = series.grid.mm(np.argwhere(mask)[[peak]].astype(float))[0]
            numbers = f"{found.t[peak]:.2f}\t{found.df:.0f}\t{found.effect[peak]:.2f}\t{x:.0f}\t{y:.0f}\t{z:.0f}"
            print(f"{name}\t{noise}\t{numbers}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} FOLDER")
    main(Path(sys.argv[1]))
