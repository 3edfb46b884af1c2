import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

# scripts beside the package, not a part of it
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "trend.py"
trend = runpy.run_path(str(SCRIPT))
worse, record, draw = (trend[name] for name in ("worse", "record", "draw"))


def table(**values: tuple[float, float]) -> pd.DataFrame:
    rows = [(release, name, value) for name, own in values.items() for release, value in zip("12", own, strict=True)]
    return pd.DataFrame(rows, columns=["release", "measure", "value"])


@pytest.mark.parametrize(
    ("measure", "values", "said"),
    [
        ("instructions: fit", (100.0, 111.0), "11 % worse"),
        ("instructions: fit", (100.0, 110.0), "10 % worse"),
        ("instructions: fit", (100.0, 109.0), None),
        ("instructions: fit", (100.0, 50.0), None),
        ("times faster: fit", (100.0, 89.0), "12 % worse"),
        ("times faster: fit", (100.0, 92.0), None),
        ("times faster: fit", (100.0, 200.0), None),
    ],
)
def test_what_got_ten_percent_worse_is_named_whichever_way_is_worse(measure, values, said):
    found = worse(table(**{measure: values}))
    assert (said in found[0]) if said else not found


@pytest.mark.parametrize(("count", "status"), [(110.0, 1), (109.0, 0)])
def test_the_command_ends_with_status_one_where_a_count_grew_by_ten_percent(tmp_path, count, status):
    record("0.1.0", {"instructions: fit": 100.0, "times faster: fit": 5.0}, tmp_path / "ratios.tsv")
    record("0.2.0", {"instructions: fit": count, "times faster: fit": 5.0}, tmp_path / "ratios.tsv")
    script = shutil.copy(SCRIPT, tmp_path)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert ("instructions: fit: 100 to 110 (0.1.0 to 0.2.0), 10 % worse" in done.stdout) == bool(status)
    assert "times faster" not in done.stdout


def test_a_release_measured_anew_replaces_its_numbers_and_keeps_its_place(tmp_path):
    path = tmp_path / "ratios.tsv"
    record("0.9", {"a": 1.0, "b": 2.0}, path)
    record("0.10", {"a": 3.0}, path)
    record("0.9", {"a": 4.0}, path)
    kept = pd.read_csv(path, sep="\t", dtype={"release": str})
    assert sorted(zip(kept.release, kept.measure, kept.value, strict=True)) == [
        ("0.10", "a", 3.0),
        ("0.9", "a", 4.0),
        ("0.9", "b", 2.0),
    ]
    assert kept[kept.measure == "a"].release.tolist() == ["0.9", "0.10"]


def test_the_trend_is_drawn_with_a_panel_for_each_measure(tmp_path):
    draw(table(a=(1.0, 2.0), b=(3.0, 1.0)), tmp_path / "trend.svg")
    assert (tmp_path / "trend.svg").read_text().count('id="axes_') == 2
