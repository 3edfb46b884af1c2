"""A run of six rats, two scans each, from raw files to the page: what is written, and what is done again."""

import base64
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from distributed import LocalCluster
from scipy import stats

from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.tables import read_json, read_table
from cuecircuit.models.model import Model
from cuecircuit.nodes.run import rewrite_page, run_study
from cuecircuit.pipeline.map_tests.command import group_command
from tests.bytes_of import hashes
from tests.nodes.shown_results import assert_all_shown

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("rats")]
MAPS = "questions/access_by_cue"
# work of each subject, shared work and tests of maps; figures and page follow from them as in every other run
COMPUTED = ("subjects", "operant", "trials", "maps", "questions.access_by_cue", "regions")


def in_place(study: Path, name: str, *edits: tuple[str, str]) -> Path:
    """Write another study file beside that of the data set."""
    text = study.read_text(encoding="utf-8")
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (other := study.with_name(name)).write_text(text, encoding="utf-8")
    return other


def test_every_table_has_a_sidecar_that_describes_each_column(few_results: Path) -> None:
    tables = [path for path in few_results.rglob("*.tsv") if ".cuecircuit" not in path.parts]
    tables.remove(few_results / "report" / "pagetab.tsv")  # PageTab is no table: it has no columns to describe
    assert len(tables) > 50
    for path in tables:
        assert list(read_table(path).columns) == list(read_json(path.with_suffix(".json"))), path


def test_the_page_shows_or_links_every_result_and_is_small(few_results: Path) -> None:
    assert_all_shown(few_results)
    assert (few_results / "report.html").stat().st_size < 3_000_000


def test_maps_are_on_the_grid_of_the_scans_and_follow_from_one_another(few_rats: Path, few_results: Path) -> None:
    scan = nib.load(next(few_rats.parent.glob("sub-*/func/*_bold.nii.gz")))
    for path in few_results.rglob("*_statmap.nii.gz"):
        image = nib.load(path)
        assert image.shape == scan.shape[:3]
        np.testing.assert_allclose(image.affine, scan.affine, atol=1e-6)
    stem = few_results / MAPS / "contrast-groupXcue_stat-{}_statmap.nii.gz"
    f, p, z = (nib.load(str(stem).format(kind)).get_fdata() for kind in "Fpz")
    tested = f != 0
    df2 = read_table(few_results / MAPS / "terms.tsv").set_index("term").loc["group:cue", "df2"]
    np.testing.assert_allclose(p[tested], stats.f.sf(f[tested], 1, df2), rtol=1e-4)  # maps of F are float32
    np.testing.assert_allclose(np.abs(z[tested]), stats.norm.isf(p[tested] / 2), rtol=1e-4, atol=1e-5)


def test_the_table_of_maps_gives_the_same_maps_by_the_command(
    few_rats: Path, few_results: Path, tmp_path: Path
) -> None:
    mask = few_rats.parent / "derivatives/template/tpl-drawn_desc-brain_mask.nii.gz"
    model = Model(
        subject="subject",
        between=("group",),
        within=("cue", "block"),
        covariates=("respiration",),
        factors={"group": ("ShA", "LgA"), "cue": ("saline", "naloxone"), "block": ("early", "late")},
    )
    group_command(few_results / MAPS / "maps.tsv", tmp_path / "out", mask, model=model, correction=None)
    name = "contrast-groupXcue_stat-F_statmap.nii.gz"
    again, f = (nib.load(folder / name).get_fdata() for folder in (tmp_path / "out", few_results / MAPS))
    # the table has ten digits of breathing, and maps are float32; an F of nearly 0 is a difference of large sums
    np.testing.assert_allclose(again, f, rtol=1e-6, atol=1e-9)


def test_where_no_voxel_survives_regions_have_no_number_and_the_page_is_written(few_results: Path) -> None:
    terms = read_table(few_results / MAPS / "terms.tsv").set_index("term")
    assert terms.loc["group:cue", "significant_voxels"] == 0
    correlations = read_table(few_results / "questions/withdrawal_severity/correlation.tsv")
    assert len(correlations) == 19
    assert correlations["n"].eq(0).all()
    assert correlations[["r", "p", "q"]].isna().all(axis=None)
    assert read_table(few_results / "questions/in_cluster/terms.tsv")["p"].isna().all()
    assert read_table(few_results / "questions/withdrawal_severity_region/correlation.tsv")["r"].notna().all()
    assert (few_results / "report.html").is_file()


def test_a_changed_setting_redoes_only_what_depends_on_it(
    few_rats: Path, few_results: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = Path(shutil.copytree(few_results, tmp_path / "out"))
    run_study(in_place(few_rats, "seven.yaml", ("    draws: 200\n", "    draws: 250\n")), out)
    said = capfd.readouterr().err
    assert "questions.withdrawal_severity: setting question.draws changed" in said
    assert "questions.access_by_cue: up to date" in said
    assert "questions.withdrawal_severity_region: up to date" in said


def test_an_excluded_subject_leaves_every_table(few_rats: Path, few_results: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(few_results, tmp_path / "out"))
    other = in_place(few_rats, "fewer.yaml", ("subjects:\n", "subjects:\n  exclude: { LgA03: catheter not patent }\n"))
    run_study(other, out, stages=("subjects", "operant", "trials", "maps", "questions.escalation"))
    assert not (out / "sub-LgA03").exists()
    for name in ("tables/operant", "tables/trials", "tables/maps.responses", "questions/escalation/rows"):
        assert "LgA03" not in set(read_table(out / f"{name}.tsv", text=("subject",))["subject"]), name


def test_the_recipe_gives_the_same_bytes_by_two_processes_and_stops_at_another_input(
    few_rats: Path, few_results: Path, tmp_path: Path
) -> None:
    program = Path(sys.executable).with_name("cuecircuit")
    recipe = ["sh", str(few_results / "report" / "rerun.sh"), str(few_rats.parent), str(program)]
    done = subprocess.run(recipe, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("every file has the same bytes\n"), done.stderr
    assert hashes(tmp_path / "rerun-results") == hashes(few_results)
    study = shutil.copytree(few_rats.parent, tmp_path / "study")
    with (study / "participants.tsv").open("a", encoding="utf-8") as table:
        table.write("\n")
    recipe[2:] = [str(study), "false"]
    done = subprocess.run(recipe, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "participants.tsv: FAILED" in done.stdout


def test_results_of_another_version_are_not_mixed_into_a_page(few_results: Path, tmp_path: Path, monkeypatch) -> None:
    out = Path(shutil.copytree(few_results, tmp_path / "moved"))
    page = (out / "report.html").read_bytes()
    assert rewrite_page(out).read_bytes() == page
    monkeypatch.setattr("cuecircuit.nodes.run.code_hash", lambda: "another")
    with pytest.raises(DataError, match="another version of cuecircuit"):
        rewrite_page(out)


def test_a_study_with_faults_computes_nothing(few_rats: Path, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"TR is 2 s in the header and 1\.5 s in the study"):
        run_study(in_place(few_rats, "wrong.yaml", ("tr_s: 2.0", "tr_s: 1.5")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def computed(out: Path) -> dict[str, str]:
    """Hashes of the files that the stages `COMPUTED` make."""
    places = ("sub-", "tables/subjects", "tables/maps", "tables/regions", MAPS)
    files = {name: digest for name, digest in hashes(out).items() if name.startswith(places)}
    assert {name[:4] for name in files} == {"sub-", "tabl", "ques"}
    return files


def test_a_cluster_that_loses_a_worker_gives_the_same_bytes(few_rats: Path, few_results: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def kill_a_worker() -> None:
        while not any(out.glob("sub-*")):
            time.sleep(0.05)
        os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        first = {worker.pid for worker in cluster.workers.values()}
        killer = threading.Thread(target=kill_a_worker, daemon=True)
        killer.start()
        run_study(few_rats, out, stages=COMPUTED, dask=cluster.scheduler_address)
        killer.join()
        assert first - {worker.pid for worker in cluster.workers.values()}, "the worker was not killed"
    assert computed(out) == computed(few_results)


@pytest.fixture
def small_disk(tmp_path: Path):
    """A disk of half a megabyte, and how to give it more room."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(*options: str) -> bool:
        return subprocess.run(["mount", *options, disk], capture_output=True, check=False).returncode == 0

    if shutil.which("mount") is None or not mount("-t", "tmpfs", "-o", "size=512k", "tmpfs"):
        pytest.skip("a small disk cannot be mounted here (needs root)")
    yield disk, lambda: mount("-o", "remount,size=100m")
    subprocess.run(["umount", disk], check=True)


def test_a_run_on_a_full_disk_goes_on_when_there_is_room(few_rats: Path, few_results: Path, small_disk) -> None:
    (disk, more_room), out = small_disk, small_disk[0] / "out"
    with pytest.raises(DataError, match=r"writing failed \(No space left on device\)"):
        run_study(few_rats, out, stages=COMPUTED)
    finished = hashes(out)
    assert finished
    assert not list(disk.rglob(".unfinished*"))

    assert more_room()
    run_study(few_rats, out, stages=COMPUTED)

    assert computed(out) == computed(few_results)


def contents(study: Path, out: Path) -> dict[str, bytes]:
    """Every file of the results, less the hashes that name the table of participants and the page that shows them."""
    table, page = study.parent / "participants.tsv", out / "report.html"
    digests = [hashlib.sha256(path.read_bytes()).hexdigest().encode() for path in (table, page)]
    found = {}
    for path in out.rglob("*"):
        if path.is_file() and ".cuecircuit" not in path.parts:
            content = path.read_bytes()
            if path == page:  # the hashes are a table to take away as well
                packed = rb'(download="inputs.tsv" href="data:text/tab-separated-values;base64,)([^"]+)'
                content = re.sub(packed, lambda link: link[1] + base64.b64decode(link[2]), content)
            for digest in digests:
                content = content.replace(digest, b"")
            found[str(path.relative_to(out))] = content
    return found


def test_rows_of_participants_and_files_of_a_disk_may_be_in_any_order(ran, tmp_path: Path) -> None:
    data, results = ran("alcohol_mice")
    study = tmp_path / "study"
    for path in sorted(data.rglob("*"), reverse=True):
        if path.is_file() and path.name != "others.yaml":
            new = study / path.relative_to(data)
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, new)
    head, *rows = (study / "participants.tsv").read_text().splitlines(keepends=True)
    (study / "participants.tsv").write_text("".join([head, *rows[1::2], *reversed(rows[::2])]))

    run_study(study / "study.yaml", tmp_path / "results")

    one, other = contents(data / "study.yaml", results), contents(study / "study.yaml", tmp_path / "results")
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []
