"""Registration of a real rat EPI (70 × 70 × 24 of 0.5 mm) to the SIGMA template, by its last step and by the measure
of similarity of SyN: seconds, and overlap with a brain drawn by hand. Needs the shared data beside the checkout. Every
step is of ANTs itself: there is no peer, so no ratio.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from cuecircuit.imaging.header_repair import repair_grid
from cuecircuit.imaging.registration import (
    SYN_ITERATIONS,
    Transform,
    align,
    ants_module,
    dice,
    reproducible,
    to_ants,
    to_epi,
)
from cuecircuit.imaging.resampling import on_grid
from cuecircuit.io.nifti import read_volume

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "rat"
OTHERS = {
    "mattes, to the full resolution": {"syn_metric": "mattes", "syn_sampling": 32, "reg_iterations": (60, 40, 10)},
    "cross-correlation": {"syn_metric": "CC", "syn_sampling": 2, "reg_iterations": SYN_ITERATIONS},
    "cross-correlation, to the full resolution": {
        "syn_metric": "CC",
        "syn_sampling": 2,
        "reg_iterations": (60, 40, 10),
    },
}


def main() -> None:
    if not DATA.is_dir():
        print("no shared data beside this checkout")
        return
    ants = ants_module()
    epi, grid = read_volume(DATA / "epi_sigma" / "EPI_forward0.nii.gz")
    by_hand = read_volume(DATA / "epi_sigma" / "EPI_n4_mask.nii.gz")[0] > 0
    grid = repair_grid(grid, voxel_scale=0.1).grid
    template, template_grid = read_volume(DATA / "sigma_waxholm" / "SIGMA_template_zoom.nii")
    template = np.clip(np.nan_to_num(template), 0, None)
    mask, mask_grid = read_volume(DATA / "sigma_waxholm" / "SIGMA_InVivo_Anatomical_Brain_mask.nii.gz")
    brain = on_grid(mask, mask_grid, template_grid, labels=True) > 0.5
    with reproducible(1):
        start = time.perf_counter()
        epi = ants.n4_bias_field_correction(to_ants(epi, grid), shrink_factor=2).numpy()
        print(f"bias field: {time.perf_counter() - start:.1f} s")
    before = on_grid(brain.astype(np.float32), template_grid, grid, labels=False) > 0.5
    print(f"headers alone: overlap {dice(before, by_hand):.3f}")
    for kind in ("rigid", "affine", "syn"):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            found = align(epi, grid, template, template_grid, brain=brain, kind=kind, folder=Path(folder))
            print(f"{kind}: {time.perf_counter() - start:.1f} s, overlap {dice(found.mask, by_hand):.3f}")
            if kind == "affine":
                affine, head = found.transform, found.mask
                moving, fixed = to_ants(epi * head, grid), to_ants(template * brain, template_grid)
                _others(ants, fixed, moving, affine, brain, template_grid, grid, by_hand, folder)


def _others(ants, fixed, moving, affine, brain, template_grid, grid, by_hand, folder) -> None:
    for name, options in OTHERS.items():
        start = time.perf_counter()
        with reproducible(1):
            found = ants.registration(
                fixed,
                moving,
                type_of_transform="SyNOnly",
                initial_transform=list(affine.forward),
                outprefix=f"{folder}/other_",
                random_seed=1,
                **options,
            )
        inverse = tuple(found["invtransforms"])
        transform = Transform(
            forward=tuple(found["fwdtransforms"]),
            inverse=inverse,
            inverted=tuple(file.endswith(".mat") for file in inverse),
        )
        overlap = dice(to_epi(brain, template_grid, transform, grid) > 0, by_hand)
        print(f"  SyN by {name}: {time.perf_counter() - start:.1f} s more, overlap {overlap:.3f}")


if __name__ == "__main__":
    main()
