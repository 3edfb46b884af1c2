import gzip
import subprocess
from functools import partial

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuecircuit.errors import DataError
from cuecircuit.io.disk_matrix import DiskMatrix, load_arrays, save_arrays
from cuecircuit.io.maps import write_maps
from cuecircuit.io.nifti import read_grid, write_volume
from cuecircuit.pipeline.engine import engine
from cuecircuit.records.grid import Grid


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    steps=st.tuples(st.integers(1, 10), st.integers(1, 10)),
    slabs=st.sampled_from(["rows", "columns"]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_what_is_written_along_one_axis_is_read_along_the_other(tmp_path_factory, shape, steps, slabs, dtype):
    values = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    values[0, 0] = np.nan
    matrix = DiskMatrix(folder=tmp_path_factory.mktemp("matrix"), shape=shape, steps=steps, slabs=slabs, dtype=dtype)
    for part in reversed(matrix.rows if slabs == "rows" else matrix.columns):
        matrix.write(part, values[part] if slabs == "rows" else values[:, part])
    for part in matrix.columns if slabs == "rows" else matrix.rows:
        expected = values[:, part] if slabs == "rows" else values[part]
        assert matrix.read(part).tobytes() == expected.tobytes()


def test_arrays_come_back_bit_for_bit_and_without_those_that_are_not_there(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3)[:, ::2], "b": np.array([True, False]), "c": None}
    save_arrays(tmp_path / "kept", arrays)
    found = load_arrays(tmp_path / "kept")
    assert sorted(found) == ["a", "b"]
    np.testing.assert_array_equal(found["a"], arrays["a"], strict=True)
    np.testing.assert_array_equal(found["b"], arrays["b"], strict=True)


@pytest.fixture
def space():
    mask = np.random.default_rng(1).random((5, 6, 7)) > 0.4
    return mask, Grid(shape=mask.shape, affine=np.diag([2.0, 2.0, 1.5, 1.0]))


def test_maps_written_part_by_part_hold_the_bytes_that_one_array_makes(tmp_path, space):
    mask, grid = space
    rows = np.random.default_rng(2).standard_normal((5, int(mask.sum())), dtype=np.float32)
    rows[1, :4] = np.nan
    whole = np.zeros((*mask.shape, 5), np.float32)
    whole[mask] = rows.T
    write_volume(tmp_path / "whole.nii.gz", whole, grid)
    found = tmp_path / "parts.nii.gz"
    write_maps(found, [lambda: rows[:2], lambda: rows[2:]], 5, mask, grid, n_jobs=2)
    assert gzip.decompress(found.read_bytes()) == gzip.decompress((tmp_path / "whole.nii.gz").read_bytes())
    np.testing.assert_array_equal(np.asarray(nib.load(found).dataobj), whole, strict=True)
    subprocess.run(["gzip", "-t", found], check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts.nii.gz", "whole.nii.gz"]


def test_the_bytes_of_maps_depend_neither_on_their_parts_nor_on_who_packs_them(tmp_path, space):
    mask, grid = space
    rows = np.random.default_rng(2).standard_normal((7, int(mask.sum())), dtype=np.float32)

    def packed(name: str, step: int, n_jobs: int) -> bytes:
        parts = [partial(rows.__getitem__, slice(start, start + step)) for start in range(0, 7, step)]
        write_maps(tmp_path / name, parts, 7, mask, grid, n_jobs=n_jobs)
        return (tmp_path / name).read_bytes()

    one = packed("one.nii.gz", 7, 1)
    assert packed("threads.nii.gz", 2, 3) == one
    with engine("local", n_jobs=2):
        assert packed("workers.nii.gz", 3, 1) == one


def test_a_part_that_cannot_be_read_leaves_no_file(tmp_path, space):
    mask, grid = space

    def lost():
        raise DataError("the part is gone")

    with pytest.raises(DataError, match="the part is gone"):
        write_maps(tmp_path / "maps.nii.gz", [lambda: np.ones((1, int(mask.sum()))), lost], 2, mask, grid, n_jobs=2)
    assert not any(tmp_path.iterdir())


def test_more_maps_than_nifti_1_can_count_make_a_file_that_is_read_back(tmp_path):
    mask, n = np.ones((1, 1, 2), bool), 40_000
    rows = np.arange(2.0 * n, dtype=np.float32).reshape(n, 2)
    write_maps(tmp_path / "many.nii.gz", [lambda: rows], n, mask, Grid(shape=mask.shape, affine=np.eye(4)))
    assert read_grid(tmp_path / "many.nii.gz")[1] == n
