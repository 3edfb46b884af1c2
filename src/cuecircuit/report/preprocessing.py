"""What was done to the scans before their responses were measured, as the Methods tell it."""

from collections.abc import Iterator

from markupsafe import Markup

from cuecircuit.figures.numbers import short
from cuecircuit.report.marks import Marks
from cuecircuit.study.study import Preprocess, Study

_LAST_STEP = {
    "rigid": "a rigid transform",
    "affine": "a rigid and an affine transform",
    "syn": "a rigid, an affine and a symmetric diffeomorphic transform (SyN)",
}


def preprocessing(study: Study, marks: Marks) -> Markup | None:
    """Say how scans came to the template; None where they were analyzed as they lie."""
    if study.acquisition.derivatives is None:
        return None
    if study.preprocess is None:
        return Markup("Scans were taken as another pipeline had preprocessed them ({}).").format(
            marks.said("acquisition.derivatives", study.acquisition.derivatives)
        )
    return Markup(" ").join(_steps(study.preprocess, marks))


def _steps(wanted: Preprocess, marks: Marks) -> Iterator[Markup]:
    if wanted.scan_scale != 1:
        yield Markup("Lengths in the headers of the scans were multiplied by {}.").format(
            marks.said("preprocess.scan_scale", short(wanted.scan_scale))
        )
    if wanted.scan_origin == "center":
        yield Markup("The origin was put at the {} of each volume.").format(
            marks.said("preprocess.scan_origin", "middle")
        )
    if wanted.slice_timing:
        yield Markup("Slices were shifted to the start of their volume where the sidecar gives their times.")
    named = {"drawn": "a brain drawn by code"}.get(wanted.template, wanted.template)
    yield Markup(
        "The mean of each subject's first scan, without bias field (N4; Tustison et al. 2010), was brought to the "
        "template ({}) by {} (ANTs; Avants et al. 2008), first by the whole head, then by the brain. Motion of each "
        "volume was estimated against that mean by rigid least squares, and each scan was interpolated once, through "
        "motion and registration together, to voxels of {}."
    ).format(
        marks.said("preprocess.template", named),
        marks.said("preprocess.registration", _LAST_STEP[wanted.registration]),
        marks.said("preprocess.voxel_mm", f"{short(wanted.voxel_mm)} mm"),
    )
