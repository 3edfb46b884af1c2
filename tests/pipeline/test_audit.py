import pytest

from cuecircuit.errors import DataError
from cuecircuit.pipeline.audit import audit_table


def test_every_test_in_the_text_has_a_row():
    rows = audit_table("F(9,171)=4.25, P=0.002; F(1,19) = 4.215, P = 0.05; F(1,19) = 35.5, P < 0.0001")
    assert rows.statistic.tolist() == ["F"] * 3
    assert rows.p_printed.tolist() == ["=0.002", "=0.05", "<0.0001"]
    assert rows.agrees.tolist() == ["no", "yes", "yes"]
    assert rows.p_recomputed[0] == pytest.approx(5.5e-5, rel=0.01)
    assert rows.epsilon[0] == pytest.approx(0.524, abs=5e-4)
    assert rows.epsilon[1:].isna().all()
    assert "sphericity" in rows.verdict[0]


def test_text_without_statistics_is_named():
    with pytest.raises(DataError, match="found no F, t, r, χ² or z in 'intake rose'"):
        audit_table("intake rose")
