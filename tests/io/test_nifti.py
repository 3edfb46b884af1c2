import gzip
import tracemalloc

import nibabel as nib
import numpy as np
import pytest
from nibabel.nifti1 import Nifti1Image

from cuecircuit.errors import DataError
from cuecircuit.io.label_table import read_label_table
from cuecircuit.io.nifti import (
    orientation_faults,
    read_atlas,
    read_grid,
    read_mask,
    read_masked_series,
    read_series,
    read_volume,
    write_volume,
)
from cuecircuit.records.grid import Grid

AFFINE = np.array([[0.5, 0, 0, -16], [0, 0, 1.0, -12], [0, -0.5, 0, 8], [0, 0, 0, 1.0]])


def grid(shape):
    return Grid(shape=shape, affine=AFFINE)


def saved(path, data, tr_s=None, unit="sec"):
    image = Nifti1Image(data, AFFINE)
    if tr_s is not None:
        image.header.set_xyzt_units("mm", unit)
        image.header.set_zooms((*image.header.get_zooms()[:3], tr_s))
    image.to_filename(path)
    return path


def scan(seed=0):
    return np.random.default_rng(seed).normal(100, 5, (5, 4, 3, 7)).astype(np.float32)


def test_a_series_comes_back_as_it_was_written(tmp_path):
    data, path = scan(), tmp_path / "bold.nii.gz"

    write_volume(path, data, grid((5, 4, 3)), tr_s=1.5)
    series = read_series(path)

    np.testing.assert_array_equal(series.data, data)
    assert series.data.dtype == np.float32
    assert series.tr_s == 1.5
    assert series.grid.same_as(grid((5, 4, 3)))
    np.testing.assert_allclose(series.grid.voxel_mm, [0.5, 0.5, 1.0])
    assert [found.name for found in tmp_path.iterdir()] == ["bold.nii.gz"]


@pytest.mark.parametrize("name", ["bold.nii", "bold.nii.gz"])
def test_a_scan_is_read_within_a_mask_as_it_is_read_whole(tmp_path, name):
    image = Nifti1Image(np.random.default_rng(1).normal(100, 5, (5, 4, 3, 21)), AFFINE)
    image.header.set_data_dtype(np.int16)  # numbers are scaled
    image.to_filename(tmp_path / name)
    inside = np.random.default_rng(2).random((5, 4, 3)) < 0.6
    part = inside & (np.arange(3) > 0)

    whole = read_series(tmp_path / name, tr_s=1.5)
    masked = read_masked_series(tmp_path / name, inside, grid((5, 4, 3)), tr_s=1.5)

    assert masked.n_volumes == whole.n_volumes == 21
    assert masked.tr_s == whole.tr_s
    np.testing.assert_array_equal(whole.data, np.asarray(image.from_filename(tmp_path / name).dataobj, np.float32))
    for mask in (inside, part):
        np.testing.assert_array_equal(masked.within(mask), whole.data[mask].T)
        np.testing.assert_array_equal(whole.within(mask), whole.data[mask].T)


def test_a_scan_on_another_grid_than_the_mask_is_refused_and_so_is_nan_outside_of_it(tmp_path):
    data = scan()
    data[0, 0, 0, 4] = np.nan
    path = saved(tmp_path / "bold.nii.gz", data)
    inside = np.ones((5, 4, 3), bool)
    inside[0] = False

    with pytest.raises(DataError, match=r"1 values are NaN or infinite \(first in volume 4, from 0\)"):
        read_masked_series(path, inside, grid((5, 4, 3)))
    with pytest.raises(DataError, match="but the mask has 5 × 4 × 2 voxels"):
        read_masked_series(path, inside[..., :2], grid((5, 4, 2)))


def test_of_a_scan_only_the_voxels_of_the_mask_are_in_memory(tmp_path):
    data = np.zeros((40, 40, 40, 64), np.int16)
    path, inside = saved(tmp_path / "bold.nii.gz", data), np.zeros((40, 40, 40), bool)
    inside[:20, :20, :20] = True

    tracemalloc.start()
    read_masked_series(path, inside, grid((40, 40, 40)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 0.5 * 4 * data.size


def test_the_same_data_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_volume(tmp_path / name / "map.nii.gz", scan(), grid((5, 4, 3)))

    assert (tmp_path / "a" / "map.nii.gz").read_bytes() == (tmp_path / "b" / "map.nii.gz").read_bytes()


def test_one_volume_of_a_series_is_named_by_its_number(tmp_path):
    data = scan()
    path = saved(tmp_path / "maps.nii.gz", data)

    volume, found = read_volume(tmp_path / "maps.nii.gz#6")

    np.testing.assert_array_equal(volume, data[..., 6])
    assert found.shape == (5, 4, 3)
    with pytest.raises(DataError, match=r"maps.nii.gz#7: the file has 7 volumes, counted from 0"):
        read_volume(tmp_path / "maps.nii.gz#7")
    with pytest.raises(DataError, match=r"expected one volume, found \(5, 4, 3, 7\); name one with maps.nii.gz#0"):
        read_volume(path)


def test_a_number_asks_for_a_series(tmp_path):
    saved(tmp_path / "map.nii.gz", scan()[..., 0])

    with pytest.raises(DataError, match=r"#0 asks for a volume of a 4-D file, found 3 dimensions"):
        read_volume(tmp_path / "map.nii.gz#0")


def test_a_series_of_one_volume_is_a_volume(tmp_path):
    path = saved(tmp_path / "map.nii.gz", scan()[..., :1])

    assert read_volume(path)[0].shape == (5, 4, 3)
    with pytest.raises(DataError, match=r"expected a 4-D scan, found shape \(5, 4, 3, 1\)"):
        read_series(path)


def test_nan_stays_nan_in_maps_and_is_refused_in_scans(tmp_path):
    data = scan()
    data[1, 2, 0, 3:5] = np.nan
    path = saved(tmp_path / "bold.nii.gz", data, tr_s=2.0)

    assert np.isnan(read_volume(tmp_path / "bold.nii.gz#3")[0]).sum() == 1
    with pytest.raises(DataError, match=r"bold.nii.gz: 2 values are NaN or infinite \(first in volume 3, from 0\)"):
        read_series(path)


def test_a_scan_that_was_cut_off_is_named(tmp_path):
    path = saved(tmp_path / "bold.nii.gz", scan(), tr_s=2.0)
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(DataError, match=r"bold.nii.gz: the data end early or are damaged"):
        read_series(path)


def test_an_uncompressed_scan_that_was_cut_off_is_named(tmp_path):
    path = saved(tmp_path / "bold.nii", scan(), tr_s=2.0)
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(DataError, match=r"bold.nii: the data end early or are damaged"):
        read_series(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"not an image", gzip.compress(b"not an image", mtime=0), gzip.compress(b"", mtime=0)[:5]],
    ids=["empty", "text", "zipped text", "cut zip"],
)
def test_a_file_that_is_no_image_is_named(tmp_path, content):
    path = tmp_path / "bold.nii.gz"
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"bold.nii.gz: not a readable NIfTI file"):
        read_series(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"bold.nii.gz: no such file"):
        read_grid(tmp_path / "bold.nii.gz")


def test_an_empty_mask_is_refused(tmp_path):
    empty = np.zeros((3, 3, 3), np.float32)
    empty[0, 0, 0] = np.nan

    with pytest.raises(DataError, match=r"mask.nii.gz: the mask is empty"):
        read_mask(saved(tmp_path / "mask.nii.gz", empty))


def test_a_mask_is_where_values_are_neither_zero_nor_nan(tmp_path):
    values = np.array([0, 1, -2, np.nan, 1.0001, 0], np.float32).reshape(6, 1, 1)

    mask, _ = read_mask(saved(tmp_path / "mask.nii.gz", values))

    assert mask.ravel().tolist() == [False, True, True, False, True, False]


@pytest.mark.parametrize(("step", "unit"), [(2.0, "sec"), (2000.0, "msec"), (2e6, "usec"), (2.0, "unknown")])
def test_the_header_gives_the_time_step_in_seconds_whatever_its_unit(tmp_path, step, unit):
    path = saved(tmp_path / "bold.nii.gz", scan(), tr_s=step, unit=unit)

    found, volumes, tr_s = read_grid(path)

    assert (found.shape, volumes) == ((5, 4, 3), 7)
    assert tr_s == pytest.approx(2.0)
    assert read_series(path).tr_s == pytest.approx(2.0)


def test_a_volume_has_no_time_step(tmp_path):
    assert read_grid(saved(tmp_path / "map.nii.gz", scan()[..., 0]))[1:] == (1, 0.0)


def test_an_atlas_joins_labels_and_names(tmp_path):
    labels = np.array([0, 1, 2, 2], np.int16).reshape(4, 1, 1)
    path = saved(tmp_path / "dseg.nii.gz", labels)

    atlas = read_atlas(path, {1: "amygdala", 2: "habenula"})

    np.testing.assert_array_equal(atlas.labels, labels)
    with pytest.raises(DataError) as caught:
        read_atlas(path, {2: "habenula", 3: "insula"})
    assert caught.value.faults == (f"{path}: label 1 has no name in the label table",)


def test_a_region_without_a_voxel_is_listed_and_not_refused(tmp_path):
    path = saved(tmp_path / "dseg.nii.gz", np.array([0, 1, 2, 2], np.int16).reshape(4, 1, 1))

    atlas = read_atlas(path, {1: "amygdala", 3: "insula", 2: "habenula"})

    assert dict(atlas.names) == {1: "amygdala", 2: "habenula"}
    assert atlas.absent == ("insula",)
    assert atlas.absent_note == "left out, without a voxel on this grid: insula"


def test_regions_of_one_name_are_told_apart_by_side(tmp_path):
    labels = np.zeros((5, 1, 1), np.int16)
    labels[:, 0, 0] = [2, 0, 0, 0, 1]
    affine = np.diag([1.0, 1, 1, 1])
    affine[0, 3] = -2  # x from -2 to 2 mm
    path = tmp_path / "dseg.nii.gz"
    nib.Nifti1Image(labels, affine).to_filename(path)

    assert dict(read_atlas(path, {1: "amygdala", 2: "amygdala"}).names) == {
        1: "amygdala (right)",
        2: "amygdala (left)",
    }


def test_negative_labels_are_the_other_side_of_a_region(tmp_path):
    labels = np.array([-1, 0, 1, 2], np.int16).reshape(4, 1, 1)
    affine = np.diag([1.0, 1, 1, 1])
    affine[0, 3] = -1.5
    path = tmp_path / "dseg.nii.gz"
    nib.Nifti1Image(labels, affine).to_filename(path)

    names = read_atlas(path, {1: "amygdala", 2: "midline"}).names

    assert dict(names) == {1: "amygdala (right)", -1: "amygdala (left)", 2: "midline"}


def test_nan_of_an_atlas_is_background_and_large_labels_keep_their_number(tmp_path):
    path = saved(tmp_path / "dseg.nii.gz", np.array([np.nan, 0, 614454277, 614454278]).reshape(4, 1, 1))

    atlas = read_atlas(path, {614454277: "a", 614454278: "b"})

    assert atlas.labels.ravel().tolist() == [0, 0, 614454277, 614454278]


def test_the_label_tables_of_real_rat_atlases_are_read(real_data):
    rat = real_data / "rat"
    sigma = read_label_table(rat / "sigma_waxholm" / "SIGMA_InVivo_Anatomical_Brain_Atlas.txt")
    atlas = read_atlas(rat / "sigma_waxholm" / "SIGMA_InVivo_Anatomical_Brain_Atlas.nii.gz", sigma)
    assert len(atlas.names) == 222
    assert len(set(atlas.names.values())) == 222
    swanson = read_label_table(rat / "swanson_awake" / "Swanson_90ROI_labels.csv")
    sides = read_atlas(rat / "swanson_awake" / "Swanson_180ROI_64x64x20.nii.gz", swanson)
    assert len(sides.names) == len(set(sides.names.values())) == 180
    epi = read_label_table(rat / "epi_sigma" / "ratEPIatlas_labels.csv")
    assert len(epi) == 59


def test_regions_of_sigma_that_resampling_loses_are_listed(real_data, tmp_path):
    folder = real_data / "rat" / "sigma_waxholm"
    image = nib.load(folder / "SIGMA_InVivo_Anatomical_Brain_Atlas.nii.gz")
    coarse = np.asarray(image.dataobj)[::2, ::2, ::2]  # 0.3 mm, each eighth voxel
    path = saved(tmp_path / "coarse.nii.gz", coarse)

    atlas = read_atlas(path, read_label_table(folder / "SIGMA_InVivo_Anatomical_Brain_Atlas.txt"))

    assert 0 < len(atlas.absent) < 10
    assert len(atlas.names) + len(atlas.absent) == 222


def test_an_interpolated_atlas_is_refused(tmp_path):
    path = saved(tmp_path / "dseg.nii.gz", np.array([0, 1, 1.5, 2], np.float32).reshape(4, 1, 1))

    with pytest.raises(DataError, match=r"holds whole-number labels; was it resampled with interpolation"):
        read_atlas(path, {1: "a", 2: "b"})


def test_real_big_endian_analyze_maps_are_read(real_data):
    path = real_data / "human" / "wager2008_reappraisal" / "con" / "con_00810001.img"

    volume, found = read_volume(path)

    image = nib.load(path)
    assert image.header.endianness == ">"  # else this file would show nothing
    np.testing.assert_allclose(found.voxel_mm, [3.4375, 3.4375, 4.5], rtol=1e-6)
    assert volume.dtype == np.float32
    np.testing.assert_allclose(volume, image.get_fdata()[..., 0], rtol=1e-6)
    # bytes in the wrong order would be numbers of any size, or NaN
    assert np.nanmax(np.abs(volume)) < 100


def test_the_real_rat_header_of_tenfold_size_is_read_as_it_stands(real_data):
    found, _, _ = read_grid(real_data / "rat" / "epi_sigma" / "ratEPItmp.nii.gz")

    np.testing.assert_allclose(found.voxel_mm.max(), 3.0, rtol=1e-3)


def scan_file(path, *, sform=None, qform=None):
    image = nib.Nifti1Image(np.ones((2, 3, 4, 5), np.float32), np.eye(4))
    image.set_sform(sform, code=0 if sform is None else 2)
    image.set_qform(qform, code=0 if qform is None else 1)
    image.to_filename(path)
    return path


def test_a_header_without_orientation_is_named(tmp_path):
    (found,) = orientation_faults(scan_file(tmp_path / "scan.nii"))

    assert found.startswith(f"{tmp_path / 'scan.nii'}: the affine is missing")


def test_two_orientations_that_mirror_each_other_are_named(tmp_path):
    (found,) = orientation_faults(scan_file(tmp_path / "scan.nii", sform=np.eye(4), qform=np.diag([-1.0, 1, 1, 1])))

    assert "qform and sform mirror each other" in found


@pytest.mark.parametrize("way", [np.eye(4), np.diag([-1.0, 1, 1, 1])], ids=["right", "left"])
def test_one_orientation_or_two_alike_are_sound(tmp_path, way):
    assert orientation_faults(scan_file(tmp_path / "one.nii", sform=way)) == ()
    assert orientation_faults(scan_file(tmp_path / "two.nii", sform=way, qform=way)) == ()


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (np.zeros((5, 4), np.float32), "2 dimensions, expected a volume"),
        (np.zeros((5, 4, 3), np.complex64), "holds complex64 values, expected one real number"),
        (np.zeros((5, 4, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")]), "expected one real number in each voxel"),
    ],
)
@pytest.mark.parametrize("reader", [read_volume, read_mask, read_series, read_grid, orientation_faults])
def test_slices_colors_and_complex_numbers_are_refused_by_every_reader(tmp_path, values, what, reader):
    path = saved(tmp_path / "odd.nii.gz", values)
    with pytest.raises(DataError, match=what):
        reader(path)
