"""Images: NIfTI files that are damaged, of other kinds, or hold nothing; one of eight maps, and the mask."""

# a line for each input
# ruff: noqa: E501

import gzip
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel as nib
import numpy as np

from broken.case import Broken

SHAPE, AFFINE, BAD = (5, 4, 3), np.diag([2.0, 2.0, 2.0, 1.0]), "s3.nii.gz"
VALUES = np.random.default_rng(0).standard_normal((8, *SHAPE)).astype(np.float32)
OFFSETS = {"dim": (40, "<8h"), "datatype": (70, "<h"), "vox_offset": (108, "<f"), "magic": (344, "4s"), "srow": (280, "<12f")}  # fmt: skip


def write_maps(folder: Path) -> None:
    """Write eight maps, their table and the mask."""
    for k, values in enumerate(VALUES):
        nib.Nifti1Image(values, AFFINE).to_filename(folder / f"s{k}.nii.gz")
    nib.Nifti1Image(np.ones(SHAPE, np.uint8), AFFINE).to_filename(folder / "mask.nii.gz")
    rows = [f"s{k}\t{'ab'[k % 2]}\ts{k}.nii.gz" for k in range(8)]
    (folder / "maps.tsv").write_text("\n".join(["id\tgroup\tmap", *rows]) + "\n", encoding="utf-8")


def image(values: np.ndarray, affine: np.ndarray | None = AFFINE) -> Callable[[Path], object]:
    """Return what writes an image."""
    return lambda path: nib.Nifti1Image(values, affine).to_filename(path)


def header(field: str, *value: object) -> Callable[[Path], object]:
    """Return what overwrites a field of the header."""

    def make(path: Path) -> None:
        whole = bytearray(gzip.decompress(path.read_bytes()))
        at, form = OFFSETS[field]
        whole[at : at + struct.calcsize(form)] = struct.pack(form, *value)
        path.write_bytes(gzip.compress(bytes(whole)))

    return make


def instead(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def anew(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def change(path: Path) -> None:
        path.unlink()
        make(path)

    return change


def changed(value: float, where: tuple[slice | int, ...] = (slice(None),)) -> np.ndarray:
    values = VALUES[3].copy()
    values[where] = value
    return values


RGB = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
IMAGES: dict[str, Callable[[Path], object]] = {
    "no file": lambda path: path.unlink(),
    "empty": instead(b""),
    "text": instead(b"no image\n"),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:150]),
    "a flipped bit": lambda path: path.write_bytes(path.read_bytes()[:200] + b"\xff\x00" + path.read_bytes()[202:]),
    "gzip of nothing": instead(gzip.compress(b"")),
    "100 MB of zeros in 100 kB": instead(gzip.compress(bytes(100_000_000))),
    "a pipe": anew(os.mkfifo),
    "a device": anew(lambda path: path.symlink_to("/dev/zero")),
    "a folder": anew(lambda path: path.mkdir()),
    "a link to itself": anew(lambda path: path.symlink_to(path.name)),
    "a header of a giant": header("dim", 3, 30_000, 30_000, 30_000, 1, 1, 1, 1),
    "a negative dimension": header("dim", 3, -5, 4, 3, 1, 1, 1, 1),
    "no dimension": header("dim", 0, 5, 4, 3, 1, 1, 1, 1),
    "nine dimensions": header("dim", 9, 5, 4, 3, 1, 1, 1, 1),
    "a type that is none": header("datatype", 12345),
    "data at 10^30": header("vox_offset", 1e30),
    "data at nan": header("vox_offset", float("nan")),
    "data at -100": header("vox_offset", -100.0),
    "another magic": header("magic", b"xyz\0"),
    "RGB": image(RGB),
    "complex numbers": image(VALUES[3].astype(np.complex64)),
    "NaN alone": image(changed(np.nan)),
    "infinite values alone": image(changed(np.inf)),
    "zeros alone": image(changed(0)),
    "one value alone": image(changed(7)),
    "one infinite voxel": image(changed(np.inf, (2, 2, 1))),
    "another grid": image(np.ones((6, 4, 3), np.float32)),
    "another place": image(VALUES[3], np.diag([2.0, 2.0, 2.0, 1.0]) + np.eye(4, k=3) * 4),
    "mirrored": image(VALUES[3], np.diag([-2.0, 2.0, 2.0, 1.0])),
    "a slice": image(VALUES[3][..., 0]),
    "four volumes": image(np.repeat(VALUES[3][..., None], 4, 3)),
    "the map of another": lambda path: path.write_bytes((path.parent / "s1.nii.gz").read_bytes()),
    "an affine of zeros": header("srow", *[0.0] * 12),
    "values of 10^38": image(changed(3e38)),
}
MASKS: dict[str, Callable[[Path], object]] = {
    "no file": lambda path: path.unlink(),
    "zeros alone": image(np.zeros(SHAPE, np.uint8)),
    "NaN alone": image(np.full(SHAPE, np.nan, np.float32)),
    "another grid": image(np.ones((6, 4, 3), np.uint8)),
    "four dimensions": image(np.ones((*SHAPE, 2), np.uint8)),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:60]),
    "a pipe": anew(os.mkfifo),
    "RGB": image(RGB),
}
TABLES = {
    "a volume that is not there": ("s3.nii.gz", "s3.nii.gz#9", "s3.nii.gz"),
    "volume -1": ("s3.nii.gz", "s3.nii.gz#-1", "s3.nii.gz"),
    "volume x": ("s3.nii.gz", "s3.nii.gz#x", "s3.nii.gz#x"),
    "a file of the system": ("s3.nii.gz", "/etc/passwd", "/etc/passwd"),
    "no name": ("s3.nii.gz", "", "map|row"),
    "no column map": ("map", "image", "map"),
    "one group": ("\tb\t", "\ta\t", "group"),
    "a name of 100 000 letters": ("s3.nii.gz", "s" * 100_000, "sss"),
    "a zero byte in a name": ("s3.nii.gz", "s3\0.nii.gz", "map|s3"),
}


def cases() -> Iterator[Broken]:
    """Return every broken image."""
    words = (
        "group",
        "maps.tsv",
        "out",
        "--mask",
        "mask.nii.gz",
        "--subject",
        "id",
        "--formula",
        "group",
        "--n-jobs",
        "1",
    )
    for file, kind, changes in ((BAD, "map", IMAGES), ("mask.nii.gz", "mask", MASKS)):
        for name, change in changes.items():

            def make(folder: Path, file: str = file, change: Callable[[Path], object] = change) -> None:
                write_maps(folder)
                change(folder / file)

            yield Broken(
                kind=kind, name=name, words=words, says="s3|sub" if kind == "map" else "mask", make=make, status=(0, 1)
            )
    for name, (old, new, says) in TABLES.items():

        def put(folder: Path, old: str = old, new: str = new) -> None:
            write_maps(folder)
            table = folder / "maps.tsv"
            table.write_text(table.read_text().replace(old, new))

        yield Broken(kind="table of maps", name=name, words=words, says=says, make=put)
