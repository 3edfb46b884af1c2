"""Raw scans of one rat, distorted by a planted field: two runs of opposite phase encoding and a reversed image."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from cuecircuit.errors import DataError
from cuecircuit.figures.quality import quality_page
from cuecircuit.generators.native import FOLDER
from cuecircuit.imaging.unwarping import Distortion
from cuecircuit.io.nifti import read_series, read_volume
from cuecircuit.nodes.preprocess import _raw_study, preprocess_study
from cuecircuit.nodes.quality import _look, directions_view
from cuecircuit.nodes.simulate import simulate_design
from cuecircuit.records.grid import Grid
from cuecircuit.tables.scans import study_scans
from cuecircuit.tables.study_files import read_study
from tests.nodes.test_preprocess import PREPROCESS, STUDY, inside_template

pytestmark = pytest.mark.xdist_group("susceptibility")
ONE_SESSION = STUDY.replace("{session: [early, late], ", "{").replace("within: [cue, session]", "within: cue")
AXIS, CUT, FACTORS = 1, 2, {"run-1": 1.0, "run-2": -1.0}


def field(grid: Grid, *, cut: int = 0) -> Distortion:
    """Displace signal by up to 1.5 mm to both sides; `cut`: planes that the grid has lost."""
    share = (np.indices(grid.shape).reshape(3, -1).T + 0.5) / (*grid.shape[:2], grid.shape[2] + cut)
    bumps = [(1.5, [0.7, 0.5, 0.4]), (-1.2, [0.35, 0.5, 0.6])]
    mm = sum(peak * np.exp(-(((share - place) / 0.15) ** 2).sum(axis=1) / 2) for peak, place in bumps)
    return Distortion(displacement_mm=mm.reshape(grid.shape), grid=grid, axis=AXIS)


@pytest.fixture(scope="module")
def raw_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("ants", reason="antspyx (extra preprocess) is not installed")
    folder = tmp_path_factory.mktemp("raw")
    design = folder / "design.yaml"
    design.write_text(ONE_SESSION)
    study = simulate_design(str(design), folder / "study", seed=4, scale="tiny")
    for path in sorted(study.parent.glob("sub-*/func/*_bold.nii.gz")):
        run = path.name.split("_")[-2]
        _distort(path, FACTORS[run])
        if run == "run-2":
            reverse = path.parents[1] / "fmap" / path.name.replace("_task-cues_run-2_bold", "_dir-PA_epi")
            reverse.parent.mkdir()
            image = nib.load(path)
            nib.Nifti1Image(np.asarray(image.dataobj)[..., :10].mean(axis=3), image.affine).to_filename(reverse)
            intended = [f"func/{path.name}", f"func/{path.name.replace('run-2', 'run-1')}"]
            notes = {"PhaseEncodingDirection": "j-", "TotalReadoutTime": 0.02, "IntendedFor": intended}
            reverse.with_name(reverse.name.replace(".nii.gz", ".json")).write_text(json.dumps(notes))
    text = study.read_text().replace("norvegicus", "norvegicus, exclude: {'02': one rat suffices}")
    text = text.replace("runs: combine}", f"runs: combine, derivatives: {FOLDER}}}")
    study.write_text(text.replace("space/", f"{FOLDER}/space/") + PREPROCESS)
    return study


def _distort(path: Path, factor: float) -> None:
    """Move the signal of a scan; its top planes, part of them brain, were not measured."""
    image = nib.load(path)
    scan = read_series(path)
    data = np.stack([field(scan.grid).distorted(one, factor=factor) for one in np.moveaxis(scan.data, 3, 0)], axis=3)
    nib.Nifti1Image(data[:, :, : data.shape[2] - CUT], image.affine, image.header).to_filename(path)
    sidecar = path.with_name(path.name.replace(".nii.gz", ".json"))
    notes = {"PhaseEncodingDirection": "j" if factor > 0 else "j-", "TotalReadoutTime": 0.02}
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | notes))


def agreement_of_runs(study: Path) -> float:
    """Return the correlation of the means of both runs, which one head would have at 1."""
    inside = inside_template(study.parent / FOLDER)
    one, two = (read_series(scan.bold).data[inside] for scan in study_scans(read_study(study)).scans)
    seen = (one > 0).all(axis=1) & (two > 0).all(axis=1)
    return float(np.corrcoef(one[seen].mean(axis=1), two[seen].mean(axis=1))[0, 1])


def test_runs_of_opposite_directions_meet_and_the_sidecar_says_how(raw_study: Path):
    out = preprocess_study(raw_study, raw_study.parent / FOLDER)

    assert agreement_of_runs(raw_study) > 0.8  # 0.94 measured, 0.5 without correction
    for run, factor in FACTORS.items():
        sidecar = next(out.glob(f"sub-*/func/*{run}*_desc-preproc_bold.json"))
        assert json.loads(sidecar.read_text())["outside_the_scan"] > 0.05
        notes = json.loads(sidecar.read_text())["Susceptibility"]
        assert notes["factor"] == factor
        assert notes["agreement_after"] > max(0.98, notes["agreement_before"])
        assert notes["largest_displacement_mm"] == pytest.approx(1.5, abs=0.3)
        images = nib.load(sidecar.parent / notes["directions"])
        assert images.shape[3] == 4
        found, grid = read_volume(sidecar.parent / notes["displacement"])
        brain = read_volume(next(sidecar.parent.glob("*_desc-brain_mask.nii.gz")))[0] > 0
        assert np.sqrt(((found - field(grid, cut=CUT).displacement_mm)[brain] ** 2).mean()) < 0.1


def test_the_page_of_quality_shows_both_directions_before_and_after(raw_study: Path):
    files = read_study(raw_study)
    scan = study_scans(files).scans[0]

    page = directions_view(scan)

    assert page is not None
    assert page.agreement[1] > page.agreement[0]
    figure = quality_page(_look(files, False, scan)[1])
    labels = [axes.get_title() for axes in figure.axes]
    assert sum("directions" in label for label in labels) == 2


def test_images_that_contradict_stop_before_anything_is_done(raw_study: Path):
    sidecar = next(raw_study.parent.glob("sub-01/fmap/*.json"))
    before = sidecar.read_text()
    sidecar.write_text(before.replace('"j-"', '"j"'))
    try:
        with pytest.raises(DataError, match=r"preprocess\.susceptibility: none"):
            _raw_study(read_study(raw_study))
    finally:
        sidecar.write_text(before)


def test_nothing_is_corrected_where_the_study_says_none(raw_study: Path, tmp_path: Path, capsys):
    study = raw_study.with_name("none.yaml")
    study.write_text(raw_study.read_text().replace("registration: rigid", "registration: rigid, susceptibility: none"))

    assert _raw_study(read_study(study)).pairs == {}
    assert "left as it is in 1 of 1 sessions; 1 of them have a folder fmap" in capsys.readouterr().err
