"""The people of Huang et al. 2023, simulated: the generator `huang2023` of a study file."""

from pathlib import Path

import numpy as np

from cuecircuit.errors import StudyError
from cuecircuit.generators.human_dataset import HumanStudy, write_human_dataset
from cuecircuit.generators.human_plan import Sizes, plan_people
from cuecircuit.io.atomic import check_unused, replacing
from cuecircuit.io.lock import writing
from cuecircuit.pipeline.progress import steps
from cuecircuit.records.grid import Grid

# edge of a voxel, mm
_VOXEL_MM = {"tiny": 8, "paper": 3}


@writing
def simulate_people(
    out: Path,
    text: str,
    *,
    seed: int = 0,
    hypothesis: str = "reactivity",
    scale: str = "paper",
    sizes: Sizes,
) -> Path:
    """Simulate the study of Huang et al. 2023 and return its study file.

    Args:
        out: folder to make; must not hold anything yet.
        text: of the study file.
        seed: the same seed gives the same bytes.
        hypothesis: `reactivity` or `null`.
        scale: `paper` for voxels of 3 mm (2 GB), `tiny` for 8 mm.
        sizes: of what is planted.

    Raises:
        StudyError: unknown hypothesis or scale.
        DataError: `out` holds files already or cannot be written.
    """
    from nilearn.datasets import load_mni152_brain_mask

    if scale not in _VOXEL_MM:
        raise StudyError(f"scale '{scale}' is unknown; expected one of: {', '.join(_VOXEL_MM)}")
    if seed < 0:
        raise StudyError(f"seed {seed} is negative; give 0 or more")
    check_unused(out)
    people = plan_people(hypothesis, np.random.default_rng([seed, 0]), sizes=sizes)
    image = load_mni152_brain_mask(resolution=_VOXEL_MM[scale])
    mask = np.asarray(image.dataobj) > 0
    x, y, z = mask.shape
    study = HumanStudy(
        people=people,
        sizes=sizes,
        mask=mask,
        grid=Grid(shape=(x, y, z), affine=np.asarray(image.affine, float)),
        hypothesis=hypothesis,
        scale=scale,
        seed=seed,
    )
    with (
        replacing(out.resolve(), folder=True) as new,
        steps("simulate huang2023", sum(1 for _ in study.runs())) as advance,
    ):
        write_human_dataset(new, study, text, progress=advance)
    return out / "study.yaml"
