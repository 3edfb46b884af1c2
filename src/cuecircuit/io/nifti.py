"""NIfTI (and Analyze) files to arrays on a grid, and back. `file.nii.gz#k` is volume k, from 0, of a 4-D file."""

import gzip
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.nifti1 import Nifti1Image
from nibabel.spatialimages import HeaderDataError
from scipy.ndimage import center_of_mass

from cuecircuit.arrays import Array, Bool, Float, Int
from cuecircuit.errors import DataError
from cuecircuit.io.atomic import replacing
from cuecircuit.io.label_table import distinct_names
from cuecircuit.io.unpacked import DEFLATE_RATIO
from cuecircuit.records.atlas import Atlas
from cuecircuit.records.grid import Grid
from cuecircuit.records.scan import MaskedSeries, Series

_VOLUMES = 8  # read at a time
_WHOLE = 1e-3  # as far from a whole number as scaling in a header leaves one
BROKEN = (ImageFileError, HeaderDataError, EOFError, OSError, zlib.error, gzip.BadGzipFile, ValueError)


def _open(path: Path) -> Any:
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        # a packed file that is opened once is unpacked once, however many parts are read
        options = {"keep_file_open": True} if path.suffix == ".gz" else {}
        image: Any = nib.load(path, **options)
        stated = int(np.prod(image.shape, dtype=object)) * image.get_data_dtype().itemsize
    except BROKEN as error:
        raise DataError(f"{path}: not a readable NIfTI file ({error}); copy it again from its source") from error
    _check_room(path, image, stated)
    check_image(path, image)
    return image


def check_image(path: Path, image: Any) -> None:
    """Refuse complex values, of which the imaginary part would be lost, colors, slices and single rows.

    Raises:
        DataError: the image is not one real number in each voxel of a volume or scan.
    """
    kind = image.get_data_dtype()
    if kind.kind not in "biuf":
        advice = "the magnitude (part-mag)" if kind.kind == "c" else "the image that was colored"
        raise DataError(
            f"{path}: holds {kind.name if kind.kind == 'c' else 'colors'} values, expected one real number in each "
            f"voxel; take {advice}"
        )
    if image.ndim < 3:
        raise DataError(f"{path}: {image.ndim} dimensions, expected a volume (3) or a scan (4)")


def _check_room(path: Path, image: Any, stated: int) -> None:
    """Refuse a header that states more data than its file can hold, before room for them is made."""
    data_file = Path(image.file_map["image"].filename)
    held = data_file.stat().st_size if data_file.is_file() else 0
    most = {".nii": 1, ".img": 1, ".gz": DEFLATE_RATIO}.get(data_file.suffix, float("inf")) * held
    if stated > most:
        raise DataError(
            f"{path}: the header states {image.shape} voxels ({stated:.3g} bytes), more than {held} bytes on disk can "
            "hold; the data end early or the header is damaged; copy it again from its source"
        )


def _data(image: Any, path: Path, dtype: Any, volume: int | slice | None = None) -> Any:
    if isinstance(volume, int) and volume >= image.shape[3]:
        raise DataError(f"{path}#{volume}: the file has {image.shape[3]} volumes, counted from 0")
    try:
        proxy = image.dataobj if volume is None else image.dataobj[..., volume]
        return np.asarray(proxy, dtype=dtype)
    except BROKEN as error:
        raise DataError(
            f"{path}: the data end early or are damaged ({error}); copy it again from its source"
        ) from error


# NIfTI's name of a statistic, and its parameters
Intent = tuple[str, tuple[float, ...]]
# of NIfTI's spatial unit; mm where it is not stated
_MM = {"meter": 1000.0, "micron": 1e-3}


def grid_of(image: Any) -> Grid:
    """Return the grid of an image in mm, whatever spatial unit its header states."""
    affine = np.asarray(image.affine, dtype=float)
    codes = (2, 0)
    if "sform_code" in image.header:
        affine[:3] *= _MM.get(image.header.get_xyzt_units()[0], 1.0)
        codes = (int(image.header["sform_code"]), int(image.header["qform_code"]))
    shape = image.shape[:3]
    return Grid(shape=(int(shape[0]), int(shape[1]), int(shape[2])), affine=affine, codes=codes)


def read_grid(path: Path) -> tuple[Grid, int, float]:
    """Read only the header: grid, number of volumes, and the time step it states in seconds (0 where none)."""
    image = _open(path)
    volumes = int(image.shape[3]) if image.ndim > 3 else 1
    return grid_of(image), volumes, time_step_s(image)


def orientation_faults(path: Path) -> tuple[str, ...]:
    """Name what the header leaves open about left and right: no orientation at all, or two that contradict.

    Raises:
        DataError: no such file, or damaged.
    """
    header = _open(path).header
    if "sform_code" not in header:
        return (f"{path}: an Analyze header states no orientation; left and right are a guess; convert it to NIfTI",)
    ways = {"qform": header.get_qform(coded=True), "sform": header.get_sform(coded=True)}
    stated = {name: affine for name, (affine, code) in ways.items() if code > 0}
    if not stated:
        return (
            f"{path}: the affine is missing (qform_code and sform_code are 0), so left and right are unknown; "
            "convert the scan from its source again, or set the orientation it was taken with",
        )
    handed = {name: float(np.sign(np.linalg.det(affine[:3, :3]))) for name, affine in stated.items()}
    if len(set(handed.values())) > 1:
        return (f"{path}: qform and sform mirror each other; programs that read one or the other swap left and right",)
    return ()


def time_step_s(image: Any) -> float:
    """Return the time step of an image in seconds; 0 where its header states none."""
    if image.ndim < 4 or "xyzt_units" not in image.header:  # Analyze states no unit of time
        return 0.0
    unit = {"msec": 1e-3, "usec": 1e-6}.get(image.header.get_xyzt_units()[1], 1.0)
    return float(image.header.get_zooms()[3]) * unit


def read_volume(path: Path, *, dtype: Any = np.float32) -> tuple[Float[Array, "x y z"], Grid]:
    """Read one volume; NaN stays NaN.

    Raises:
        DataError: missing, damaged, or 4-D without `#k`.
    """
    name, mark, index = str(path).rpartition("#")
    if mark and index.isdigit():
        image, volume = _open(Path(name)), int(index)
        if image.ndim != 4:
            raise DataError(f"{path}: #{volume} asks for a volume of a 4-D file, found {image.ndim} dimensions")
        return _data(image, Path(name), dtype, volume), grid_of(image)
    image = _open(path)
    data = _data(image, path, dtype)
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        raise DataError(f"{path}: expected one volume, found {data.shape}; name one with {path.name}#0")
    return data, grid_of(image)


def read_mask(path: Path) -> tuple[Bool[Array, "x y z"], Grid]:
    """Read a mask: every voxel that is neither 0 nor NaN.

    Raises:
        DataError: missing, damaged, 4-D, empty, or of probabilities.
    """
    data, grid = read_volume(path)
    data = np.nan_to_num(data)
    parts = data[np.abs(data - np.rint(data)) > _WHOLE]
    if parts.size:
        raise DataError(
            f"{path}: {parts.size} voxels hold parts, from {parts.min():.3g} to {parts.max():.3g}, as in a map of "
            "probabilities or a mask that was interpolated; make it 0 and 1, such as 1 where it is above 0.5"
        )
    mask = data != 0
    if not mask.any():
        raise DataError(f"{path}: the mask is empty; no voxel differs from 0")
    return mask, grid


def read_series(path: Path, *, tr_s: float = 0.0) -> Series:
    """Read a 4-D scan as float32; `tr_s` is its time step where the header states none.

    Raises:
        DataError: missing, damaged, not 4-D, or values that are not finite.
    """
    image = _open_scan(path)
    data = np.empty(image.shape, np.float32, order="F")
    for part, volumes in _parts(image, path):
        data[..., part] = volumes
    return Series(data=data, grid=grid_of(image), tr_s=time_step_s(image) or tr_s)


def read_masked_series(path: Path, inside: Bool[Array, "x y z"], grid: Grid, *, tr_s: float = 0.0) -> MaskedSeries:
    """Read a 4-D scan as float32 in some voxels; of the others no more than a few volumes are in memory at a time.

    Args:
        path: the scan.
        inside: voxels to keep.
        grid: of these voxels.
        tr_s: its time step where the header states none.

    Raises:
        DataError: missing, damaged, not 4-D, on another grid, or values that are not finite, inside or not.
    """
    image = _open_scan(path)
    if not (scanned := grid_of(image)).same_as(grid):
        raise DataError(f"{path}: {scanned}, but the mask has {grid} (or another origin)")
    values = np.empty((int(inside.sum()), image.shape[3]), np.float32)
    for part, volumes in _parts(image, path):
        values[:, part] = volumes[inside]
    return MaskedSeries(values=values, inside=inside, grid=scanned, tr_s=time_step_s(image) or tr_s)


def _open_scan(path: Path) -> Any:
    image = _open(path)
    if image.ndim != 4 or image.shape[3] < 2:
        raise DataError(f"{path}: expected a 4-D scan, found shape {image.shape}")
    return image


def _parts(image: Any, path: Path) -> Iterator[tuple[slice, Float[Array, "x y z some"]]]:
    """Yield a scan a few volumes at a time; at its end refuse values that are not finite."""
    bad = np.zeros(image.shape[3], int)
    for start in range(0, len(bad), _VOLUMES):
        part = slice(start, min(start + _VOLUMES, len(bad)))
        volumes = _data(image, path, np.float32, part)
        bad[part] = (~np.isfinite(volumes)).sum(axis=(0, 1, 2))
        yield part, volumes
    if bad.any():
        raise DataError(
            f"{path}: {bad.sum()} values are NaN or infinite (first in volume {np.flatnonzero(bad)[0]}, from 0); "
            "reconstruct the scan again or mask these voxels"
        )


def read_atlas(path: Path, names: Mapping[int, str]) -> Atlas:
    """Read a label volume; `names` gives each label's region, and that of its negative on the other side.

    Regions of one name are told apart by side or label; those without a voxel are listed in the atlas. NaN is
    background.

    Raises:
        DataError: labels that are not whole numbers, or a label without a name.
    """
    data, grid = read_volume(path, dtype=np.float64)
    data = np.nan_to_num(data, nan=0.0, posinf=np.nan, neginf=np.nan)
    if not (np.abs(data) < 2**31).all():
        raise DataError(f"{path}: labels are infinite or above 2^31; an atlas holds small whole numbers")
    labels = np.rint(data).astype(np.int32)
    if np.abs(data - labels).max() > _WHOLE:
        raise DataError(f"{path}: an atlas holds whole-number labels; was it resampled with interpolation?")
    present = set(np.unique(labels).tolist()) - {0}
    names = dict(names) | {label: names[-label] for label in present if label not in names and -label in names}
    if unnamed := sorted(present - set(names)):
        raise DataError(f"{path}: label {label} has no name in the label table" for label in unnamed)
    named = distinct_names({label: name for label, name in names.items() if label in present}, _middles(labels, grid))
    absent = tuple(name for label, name in names.items() if label not in present)
    return Atlas(labels=labels, names=named, grid=grid, absent=absent)


def _middles(labels: Int[Array, "x y z"], grid: Grid) -> dict[int, float]:
    """Return the mean x of each label, mm."""
    present = np.unique(labels)
    middles: Any = center_of_mass(np.ones(labels.shape, np.uint8), labels, present)
    return {
        int(label): float((grid.affine @ (*middle, 1.0))[0]) for label, middle in zip(present, middles, strict=True)
    }


def volume_image(data: Any, grid: Grid, *, tr_s: float | None = None, intent: Intent | None = None) -> Nifti1Image:
    """Make an image on `grid`, with the codes of the file that the grid comes from.

    Args:
        data: a volume, or a series.
        grid: where its voxels are.
        tr_s: time step of a series.
        intent: NIfTI's name of the statistic and its degrees of freedom, such as ("f test", (1, 19)): from these
            AFNI, FSL and SPM know the p of a value.
    """
    image = Nifti1Image(data, grid.affine)
    sform, qform = grid.codes
    image.header.set_sform(grid.affine, code=sform)
    image.header.set_qform(grid.affine, code=qform, strip_shears=True)
    image.header.set_xyzt_units("mm", "sec")
    if tr_s is not None:
        image.header.set_zooms((*image.header.get_zooms()[:3], tr_s))
    if intent is not None:
        image.header.set_intent(*intent)
    return image


def write_volume(
    path: Path,
    data: Any,
    grid: Grid,
    *,
    tr_s: float | None = None,
    intent: Intent | None = None,
) -> None:
    """Write a volume, or a series with its time step, on `grid`; the same data give the same bytes.

    Raises:
        DataError: the place cannot be written.
    """
    image = volume_image(data, grid, tr_s=tr_s, intent=intent)
    with replacing(path) as new:
        image.to_filename(new)
