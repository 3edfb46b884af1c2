"""Pages of quality: of a tiny study, made once; and the rule by which scans stand out."""

import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.tables import read_table
from cuecircuit.pipeline.quality import stands_out, write_quality

KEPT = ("ShA01", "LgA01")


def test_a_scan_far_on_the_bad_side_stands_out_and_one_on_the_good_side_does_not():
    table = pd.DataFrame(
        {
            "tsnr": [30.0, 31, 29, 30.5, 29.5, 12, 60],
            "dvars": [4.0, 4.1, 3.9, 4.05, 3.95, 9, 1],
            "framewise_displacement": [np.nan] * 7,
        }
    )

    assert stands_out(table) == ["none"] * 5 + ["tsnr, dvars", "none"]


def test_scans_that_are_all_alike_do_not_stand_out():
    table = pd.DataFrame({"tsnr": [30.0] * 5, "dvars": [4.0] * 5, "framewise_displacement": [0.1] * 5})

    assert stands_out(table) == ["none"] * 5


@pytest.fixture(scope="module")
def study(tiny_study, tmp_path_factory):
    """The tiny study with a table of the scans of two rats, one of them excluded."""
    root = tmp_path_factory.mktemp("quality")
    for path in tiny_study.parent.iterdir():
        (root / path.name).symlink_to(path)
    for name in ("study.yaml", "participants.tsv"):
        (root / name).unlink()
    rats = read_table(tiny_study.with_name("participants.tsv"))
    some = rats[rats["participant_id"].isin([f"sub-{rat}" for rat in KEPT])]
    some.to_csv(root / "participants.tsv", sep="\t", index=False, na_rep="n/a")
    text = tiny_study.read_text()
    file = root / "study.yaml"
    file.write_text(text.replace("  group: group\n", "  group: group\n  exclude: {LgA01: catheter not patent}\n", 1))
    return file


@pytest.mark.xdist_group("tiny")
def test_every_subject_has_a_page_and_the_group_one_that_leads_to_them(study, tmp_path, capsys):
    page = write_quality(study, tmp_path)

    text = page.read_text()
    table = read_table(tmp_path / "quality" / "scans.tsv", text=("subject", "excluded"))
    for rat in KEPT:
        assert f'href="sub-{rat}/index.html"' in text
        own = (page.parent / f"sub-{rat}" / "index.html").read_text()
        assert own.count("data:image/png") == 2  # two scans
    # whoever is excluded is shown with the reason, so that the reader can judge it
    assert set(table.loc[table["subject"] == "LgA01", "excluded"]) == {"catheter not patent"}
    assert table.loc[table["subject"] == "ShA01", "excluded"].isna().all()
    assert "quality: 2 of 2 subjects to do" in capsys.readouterr().err
    write_quality(study, tmp_path)
    assert "quality: 2 subjects up to date" in capsys.readouterr().err


@pytest.mark.xdist_group("tiny")
def test_a_subject_that_cannot_be_drawn_is_named_and_the_others_are_shown(study, tmp_path):
    events = next((study.parent / "sub-LgA01").glob("func/*run-1_events.tsv"))
    text = events.read_text()
    events.write_text(text.replace("\n60\t", "\n60, 140, 220\t", 1))
    try:
        with pytest.raises(
            DataError, match=r"sub-LgA01_task-odor_run-1_events.tsv:2: onset holds 3 values in one cell"
        ):
            write_quality(study, tmp_path)
    finally:
        events.write_text(text)

    table = read_table(tmp_path / "quality" / "scans.tsv", text=("subject",))
    assert set(table["subject"]) == {"ShA01"}
