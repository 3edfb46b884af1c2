"""Tables in NumPy archives: every digit, missing text, the same bytes."""

import numpy as np
import pandas as pd
import pytest

from cuecircuit.io.columns import read_columns, write_columns

FRAME = pd.DataFrame(
    {
        "file": ["a", None, "é\tb", "a"],  # names of columns that NumPy's own arguments have, too
        "names": [0.1, np.nan, 1e-320, np.inf],
        "run": np.array([1, -2, 2**53 + 1, 0]),
        "here": [True, False, True, True],
    }
)


@pytest.mark.parametrize("frame", [FRAME, FRAME.iloc[:0], FRAME.iloc[1:2]], ids=["whole", "no row", "no text"])
def test_a_table_comes_back_with_every_digit_and_missing_text(tmp_path, frame):
    write_columns(tmp_path / "t.npz", frame)

    table = read_columns(tmp_path / "t.npz")

    assert list(table) == list(frame)
    for name in frame:
        assert table[name].isna().tolist() == frame[name].isna().tolist()
        assert table[name].dropna().tolist() == frame[name].dropna().tolist()
    assert table.dtypes.tolist() == FRAME.dtypes.tolist()


def test_the_same_table_gives_the_same_bytes(tmp_path):
    write_columns(tmp_path / "a.npz", FRAME)
    write_columns(tmp_path / "b.npz", FRAME.astype({"file": object}).copy())

    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_nothing_in_a_file_is_executed(tmp_path):
    np.savez(tmp_path / "t.npz", names=np.array(["a"]), **{"0": np.array([print], dtype=object)})

    with pytest.raises(ValueError, match="allow_pickle"):
        read_columns(tmp_path / "t.npz")
