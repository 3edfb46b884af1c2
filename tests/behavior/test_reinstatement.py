"""The test is compared with the last day of extinction, on both levers."""

import numpy as np
import pandas as pd
import pytest

from cuecircuit.behavior.reinstatement import seeking_table, seeking_test
from cuecircuit.errors import DesignError


def sessions(rng: np.random.Generator, *, rise: float = 0.0, groups: tuple[str, ...] = ("LgA", "ShA")) -> pd.DataFrame:
    """Five days of extinction and a test of eight animals in each group; `rise` adds active presses at the test."""
    rows = []
    for group in groups:
        for animal in range(8):
            for phase, n in (("extinction", 5), ("cue", 1)):
                for session in range(1, n + 1):
                    active = rng.poisson(20) + (rise if phase == "cue" else 0)
                    row = {"subject": f"{group}{animal}", "group": group, "phase": phase, "treatment": None}
                    rows.append(row | {"session": session, "active": active, "inactive": rng.poisson(5)})
    return pd.DataFrame(rows)


def test_the_last_extinction_day_and_the_test_enter():
    table = sessions(np.random.default_rng(1))

    seeking = seeking_table(table, phase="cue", baseline="extinction")

    assert len(seeking) == 16 * 4
    last = table[(table["phase"] == "extinction") & (table["session"] == 5)]
    entered = seeking[(seeking["day"] == "extinction") & (seeking["lever"] == "inactive")]
    assert entered["presses"].tolist() == last["inactive"].tolist()


def test_the_interaction_of_day_and_lever_is_the_paired_t_of_the_difference_of_differences():
    table = sessions(np.random.default_rng(2), rise=6.0, groups=("LgA",))

    seeking = seeking_table(table, phase="cue", baseline="extinction")
    found = seeking_test(seeking).table.set_index("term").loc["day:lever"]

    wide = seeking.pivot(index="subject", columns=["day", "lever"], values="presses")
    rise = wide["test"] - wide["extinction"]
    difference = rise["active"] - rise["inactive"]
    t = difference.mean() / (difference.std(ddof=1) / np.sqrt(len(difference)))
    assert found["F"] == pytest.approx(t**2)
    assert (found["df1"], found["df2"]) == (1, 7)


def test_a_rise_of_active_presses_alone_is_found_and_the_groups_do_not_differ_in_it():
    found = seeking_test(
        seeking_table(sessions(np.random.default_rng(3), rise=15.0), phase="cue", baseline="extinction")
    )

    p = found.table.set_index("term")["p"]
    assert p["day:lever"] < 0.001
    assert p["group:day:lever"] > 0.01


def test_animals_without_both_days_make_no_test():
    table = sessions(np.random.default_rng(4))

    with pytest.raises(DesignError, match="nobody has a session of it and one of 'none'"):
        seeking_table(table, phase="cue", baseline="none")
