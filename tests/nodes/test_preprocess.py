"""Raw scans of two rats, two sessions and two runs of two echoes, each session lying its own way, in one space."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError, StudyError
from cuecircuit.generators.brain import draw_brain
from cuecircuit.generators.native import FOLDER, draw_head, lying
from cuecircuit.imaging.nuisance import MOTION_NAMES
from cuecircuit.imaging.registration import dice
from cuecircuit.io.nifti import read_mask, read_series, read_volume
from cuecircuit.io.tables import read_table
from cuecircuit.nodes.preprocess import preprocess_study
from cuecircuit.nodes.run import run_study
from cuecircuit.nodes.simulate import simulate_design
from cuecircuit.pipeline.space import read_named_atlas
from cuecircuit.records.grid import Grid
from cuecircuit.study.reading import parse_study
from cuecircuit.tables.scans import study_scans
from cuecircuit.tables.study_files import read_study

pytestmark = pytest.mark.xdist_group("preprocess_sessions")

STUDY = """
about: {title: Cues in two sessions}
subjects: {species: Rattus norvegicus}
factors: {session: [early, late], cue: [neutral, cocaine]}
trials: {cells: cue}
scans: {task: cues, tr_s: 2.0, runs: combine}
space: {mask: space/mask.nii.gz, atlas: space/atlas.nii.gz, labels: space/atlas.tsv, origin: bregma}
nuisance: {motion: 6, drift_period_s: 128}
maps: {task: {kind: glm, cells: cue, hrf: rat}}
correction: {method: none, alpha: 0.05}
questions: {cues: {of: maps.task, within: [cue, session]}}
simulation:
  n: {all: 2}
  base: [{in: maps.task, mean: 0, between_sd: 1.0, within_sd: 1.0}]
"""
PREPROCESS = "\npreprocess: {voxel_mm: 1.0, registration: rigid}\n"


@pytest.fixture(scope="module")
def raw_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study file of scans that lie as the rats lay; second runs start a plane further forward.

    Those of the first rat are a plane shorter, those of the second end a plane further forward as well.
    """
    folder = tmp_path_factory.mktemp("raw")
    design = folder / "design.yaml"
    design.write_text(STUDY)
    study = simulate_design(str(design), folder / "study", seed=4, scale="tiny")
    rng = np.random.default_rng(1)
    heads: dict[str, np.ndarray] = {}
    for path in sorted(study.parent.glob("sub-*/ses-*/func/*_bold.nii.gz")):
        image = nib.load(path)
        head = heads.setdefault(str(path.parent), draw_head(rng))
        grid = lying(Grid(shape=image.shape[:3], affine=image.affine), head)
        moved = nib.Nifti1Image(np.asarray(image.dataobj), grid.affine)
        moved.header.set_zooms(image.header.get_zooms())
        moved.header.set_xyzt_units("mm", "sec")
        cut = moved.slicer[:, 1:]
        if "run-2" in path.name and "sub-02" in path.name:
            cut = nib.Nifti1Image(np.pad(cut.dataobj, ((0, 0), (0, 1), (0, 0), (0, 0))), cut.affine, cut.header)
        write_echoes(path, cut if "run-2" in path.name else moved)
    text = study.read_text().replace("runs: combine}", f"runs: combine, echo: combined, derivatives: {FOLDER}}}")
    study.write_text(text.replace("space/", f"{FOLDER}/space/") + PREPROCESS)
    return study


def write_echoes(path: Path, image: nib.Nifti1Image) -> None:
    """Write a scan as two echoes of a tissue with T2* of 20 ms."""
    for number, te in enumerate((0.012, 0.024), 1):
        name = path.name.replace("_bold", f"_echo-{number}_bold")
        data = np.asarray(image.dataobj, np.float32) * np.float32(np.exp(-te / 0.02))
        nib.Nifti1Image(data, image.affine, image.header).to_filename(path.with_name(name))
        path.with_name(name.replace(".nii.gz", ".json")).write_text(json.dumps({"EchoTime": te}))
    path.unlink()


@pytest.fixture(scope="module")
def preprocessed(raw_study: Path) -> Path:
    pytest.importorskip("ants", reason="antspyx (extra preprocess) is not installed")
    return preprocess_study(raw_study, raw_study.parent / FOLDER)


def inside_template(folder: Path) -> np.ndarray:
    return read_mask(folder / "space" / "mask.nii.gz")[0]


def test_sessions_and_runs_are_found_again_as_scans_of_the_study(preprocessed, raw_study):
    scans = study_scans(read_study(raw_study)).scans

    found = {(scan.subject, scan.session, scan.run) for scan in scans}
    subjects = {scan.subject for scan in scans}
    assert len(subjects) == 2
    assert found == {(who, session, run) for who in subjects for session in ("early", "late") for run in (1, 2)}
    for scan in scans:
        assert scan.bold.parent == preprocessed / f"sub-{scan.subject}" / f"ses-{scan.session}" / "func"
        assert scan.entities == {"space": "template", "desc": "preproc"}
        assert scan.confounds is not None
        assert f"ses-{scan.session}_task-cues_run-{scan.run}_" in scan.confounds.name
        assert scan.events is not None
        assert f"ses-{scan.session}_task-cues_run-{scan.run}_" in scan.events.name
        assert list(read_table(scan.confounds)) == [*MOTION_NAMES, "framewise_displacement", "dvars"]


def test_the_brain_is_found_in_every_session(preprocessed):
    own = draw_brain("tiny")
    masks = sorted(preprocessed.glob("sub-*/ses-*/func/*_desc-brain_mask.nii.gz"))

    assert len(masks) == 4
    for path in masks:
        # as for single sessions: two drawings of one brain at these voxels overlap by 0.977 at most
        assert dice(read_mask(path)[0], own.mask) > 0.88


def test_runs_on_other_grids_meet_in_the_first_run_of_their_session(preprocessed, raw_study):
    inside = inside_template(preprocessed)
    means: dict[tuple[str, str | None], list[np.ndarray]] = {}
    for scan in study_scans(read_study(raw_study)).scans:
        mean = read_series(scan.bold).data[inside].mean(axis=1)
        means.setdefault((scan.subject, scan.session), []).append(mean)

    assert len(means) == 4
    for first, second in means.values():
        seen = (first > 0) & (second > 0)
        assert seen.mean() > 0.8
        # half a slice off, runs agree by 0.6 to 0.75
        assert np.corrcoef(first[seen], second[seen])[0, 1] > 0.98


def test_maps_of_every_session_have_its_planted_responses(preprocessed, raw_study, tmp_path):
    run_study(raw_study, tmp_path, stages=("subjects", "visits", "trials", "maps"))

    atlas = read_named_atlas(preprocessed / "space" / "atlas.nii.gz", preprocessed / "space" / "atlas.tsv")
    rows = []
    for cell in read_table(tmp_path / "tables" / "maps.task.tsv", text=("subject",)).to_dict("records"):
        values, _ = read_volume(tmp_path / cell["map"])
        for label, region in atlas.names.items():
            percent = np.nanmean(values[atlas.labels == label])
            rows.append((cell["subject"], cell["session"], cell["cue"], region, percent))
    found = pd.DataFrame(rows, columns=["subject", "session", "cue", "region", "found"])
    planted = read_table(raw_study.parent / "truth" / "drawn" / "maps.task.tsv", text=("subject",))
    both = found.merge(planted)
    assert len(both) == 2 * 2 * 2 * len(atlas.names)
    for _, own in both.groupby(["subject", "session"]):
        # regions of a few voxels keep their noise, and what is read beside a region thins its response
        assert np.corrcoef(own["found"], own["value"])[0, 1] > 0.7
        assert 0.4 < np.polyfit(own["value"], own["found"], 1)[0] < 1.1


def test_transforms_are_kept_where_a_killed_run_is_swept(raw_study, tmp_path, monkeypatch):
    pytest.importorskip("ants", reason="antspyx (extra preprocess) is not installed")
    folders = []

    def stop(*_, folder, **__):
        folders.append(folder)
        raise DataError("seen enough")

    monkeypatch.setattr("cuecircuit.pipeline.preprocess.align", stop)
    with pytest.raises(DataError, match="seen enough"):
        preprocess_study(raw_study, tmp_path / "out")
    assert folders
    assert all(folder.is_relative_to(tmp_path / "out") for folder in folders)


def test_a_second_call_does_nothing_again(preprocessed, raw_study, capsys):
    preprocess_study(raw_study, preprocessed)

    said = capsys.readouterr().err
    assert "preprocess: 2 subjects up to date" in said
    assert "takes its scans from" not in said


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("runs: combine", "runs: combine, space: bregma", "scans.space: bregma, but preprocess makes scans with space"),
        ("runs: combine", "runs: combine, res: '2'", "scans.res: 2, but preprocess makes scans with res none"),
        ("runs: combine", "runs: combine, table: scans.tsv", "leave out scans.table"),
        ("runs: combine", "runs: combine, entities: {desc: brain}", "brain, but preprocess makes scans with desc"),
    ],
)
def test_what_preprocess_makes_and_the_study_would_not_find_is_a_fault(old, new, fault):
    with pytest.raises(StudyError, match=fault):
        parse_study(STUDY.replace(old, new) + PREPROCESS)


def test_a_study_without_the_section_is_refused(tmp_path):
    study = tmp_path / "study.yaml"
    study.write_text(STUDY)

    with pytest.raises(StudyError, match="no section `preprocess`"):
        preprocess_study(study, tmp_path / "out")
