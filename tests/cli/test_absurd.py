"""What no machine can do is refused before any work, with the most that is taken."""

import numpy as np
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from cuecircuit.cli import app
from cuecircuit.clusters.autocorrelation import gaussian_autocorrelation
from cuecircuit.clusters.null_field import null_field
from cuecircuit.errors import DataError
from cuecircuit.study.experiment import Phase


@pytest.mark.parametrize(
    ("words", "most"),
    [
        (("group", "m.tsv", "out", "--mask", "m.nii", "--subject", "s", "--n-permutations", "2000000000"), 1_000_000),
        (("group", "m.tsv", "out", "--mask", "m.nii", "--subject", "s", "--voxel-block", "1000000000"), 10_000_000),
        (("compare", "m.tsv", "out", "--mask", "m.nii", "--iterations", "1000000000"), 1_000_000),
        (("clustsim", "--mask", "m.nii", "--fwhm", "1", "--iterations", "1000000000"), 1_000_000),
        (("plan", "study.yaml", "out", "--studies", "1000000000"), 1_000_000),
        (("run", "study.yaml", "out", "--n-jobs", "10000"), 512),
    ],
)
def test_absurd_requests_are_refused_with_the_most_that_is_taken(words, most):
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert f"Invalid value for '{words[-2]}'" in done.output
    assert str(most) in done.output


def test_noise_smoother_than_any_brain_is_refused_before_room_is_made_for_it():
    mask = np.ones((5, 4, 3), bool)
    with pytest.raises(DataError, match=r"mm needs a box of .* at most 100000000 are drawn"):
        null_field(mask, np.full(3, 2.0), gaussian_autocorrelation(1e9))


@pytest.mark.parametrize("days", [10_001, 1_000_000_000])
def test_a_phase_of_more_days_than_a_life_has_is_refused_when_read(days):
    with pytest.raises(ValidationError, match="less than or equal to 10000"):
        Phase(kind="extinction", experiment="EXT", days=days)
