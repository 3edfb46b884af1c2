import numpy as np
import pandas as pd

from cuecircuit.pipeline.quality import outliers


def test_a_scan_far_on_the_bad_side_stands_out_and_one_on_the_good_side_does_not():
    table = pd.DataFrame(
        {
            "tsnr": [30.0, 31, 29, 30.5, 29.5, 12, 60],
            "dvars": [4.0, 4.1, 3.9, 4.05, 3.95, 9, 1],
            "framewise_displacement": [np.nan] * 7,
        }
    )

    assert outliers(table) == ["none"] * 5 + ["tsnr, dvars", "none"]


def test_scans_that_are_all_alike_do_not_stand_out():
    table = pd.DataFrame({"tsnr": [30.0] * 5, "dvars": [4.0] * 5, "framewise_displacement": [0.1] * 5})

    assert outliers(table) == ["none"] * 5
