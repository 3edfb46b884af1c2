"""`cuecircuit audit`: printed statistics in, one row of judgment per test out."""

import re
from pathlib import Path

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.io.bounded import check_file, read_text
from cuecircuit.io.operant_rows import read_rows
from cuecircuit.stats.audit import AuditedTest, audit
from cuecircuit.stats.printed import printed_effects

_TABLES = (".tsv", ".csv", ".xlsx")
# what a column of p values is called, and a column of the whole test
_P_HEADER = re.compile(r"p(?:[\s_.-]*val(?:ue)?s?)?", re.IGNORECASE)
_AGREES = {None: None, True: "yes", False: "no"}
_PARTS = ("statistic", "df1", "df2", "value", "n")


def audit_table(text: str, *, n: int | None = None, groups: int = 1) -> pd.DataFrame:
    """Recompute the p of every statistic in `text` and say whether it agrees with the printed one.

    Args:
        text: prose or a list such as "F(9,171)=4.25, P=0.002".
        n: subjects of the study, to compare degrees of freedom with.
        groups: of subjects, for the same purpose.

    Raises:
        DataError: no statistic was found.
    """
    tests = audit(text, n=n, groups=groups)
    if not tests:
        raise DataError(
            f"found no F, t, r, ρ, χ², Q, H or z in {text[:80]!r}; expected such as 'F(9,171)=4.25, P=0.002'"
        )
    return pd.DataFrame([_row(test) for test in tests])


def audit_file(path: Path, *, n: int | None = None, groups: int = 1) -> pd.DataFrame:
    """Audit a text file, or every row of a table; a row of the result has the line it stands on.

    A table (TSV, CSV, xlsx) either has the columns statistic, value and p (and df1, df2, n), or cells such as
    "F (9, 171) = 4.25" beside a column of p values.

    Raises:
        DataError: the file cannot be read, or no statistic was found.
    """
    check_file(path)
    if path.suffix.lower() in _TABLES:
        rows = read_rows(path)
        lines = [(line, _sentence(rows.header, cells)) for line, cells in zip(rows.lines, rows.cells, strict=True)]
    else:
        lines = [(None, read_text(path))]
    audited = [{"line": line, **_row(test)} for line, text in lines for test in audit(text, n=n, groups=groups)]
    if not audited:
        raise DataError(f"{path}: found no F, t, r, ρ, χ², Q, H or z; expected such as 'F(9,171)=4.25, P=0.002'")
    return pd.DataFrame(audited).astype({"line": "Int64"})


def _sentence(header: tuple[str, ...], cells: tuple[str, ...]) -> str:
    """Return a row of a table as it would stand in a text."""
    row = {name.strip().lower(): cell for name, cell in zip(header, cells, strict=True)}
    words: list[str] = []
    if row.get("statistic") and row.get("value"):
        df = ", ".join(row[name] for name in ("df1", "df2") if row.get(name) not in (None, "", "n/a"))
        number = f", N = {row['n']}" if row["statistic"].startswith("χ") and row.get("n") else ""
        relation = "" if row["value"][0] in "=<>≤≥" else "= "
        words.append(f"{row['statistic']}({df}{number}) {relation}{row['value']}" if df else
                     f"{row['statistic']} {relation}{row['value']}")  # fmt: skip
    for name, cell in row.items():
        if _P_HEADER.fullmatch(name) and cell and cell != "n/a":
            is_whole = cell[0] in "pPnN"
            words.append(cell if is_whole else f"p {cell}" if cell[0] in "=<>≤≥" else f"p = {cell}")
        elif cell and printed_effects(f"{name} = {cell}"):
            words.append(f"{name} = {cell}")
        elif not (words and name in _PARTS):
            words.append(cell)
    return "; ".join(words)


def _row(test: AuditedTest) -> dict[str, object]:
    printed = test.printed
    low, high = test.p_range or (None, None)
    epsilon_low, epsilon_high = test.epsilon_range or (None, None)
    return {
        "text": printed.text,
        "statistic": printed.kind,
        "df1": printed.df[0] if printed.df else None,
        "df2": printed.df[1] if len(printed.df) > 1 else None,
        "value": printed.statistic.value,
        "p_printed": f"{printed.p.relation}{printed.p.value:g}" if printed.p else None,
        "p_recomputed": test.p,
        "p_low": low,
        "p_high": high,
        "agrees": _AGREES[test.agrees],
        "tail": test.tail,
        "epsilon": test.epsilon,
        "epsilon_low": epsilon_low,
        "epsilon_high": epsilon_high,
        "effect": test.effect,
        "effect_size": test.effect_size,
        "effect_printed": "; ".join(f"{each.printed.kind} {each.printed.number.value:g}" for each in test.effects)
        or None,
        "effect_agrees": "; ".join(_AGREES[each.agrees] or "open" for each in test.effects) or None,
        "n_less_groups": " or ".join(map(str, test.error_df_per_score)) or None,
        "verdict": test.verdict,
    }
