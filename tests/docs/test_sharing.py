"""The code of docs/sharing.md runs as it stands."""

import doctest
from pathlib import Path


def test_code_for_classifiers_and_stats_models_runs():
    page = Path(__file__).parents[2] / "docs" / "sharing.md"
    failed, attempted = doctest.testfile(str(page), module_relative=False)
    assert attempted > 12
    assert not failed
