"""A disk that fills up: a clear message, nothing half written, and the same bytes once there is room."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from collections import namedtuple

import pytest

from cuecircuit.errors import DataError
from cuecircuit.io.atomic import replacing
from cuecircuit.pipeline.map_tests.permuted import Permutation
from tests.pipeline.test_group_blocks import MIXED, PERMUTATION, STRATA, N, run, small_parts, write_study


def test_what_was_written_and_what_is_free_is_said(tmp_path):
    def fill() -> None:
        with replacing(tmp_path / "maps.nii") as new:
            new.write_bytes(bytes(500_000))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DataError, match=r"maps.nii: writing failed \(No space .*\) after 0.5 MB, with .* run again"):
        fill()
    assert not list(tmp_path.iterdir())


def test_maps_that_would_not_fit_are_refused_before_they_are_read(tmp_path, monkeypatch):
    write_study(tmp_path, (9, 8, 9))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: namedtuple("usage", "free")(30_000))
    # 24 maps and residuals of 294 voxels, 4 bytes each
    with pytest.raises(DataError, match=r"take 5.64e-05 GB while the analysis runs, and 3e-05 GB are free"):
        run(tmp_path, "out", STRATA)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("design", "kept"),
    [
        # what is left of the scores of 12 rats
        (STRATA, {"residuals": 12 * 4}),
        # scores of 12 rats, and how they lean on one direction of the nuisance; whether there is a fit
        (MIXED, {"own": 12 * 4, "leaning": 12 * 4, "fitted": 1}),
    ],
    ids=["strata", "mixed"],
)
def test_permutations_that_would_not_fit_are_refused_after_one_block(tmp_path, monkeypatch, design, kept):
    n_voxels = write_study(tmp_path, (9, 8, 9)).shape[2]
    small_parts(monkeypatch, 2 * N, n_voxels)
    free = iter([10**9, 0])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: namedtuple("usage", "free")(next(free)))
    # a block has 64 voxels and each of its files a header of 128 bytes
    needed = (n_voxels - 64) * (sum(kept.values()) * 64 + 128 * len(kept)) // 64
    said = (
        rf"permutations of \(Intercept\) keep another {needed / 1e9:.3g} GB while the analysis runs, and 0 GB are free"
    )
    with pytest.raises(DataError, match=said):
        run(tmp_path, "out", design, Permutation(statistic="size", settings=PERMUTATION))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".unfinished", "out"))]


def test_a_limit_on_files_ends_the_command_with_one_line_and_leaves_nothing(tmp_path):
    write_study(tmp_path, (9, 8, 9))
    words = [tmp_path / "maps.tsv", tmp_path / "out", "--mask", tmp_path / "mask.nii", "--subject", "rat"]
    done = subprocess.run(
        [sys.executable, "-c", "from cuecircuit.cli import main; main()", "group", *words, "--within", "cue"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        env={**os.environ, "NUMBA_CACHE_DIR": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("cuecircuit:")]
    assert "writing failed (File too large) after 0.0 MB" in line
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".unfinished", "out"))]
