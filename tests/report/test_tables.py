import numpy as np
import pandas as pd
import pytest

from cuecircuit.report.tables import heading, printed, printed_column, tsv


def texts(column: str, values: list[object]) -> list[str]:
    return [cell.text for cell in printed_column(column, values)]


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("p", [0.0541, 9.8e-6, np.nan], [".054", "< .001", "–"]),
        ("p_gg", [0.0021], [".002"]),
        ("q", [0.011], [".011"]),
        ("r_within", [-0.31, 1.0], ["−.31", "1.00"]),
        ("eps_gg", [0.524], [".52"]),
        ("F", [4.25, 317.84], ["4.25", "317.84"]),
        ("df1", [9.0, 1.0], ["9", "1"]),
        ("df2", [171, 89.6], ["171.0", "89.6"]),
        ("voxels", [233, 13], ["233", "13"]),
        ("y_mm", [-2.0, 1.5], ["−2.0", "1.5"]),
        ("y_mm", [-2.25, 1.5], ["−2.25", "1.50"]),
        ("y_mm", [33.0, -9.0], ["33", "−9"]),
        ("difference", [0.4123, 9.2], ["0.41", "9.20"]),
        ("tsnr", [32.41, 25.0], ["32.4", "25.0"]),
        ("rate", [0.001234], ["0.001"]),
        ("term", ["group:cue"], ["group × cue"]),
        ("survives", [True, np.bool_(False)], ["yes", "no"]),
        ("region", ["Insula", None], ["Insula", "–"]),
        ("bytes", [np.int64(12345678)], ["12\N{NARROW NO-BREAK SPACE}345\N{NARROW NO-BREAK SPACE}678"]),
    ],
)
def test_numbers_are_printed_as_their_column_asks(column: str, values: list[object], expected: list[str]) -> None:
    assert texts(column, values) == expected


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("p_gg", "p (GG)"),
        ("x_mm", "x (mm)"),
        ("volume_mm3", "Volume (mm³)"),
        ("respiration_hz", "Respiration (Hz)"),
        ("r_within", "r within"),
        ("ci_low", "ci low"),
        ("ShA saline", "ShA saline"),
        ("df_removed", "df removed"),
        ("region", "Region"),
    ],
)
def test_column_names_become_headings_with_units(column: str, text: str) -> None:
    assert heading(column) == text


def test_columns_of_numbers_are_flush_right_but_never_the_first() -> None:
    frame = pd.DataFrame({"cluster": [1, 2], "p": [0.1, np.nan], "region": ["a", "b"], "empty": [np.nan, np.nan]})

    assert printed(frame, {}).numeric == (False, True, False, False)


def test_given_headings_win() -> None:
    assert printed(pd.DataFrame({"p": [0.1]}), {"p": "P"}).headings == ("P",)


def test_a_table_without_rows_keeps_its_headings() -> None:
    empty = printed(pd.DataFrame({"cluster": [], "voxels": []}), {})

    assert empty.headings == ("Cluster", "Voxels")
    assert empty.rows == ()


def test_download_keeps_ten_digits_and_names_what_is_missing() -> None:
    assert (
        tsv(pd.DataFrame({"subject": ["01", "02"], "x": [1 / 3, np.nan]})) == "subject\tx\n01\t0.3333333333\n02\tn/a\n"
    )


def test_the_limits_of_an_interval_are_printed_behind_what_they_are_of() -> None:
    frame = pd.DataFrame(
        {
            "comparison": ["dose", "sex"], "estimate": [0.4123, np.nan], "low": [-0.1, np.nan], "high": [9.2, np.nan],
            "pes_low": [0.0, 0.1], "pes_high": [0.2, 0.3], "pes": [0.08, 0.2],
            "ratio": [0.8, 1.25], "ci_low": [0.5, 1.1], "ci_high": [1.28, 1.42],
        }
    )  # fmt: skip
    table = printed(frame, {"ratio": "Rate ratio"})
    assert table.headings == ("Comparison", "Estimate [95 % CI]", "η²ₚ [90 % CI]", "Rate ratio [95 % CI]")
    rows = [[cell.text for cell in row] for row in table.rows]
    assert rows[0] == ["dose", "0.412 [−0.100, 9.200]", ".08 [.00, .20]", "0.80 [0.50, 1.28]"]
    assert rows[1] == ["sex", "–", ".20 [.10, .30]", "1.25 [1.10, 1.42]"]
    assert table.classes == "n2 n3 n4"


def test_limits_of_nothing_and_limits_without_their_other_end_keep_their_columns() -> None:
    frame = pd.DataFrame({"low": [1.0], "high": [2.0], "r": [0.5], "d_low": [0.1], "t": [3.0]})
    assert printed(frame, {}).headings == ("Low", "High", "r", "d low", "t")


def test_degrees_of_freedom_between_a_mean_and_its_limits_are_passed_over() -> None:
    frame = pd.DataFrame({"day": ["1"], "mean": [40.9], "se": [5.2], "df": [11], "low": [29.3], "high": [52.5]})
    table = printed(frame, {})
    assert table.headings == ("Day", "Mean [95 % CI]", "SE", "df")
    assert table.rows[0][1].text == "40.9 [29.3, 52.5]"
