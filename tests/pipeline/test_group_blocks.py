"""Maps in blocks of voxels on disk: the numbers of the array functions, bounded memory, any engine."""

import os
import signal
import threading
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from distributed import LocalCluster

from cuecircuit.errors import DataError
from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.group.permutation import PermutationSettings
from cuecircuit.models.model import Model
from cuecircuit.pipeline.map_tests import blocks as group_blocks
from cuecircuit.pipeline.map_tests.command import group_command
from cuecircuit.pipeline.map_tests.corrections import Comparison
from cuecircuit.pipeline.map_tests.permuted import Permutation
from cuecircuit.stats.mixed_fit import fit_mixed
from cuecircuit.stats.mixed_model import mixed_model
from cuecircuit.stats.strata import strata_anova
from cuecircuit.stats.strata_design import MixedDesign
from tests.bytes_of import hashes

N = 12
STRATA = Model(subject="rat", between=("access",), within=("cue",), block=32)
MIXED = Model(subject="rat", formula="access*cue + (1|rat)", block=32)
SIMULATION = CorrectionSettings(voxel_p=0.01, alpha=0.05, iterations=200)
PERMUTATION = PermutationSettings(voxel_p=0.01, n_permutations=300)


def write_study(folder: Path, shape: tuple[int, int, int], n: int = N) -> np.ndarray:
    """Maps of n rats in two cues, one file each; gives them by rat, cue and voxel of the mask."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(7)
    inside = np.zeros(shape, np.uint8)
    inside[1:-1, 1:-1, 1:-1] = 1
    nib.Nifti1Image(inside, np.eye(4)).to_filename(folder / "mask.nii")
    rows, y = [], np.empty((n, 2, int(inside.sum())), np.float32)
    for rat in range(n):
        own = rng.standard_normal(shape, dtype=np.float32)
        for cue in range(2):
            name = f"r{rat:03d}_{cue}.nii"
            data = own + rng.standard_normal(shape, dtype=np.float32)
            nib.Nifti1Image(data, np.eye(4)).to_filename(folder / name)
            y[rat, cue] = data[inside > 0]
            rows.append(
                {"rat": f"r{rat:03d}", "access": ("ShA", "LgA")[rat % 2], "cue": ("nal", "sal")[cue], "map": name}
            )
    pd.DataFrame(rows).to_csv(folder / "maps.tsv", sep="\t", index=False)
    return y


def small_parts(monkeypatch, n_maps: int, n_voxels: int, *, few: int = 5) -> None:
    """Make blocks of 64 voxels, and parts of a few maps."""
    monkeypatch.setattr(group_blocks, "_BLOCK_NUMBERS", 64 * n_maps)
    monkeypatch.setattr(group_blocks, "_READ_NUMBERS", few * n_voxels)
    monkeypatch.setattr(group_blocks, "_BACK_NUMBERS", few * n_voxels)


def run(folder: Path, name: str, design, correction=None, **options) -> Path:
    out = folder / name
    group_command(folder / "maps.tsv", out, folder / "mask.nii", model=design, correction=correction, **options)
    return out


def values(out: Path, name: str) -> np.ndarray:
    inside = nib.load(out.parent / "mask.nii").get_fdata() > 0
    return np.asarray(nib.load(out / f"contrast-{name}_statmap.nii.gz").dataobj)[inside]


def test_the_maps_are_bit_for_bit_those_of_the_array_functions(tmp_path, monkeypatch):
    y = write_study(tmp_path, (9, 8, 9))
    small_parts(monkeypatch, 2 * N, y.shape[2])
    access = ["ShA", "LgA"] * (N // 2)
    # the order that rows of a table are put into: levels by letters, as nobody declares them, then subjects
    rats = np.argsort(np.array(access) == "ShA", kind="stable")
    between = {"access": [access[rat] for rat in rats]}
    plan = MixedDesign(subjects=[f"r{rat}" for rat in rats], between=between, within={"cue": ("nal", "sal")})
    by_strata = strata_anova(y[rats], plan, residuals=True, block=32)
    long = pd.DataFrame(
        {
            "access": np.repeat(access, 2),
            "cue": np.tile(["nal", "sal"], N),
            "rat": [f"r{k // 2:02d}" for k in range(2 * N)],
        }
    )
    rows = np.lexsort((long.rat, long.cue == "sal", long.access == "ShA"))
    model = mixed_model(MIXED.formula, {name: long[name].to_numpy()[rows] for name in long})
    by_reml = fit_mixed(y.reshape(2 * N, -1)[rows], model, block=32)
    strata, mixed = run(tmp_path, "strata", STRATA), run(tmp_path, "mixed", MIXED)
    for out, test in ((strata, by_strata.term("access:cue")), (mixed, by_reml.term("access:cue"))):
        assert values(out, "accessXcue_stat-F").tobytes() == test.f.astype(np.float32).tobytes()
        assert values(out, "accessXcue_stat-p").tobytes() == test.p.tobytes()
    inside = nib.load(tmp_path / "mask.nii").get_fdata() > 0
    left = np.asarray(nib.load(strata / "residuals.nii.gz").dataobj)
    assert left[inside].T.tobytes() == by_strata.residuals.reshape(2 * N, -1).tobytes()
    assert not left[~inside].any()


def test_cutting_maps_into_parts_changes_nothing_but_rounding(tmp_path, monkeypatch):
    n_voxels = write_study(tmp_path, (9, 8, 9)).shape[2]
    lacking = nib.load(tmp_path / "r003_1.nii")
    data = lacking.get_fdata(dtype=np.float32)
    data[2:5] = np.nan
    nib.Nifti1Image(data, lacking.affine).to_filename(tmp_path / "r003_1.nii")
    permutation = Permutation(statistic="size", settings=PERMUTATION)
    cases = {"strata": (STRATA, SIMULATION), "mixed": (MIXED, SIMULATION), "permuted": (MIXED, permutation)}
    whole = {name: run(tmp_path, f"{name}-whole", *case) for name, case in cases.items()}
    small_parts(monkeypatch, 2 * N, n_voxels)
    for name, case in cases.items():
        cut = run(tmp_path, f"{name}-cut", *case)
        for kind in ("F", "p", "pfwe"):
            one, other = (values(out, f"accessXcue_stat-{kind}") for out in (whole[name], cut))
            # matrix products of another width may sum in another order
            np.testing.assert_allclose(one, other, rtol=1e-5)
        assert (cut / "maps.tsv").read_bytes() == (whole[name] / "maps.tsv").read_bytes()
        assert (cut / "settings.json").read_bytes() == (whole[name] / "settings.json").read_bytes()


def test_memory_never_holds_all_maps(tmp_path, monkeypatch):
    n = 600  # 13 MB of maps: some 11 MB are taken once, whatever their number
    y = write_study(tmp_path, (16, 16, 16), n)
    small_parts(monkeypatch, 2 * n, y.shape[2], few=40)
    whole_bytes = y.nbytes
    del y
    settings = replace(PERMUTATION, n_permutations=20)
    correction = Permutation(statistic="size", settings=settings)
    write_study(tmp_path / "few", (9, 8, 9))
    run(tmp_path / "few", "imported", replace(STRATA, block=64), correction)
    tracemalloc.start()
    try:
        run(tmp_path, "out", replace(STRATA, block=64), correction)
        _, largest = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert largest < whole_bytes, f"{largest} bytes at most, {whole_bytes} in all maps"


def test_every_fault_of_every_map_is_told_whichever_part_it_is_in(tmp_path, monkeypatch):
    n_voxels = write_study(tmp_path, (9, 8, 9)).shape[2]
    small_parts(monkeypatch, 2 * N, n_voxels)
    (tmp_path / "r000_0.nii").unlink()
    (tmp_path / "r011_1.nii").unlink()
    with pytest.raises(DataError) as found:
        run(tmp_path, "out", STRATA)
    assert {fault.rpartition("/")[2] for fault in found.value.faults} == {
        "r000_0.nii: no such file",
        "r011_1.nii: no such file",
    }
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("r0")) == [
        "maps.tsv",
        "mask.nii",
    ]


@pytest.mark.parametrize("design", [STRATA, MIXED], ids=["strata", "mixed"])
def test_the_order_of_rows_and_of_files_on_disk_changes_no_byte(tmp_path, design):
    write_study(tmp_path, (9, 8, 9))
    permutation = Permutation(statistic="size", settings=replace(PERMUTATION, n_permutations=100))
    straight = run(tmp_path, "straight", design, permutation)
    table = pd.read_csv(tmp_path / "maps.tsv", sep="\t")
    shuffled = table.sample(frac=1, random_state=3)
    # which level the table has first decides the signs of t; every other row may stand anywhere
    shuffled = pd.concat([table[:1], shuffled[shuffled.index > 0]])
    assert shuffled.access.unique().tolist() == table.access.unique().tolist()
    assert shuffled.cue.unique().tolist() == table.cue.unique().tolist()
    shuffled.to_csv(tmp_path / "maps.tsv", sep="\t", index=False)
    for path in sorted(tmp_path.glob("r*.nii"), reverse=True):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    assert hashes(run(tmp_path, "shuffled", design, permutation)) == hashes(straight)


@pytest.mark.slow
@pytest.mark.parametrize("design", [STRATA, MIXED], ids=["strata", "mixed"])
def test_a_cluster_that_loses_a_worker_gives_the_same_bytes(tmp_path, monkeypatch, design):
    write_study(tmp_path, (20, 20, 20))
    permutation = Permutation(statistic="size", settings=replace(PERMUTATION, n_permutations=1500))
    options = {}
    if design is STRATA:
        methods = ("simulation size", "permutation size", "permutation voxel")
        options["comparison"] = Comparison(
            term="access:cue", methods=methods, simulation=SIMULATION, permutation=PERMUTATION
        )
    here = run(tmp_path, "here", design, permutation, n_jobs=1, **options)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        first = {worker.pid for worker in cluster.workers.values()}

        def kill_a_worker():
            # at work on blocks of voxels
            while not any(tmp_path.glob(".unfinished-*/.unfinished-*/residuals/*.f4")):
                time.sleep(0.02)
            os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)

        murder = threading.Thread(target=kill_a_worker)
        murder.start()
        there = run(tmp_path, "there", design, permutation, dask=cluster.scheduler_address, **options)
        murder.join()
        assert first - {worker.pid for worker in cluster.workers.values()}, "the worker was not killed"
    assert hashes(there) == hashes(here)
