"""The example on real 2 × 2 maps gives the numbers that others computed from the same files."""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "pain_and_rejection.py"


def test_every_f_of_the_real_maps_is_t_squared_and_the_peaks_are_the_known_ones(real_data, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE, real_data / "human" / "woo2014_2x2", tmp_path],
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout
    assert "voxels non-zero in all 236 maps: 27950" in said
    largest = dict(re.findall(r"^(\S+): largest F\(1, 58\) = ([\d.]+)", said, re.MULTILINE))
    assert largest == {"kind": "317.8", "level": "62.4", "kind:level": "37.5"}
    errors = [float(value) for value in re.findall(r"from t² = (\S+)", said)]
    assert max(errors) < 1e-6  # the map of F is float32
    assert "heat - warmth: largest t = 9.46 at (33, 9, 7) mm" in said
