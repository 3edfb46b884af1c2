"""Seeking at the test against the last day of extinction: day × lever × group, each lever counted on both days."""

import pandas as pd

from cuecircuit.behavior.anova import TableAnova, mixed_anova
from cuecircuit.errors import DesignError

LEVERS = ("active", "inactive")


def seeking_table(table: pd.DataFrame, *, phase: str, baseline: str, treatment: str = "") -> pd.DataFrame:
    """Return one row per animal, day and lever: subject, group, day ("extinction", "test"), lever, presses.

    Args:
        table: sessions with phase, treatment and number; counts of both levers.
        phase: of the test.
        baseline: the phase of extinction, whose last session of each animal is compared with.
        treatment: of the test, where its phase has several.

    Raises:
        DesignError: nobody has both days.
    """
    tests = table[(table["phase"] == phase) & table["session"].notna()]
    tests = tests[tests["treatment"].fillna("") == treatment] if treatment else tests
    before = table[(table["phase"] == baseline) & table["session"].notna()]
    days = {
        "extinction": before.sort_values("session", kind="stable").groupby("subject", sort=False).last(),
        "test": tests.sort_values("session", kind="stable").groupby("subject", sort=False).first(),
    }
    both = [subject for subject in days["test"].index if subject in days["extinction"].index]
    if not both:
        raise DesignError(f"phase '{phase}': nobody has a session of it and one of '{baseline}'; correct the phases")
    parts = [
        pd.DataFrame({"subject": both, "group": own.loc[both, "group"], "day": day, "lever": lever}).assign(
            presses=own.loc[both, lever].to_numpy(float, na_value=float("nan"))
        )
        for day, own in days.items()
        for lever in LEVERS
    ]
    return pd.concat(parts, ignore_index=True)


def seeking_test(seeking: pd.DataFrame) -> TableAnova:
    """Test day × lever, and with several groups × group, of a `seeking_table`.

    Raises:
        DesignError: a fault of `mixed_anova`.
    """
    between = ["group"] if seeking["group"].nunique() > 1 else []
    return mixed_anova(seeking, dv="presses", between=between, within=["day", "lever"])
