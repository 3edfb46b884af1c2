import pytest

from cuecircuit.errors import DataError
from cuecircuit.pipeline.audit import audit_file, audit_table


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
    with pytest.raises(DataError, match="found no F, t, r, ρ, χ², Q, H or z in 'intake rose'"):
        audit_table("intake rose")


def test_a_table_of_parts_is_audited_row_by_row(tmp_path):
    path = tmp_path / "tests.tsv"
    path.write_text(
        "effect\tstatistic\tdf1\tdf2\tvalue\tn\tp\n"
        "access x session\tF\t9\t171\t4.25\t\t0.002\n"
        "treatment\tF\t1\t19\t35.5\t\t<0.0001\n"
        "sex\tχ²\t1\t\t3.9\t90\t.048\n"
        "slope\tz\t\t\t1.96\t\t.05\n"
        "none\t\t\t\t\t\t.3\n"
    )

    rows = audit_file(path, n=21, groups=2)

    assert rows.line.tolist() == [2, 3, 4, 5]
    assert rows.agrees.tolist() == ["no", "yes", "yes", "yes"]
    assert rows.epsilon[0] == pytest.approx(0.524, abs=5e-4)
    assert rows.effect[2] == "phi"


def test_effect_sizes_of_a_table_are_held_against_their_tests(tmp_path):
    path = tmp_path / "tests.tsv"
    path.write_text(
        "effect\tstatistic\tdf1\tdf2\tvalue\tp\tpartial eta squared\td\n"
        "access\tF\t1\t19\t35.5\t<0.0001\t.65\t\n"
        "treatment\tF\t1\t19\t35.5\t<0.0001\t.45\t2.6\n"
    )

    rows = audit_file(path)

    assert rows.effect_printed.tolist() == ["partial_eta2 0.65", "partial_eta2 0.45; d 2.6"]
    assert rows.effect_agrees.tolist() == ["yes", "no; yes"]


def test_a_table_as_prism_prints_it_is_audited(tmp_path):
    path = tmp_path / "prism.csv"
    path.write_text(
        'Source;"F (DFn, DFd)";P value\nTime x Group;"F (9, 171) = 4,250";P<0,0001\nTime;"F (9, 171) = 1,2";0,5\n'
    )

    rows = audit_file(path)

    assert rows.line.tolist() == [2, 3]
    assert rows.p_printed.tolist() == ["<0.0001", "=0.5"]
    assert rows.agrees.tolist() == ["yes", "no"]


def test_a_file_of_prose_is_audited_and_one_without_statistics_is_named(tmp_path):
    path = tmp_path / "results.txt"
    path.write_text("Intake rose (F(1,19) = 35.5, P < 0.0001).")
    assert audit_file(path).verdict.tolist() == ["agrees"]

    path.write_text("Intake rose.")
    with pytest.raises(DataError, match=r"results\.txt: found no F, t, r, ρ, χ², Q, H or z"):
        audit_file(path)
    with pytest.raises(DataError, match=r"none\.txt: no such file"):
        audit_file(tmp_path / "none.txt")
