"""Raw scans of rats that lie differently in the scanner, brought to the drawn template and analyzed there."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError, StudyError
from cuecircuit.imaging.registration import dice
from cuecircuit.io.nifti import read_mask, read_volume
from cuecircuit.io.tables import read_table
from cuecircuit.pipeline.preprocess import preprocess_study
from cuecircuit.pipeline.run import run_study
from cuecircuit.pipeline.simulate import simulate
from cuecircuit.pipeline.space import read_named_atlas
from cuecircuit.simulation.brain import draw_brain
from cuecircuit.simulation.native import FOLDER

KEPT = ("ShA01", "ShA02", "ShA03", "LgA01", "LgA02", "LgA03")
DAMAGED = "LgA02"


@pytest.fixture(scope="module")
def raw_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six rats of a tiny study, each lying its own way; the others are excluded, which keeps the test short."""
    study = simulate("carmack2019", tmp_path_factory.mktemp("raw") / "study", scale="tiny", native=True)
    rats = read_table(study.with_name("participants.tsv"))["participant_id"].str.removeprefix("sub-")
    excluded = ", ".join(f"{rat}: not needed here" for rat in rats if rat not in KEPT)
    text = study.read_text()
    assert "  group: group\n" in text
    study.write_text(text.replace("  group: group\n", f"  group: group\n  exclude: {{{excluded}}}\n", 1))
    return study


@pytest.fixture(scope="module")
def preprocessed(raw_study: Path) -> tuple[Path, str]:
    """The derivative, made while one rat's scan was damaged; and what was said of it."""
    pytest.importorskip("ants", reason="antspyx (extra preprocess) is not installed")
    out = raw_study.parent / FOLDER
    scan = next(raw_study.parent.glob(f"sub-{DAMAGED}/func/*run-1_bold.nii.gz"))
    whole = scan.read_bytes()
    scan.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError) as failed:
        preprocess_study(raw_study, out)
    scan.write_bytes(whole)
    return out, str(failed.value)


@pytest.mark.xdist_group("preprocess")
def test_a_damaged_scan_is_named_and_stops_no_other_rat(preprocessed):
    out, said = preprocessed

    assert said.count("\n") == 0
    assert f"sub-{DAMAGED}_task-odor_run-1_bold.nii.gz: the data end early or are damaged" in said
    done = {path.name for path in out.glob("sub-*")}
    assert done == {f"sub-{rat}" for rat in KEPT if rat != DAMAGED}


@pytest.mark.xdist_group("preprocess")
def test_only_the_rat_that_failed_is_done_again(preprocessed, raw_study, capsys):
    out, _ = preprocessed

    preprocess_study(raw_study, out)

    assert "preprocess: 1 of 6 subjects to do (not done yet)" in capsys.readouterr().err
    assert (out / f"sub-{DAMAGED}" / "func").is_dir()
    preprocess_study(raw_study, out)
    assert "preprocess: 6 subjects up to date" in capsys.readouterr().err


@pytest.mark.xdist_group("preprocess")
def test_the_brain_is_found_where_each_rat_has_it(preprocessed):
    out, _ = preprocessed
    own = draw_brain("tiny")  # slices are laid on the head, so on its own scan each brain lies as drawn

    for path in sorted(out.glob("sub-*/func/*_desc-brain_mask.nii.gz")):
        mask, _ = read_mask(path)
        # two drawings of one brain, on voxels of 2 mm³ and of 0.25 mm³, overlap by 0.977 when they lie alike
        assert dice(mask, own.mask) > 0.88


@pytest.mark.xdist_group("preprocess")
def test_maps_of_raw_scans_have_the_planted_responses(preprocessed, raw_study, tmp_path):
    out, _ = preprocessed
    preprocess_study(raw_study, out)

    run_study(raw_study, tmp_path, stages=("firstlevel",))

    atlas = read_named_atlas(out / "space" / "atlas.nii.gz", out / "space" / "atlas.tsv")
    rows = []
    for path in sorted(tmp_path.glob("sub-*/func/*_cells.tsv")):
        for cell in read_table(path, text=("subject",)).to_dict("records"):
            values, _ = read_volume(tmp_path / cell["map_unsmoothed"])
            for label, region in atlas.names.items():
                percent = np.nanmean(np.where(values == 0, np.nan, values)[atlas.labels == label])
                rows.append((f"sub-{cell['subject']}", cell["cue"], region, percent))
    found = pd.DataFrame(rows, columns=["participant_id", "cue", "region", "found"])
    planted = read_table(raw_study.parent / "truth" / "responses.tsv", text=("participant_id",))
    both = found.groupby(["participant_id", "cue", "region"], as_index=False).mean().merge(planted)
    assert len(both) == len(KEPT) * 2 * len(atlas.names)
    # regions of a few voxels keep their noise, and what is read beside a region thins its response
    assert np.corrcoef(both["found"], both["percent"])[0, 1] > 0.8
    assert 0.5 < np.polyfit(both["percent"], both["found"], 1)[0] < 1.1


@pytest.mark.xdist_group("tiny")
def test_a_study_without_the_section_is_refused(tiny_study, tmp_path):
    with pytest.raises(StudyError, match="no section `preprocess`"):
        preprocess_study(tiny_study, tmp_path / "out")
