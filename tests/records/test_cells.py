import numpy as np
import pandas as pd
import pytest

from cuecircuit.errors import DataError
from cuecircuit.records.cells import averaged, complete_cells, numeric


def table(**columns) -> pd.DataFrame:
    """Four rats, two groups, two cues."""
    rows = {
        "rat": ["01", "01", "02", "02", "03", "03", "04", "04"],
        "group": ["LgA"] * 4 + ["ShA"] * 4,
        "cue": ["plus", "minus"] * 4,
        "resp": [1.0, 2, 3, 4, 5, 6, 7, 8],
        "bold": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
    }
    return pd.DataFrame(rows | columns)


ROLES = {"subject": "rat", "between": ("group",), "within": ("cue",), "covariates": ("resp",), "measured": ("bold",)}


def test_rows_are_laid_out_by_subject_and_condition_whatever_their_order():
    shuffled = table().iloc[[3, 0, 7, 5, 2, 6, 1, 4]].reset_index(drop=True)
    cells = complete_cells(shuffled, **ROLES)
    assert cells.design.subjects == ["01", "02", "03", "04"]
    assert cells.design.within == {"cue": ("minus", "plus")}
    assert cells.design.between == {"group": ["LgA", "LgA", "ShA", "ShA"]}
    np.testing.assert_array_equal(
        shuffled.bold.to_numpy()[cells.rows], [[0.2, 0.1], [0.4, 0.3], [0.6, 0.5], [0.8, 0.7]]
    )
    np.testing.assert_array_equal(cells.design.covariates["resp"], [[2, 1], [4, 3], [6, 5], [8, 7]])
    assert cells.excluded == ()
    assert cells.design.unit == "rat"


def test_a_subject_that_lacks_a_cell_is_left_out_by_name():
    values = table().bold.tolist()
    values[5] = np.nan
    cells = complete_cells(table(bold=values).drop(index=1), **ROLES)
    assert cells.design.subjects == ["02", "04"]
    assert [str(each) for each in cells.excluded] == [
        "01: left out, no row for minus",
        "03: left out, no bold in minus",
    ]


def test_an_infinite_value_is_refused_with_its_line():
    values = table().resp.tolist()
    values[0] = np.inf
    with pytest.raises(DataError, match=r"line 2: column 'resp' has 'inf', expected a number or n/a"):
        complete_cells(table(resp=values), **ROLES)


def test_a_word_for_no_value_is_a_name_or_a_declared_level_and_no_other_label():
    named = table(rat=["NA"] * 2 + ["nan"] * 2 + ["1"] * 2 + ["2"] * 2, group=["a"] * 4 + ["NA"] * 4)
    cells = complete_cells(named, **ROLES, levels={"group": ("a", "NA")})
    assert cells.design.subjects == ["NA", "nan", "1", "2"]
    with pytest.raises(DataError, match=r"column 'group' has no label in 4 rows \(line 6, 7, 8, 9\)"):
        complete_cells(named, **ROLES)


def test_one_row_per_subject_needs_no_factor_within():
    flat = table().iloc[::2].reset_index(drop=True)
    cells = complete_cells(flat, subject="rat", between=("group",), measured=("bold",))
    assert cells.rows.tolist() == [[0], [1], [2], [3]]


def test_numbers_as_labels_lose_their_decimals_only():
    cells = complete_cells(table(cue=[1.0, 2.0] * 4), subject="rat", within=("cue",))
    assert cells.design.within == {"cue": ("1", "2")}


def test_repeated_rows_are_a_fault_unless_averaged():
    double = pd.concat([table(), table(bold=np.arange(8.0))], ignore_index=True)
    with pytest.raises(DataError, match=r"several rows in 01 plus \(2 rows\), 01 minus"):
        complete_cells(double, **ROLES)
    mean = averaged(double, subject="rat", between=("group",), within=("cue",), values=("bold", "resp"))
    cells = complete_cells(mean, **ROLES)
    np.testing.assert_allclose(numeric(mean, "bold")[cells.rows[0]], [(0.1 + 0) / 2, (0.2 + 1) / 2])


def test_text_among_numbers_names_the_line():
    with pytest.raises(DataError, match="line 4: column 'bold' has '0,3', expected a number or n/a"):
        numeric(table(bold=["0.1", "n/a", "0,3", "", "1", "1", "1", "1"]), "bold")


def test_words_for_no_value_are_nan():
    assert np.isnan(numeric(table(bold=["n/a", "NA", "", "NaN", None, "1", "2e3", " 3 "]), "bold")).tolist() == [
        *[True] * 5,
        *[False] * 3,
    ]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"group": ["LgA", "ShA", *["LgA"] * 2, *["ShA"] * 4]}, "01: is in LgA and ShA of 'group', expected one"),
        ({"cue": [None, "minus", *["plus", "minus"] * 3]}, "column 'cue' has no label in 1 rows \\(line 2\\)"),
        ({"cue": ["a", "b", "c", "d", "e", "f", "g", "h"]}, "no subject has every cell \\(8 cells of cue\\)"),
    ],
)
def test_faults_of_a_table_are_named(changed, message):
    with pytest.raises(DataError, match=message):
        complete_cells(table(**changed), **ROLES)


def test_columns_that_are_not_there_are_all_named():
    with pytest.raises(DataError) as caught:
        complete_cells(table(), subject="id", between=("access",))
    assert len(caught.value.faults) == 2
    assert "column 'id' is not in the table; it has rat, group, cue, resp, bold" in str(caught.value)


def test_of_thousands_of_columns_a_message_lists_some():
    wide = table().reindex(columns=[*table().columns, *(f"c{k}" for k in range(100))])
    with pytest.raises(DataError, match=r"it has rat, .*, c4\d and \d\d more$"):
        complete_cells(wide, subject="id", between=("group",))


def test_a_column_has_one_role():
    with pytest.raises(DataError, match="column 'cue' is given two roles"):
        complete_cells(table(), subject="rat", between=("cue",), within=("cue",))


def test_an_empty_table_is_named():
    with pytest.raises(DataError, match="no row"):
        complete_cells(table().iloc[:0], **ROLES)
