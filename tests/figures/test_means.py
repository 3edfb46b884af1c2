import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from cuecircuit.figures.means import mean_sem


@given(arrays.arrays(float, (7, 3), elements=st.floats(-100, 100)))
def test_mean_and_sem_are_those_of_scipy(values: np.ndarray) -> None:
    cell = mean_sem(values)

    np.testing.assert_allclose(cell.mean, values.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(cell.sem, stats.sem(values, axis=0), atol=1e-9)


def test_missing_values_are_left_out_cell_by_cell() -> None:
    cell = mean_sem(np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]]))

    np.testing.assert_array_equal(cell.n, [2, 1, 0])
    np.testing.assert_array_equal(cell.mean, [2, 5, np.nan])
    np.testing.assert_array_equal(cell.sem, [1, np.nan, np.nan])
