"""`cuecircuit audit`: printed statistics in, one row of judgment per test out."""

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.stats.audit import AuditedTest, audit


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
        raise DataError(f"found no F, t, r, χ² or z in {text[:80]!r}; expected such as 'F(9,171)=4.25, P=0.002'")
    return pd.DataFrame([_row(test) for test in tests])


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
        "agrees": {None: None, True: "yes", False: "no"}[test.agrees],
        "tail": test.tail,
        "epsilon": test.epsilon,
        "epsilon_low": epsilon_low,
        "epsilon_high": epsilon_high,
        "effect": test.effect,
        "effect_size": test.effect_size,
        "n_less_groups": " or ".join(map(str, test.error_df_per_score)) or None,
        "verdict": test.verdict,
    }
