"""The picture task of 76 people gives the ANOVA that R computes from the same table."""

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "picture_ratings.py"

# R 4.2.2, type III, contr.sum: lm on the orthonormal scores of the five types, pooled; ε of Greenhouse and Geisser from
# the residual covariance of the scores; drop1 of lm on the means. F, ε, p (GG), of complete people
R = {
    "good": {
        "picture": (218.6850817, 0.522202601, 3.2524376e-46),
        "Group:picture": (1.153497842, 0.522202601, 0.31982277),
        "Gender:picture": (15.37329438, 0.522202601, 5.5139684e-07),
        "Group:Gender:picture": (1.728193241, 0.522202601, 0.1796412),
        "Group": (1.22044, None, 0.2729534),
        "Gender": (11.30532, None, 0.0012404),
        "Group:Gender": (1.18798, None, 0.2793711),
    },
    "reaction": {
        "picture": (22.90035074, 0.6768975453, 7.0926959e-12),
        "Group:picture": (1.290351257, 0.6768975453, 0.27931797),
        "Gender:picture": (5.090822872, 0.6768975453, 0.0029193011),
        "Group:Gender:picture": (1.47093382, 0.6768975453, 0.22671563),
        "Group": (0.09953, None, 0.75330),
        "Gender": (0.15560, None, 0.69441),
        "Group:Gender": (0.07746, None, 0.78157),
    },
}


@pytest.mark.parametrize("measure", list(R))
def test_group_gender_and_picture_type_give_the_f_of_r(real_data, measure):
    example = runpy.run_path(str(EXAMPLE))
    table = example["long_table"](real_data / "human" / "aud_sawyer2019" / "Sawyer-IAPS.csv")
    found = example["analyze"](table, measure)
    assert len(found.fit.design.rows) == 76 * 5
    rows = found.tests.set_index("term")
    for term, (f, epsilon, p) in R[measure].items():
        # R printed four digits after the point of F between subjects
        np.testing.assert_allclose(rows.loc[term, "F"], f, rtol=1e-4 if epsilon is None else 1e-8)
        np.testing.assert_allclose(rows.loc[term, "p" if epsilon is None else "p_gg"], p, rtol=1e-4)
        if epsilon is not None:
            assert rows.loc[term, "eps_gg"] == pytest.approx(epsilon, rel=1e-8)
