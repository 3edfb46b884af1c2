"""Which way a test points: what a positive t or estimate means, and which tests have a side at all."""

from collections.abc import Sequence
from dataclasses import replace

from cuecircuit.errors import DesignError
from cuecircuit.models.design import Design
from cuecircuit.stats.term_test import TermTest


def direction(test: TermTest, design: Design) -> str | None:
    """Describe what a positive estimate means; None for tests of several rows, which have no direction.

    Args:
        test: of the design.
        design: levels of factors in order.

    Returns:
        "ShA - LgA", "(ShA - LgA) × (saline - naloxone)", "slope of age", the text of a contrast.
    """
    if test.estimate is None:
        return None
    if test.name in design.model.contrasts:
        return test.name
    if any(len(design.levels.get(name, ())) > 2 for name in test.variables):
        return f"the one difference of {test.name} that can be estimated"
    parts = [" - ".join(design.levels.get(name, ())) or f"slope of {name}" for name in test.variables]
    if not parts:
        return "mean above 0"
    return parts[0] if len(parts) == 1 else " × ".join(f"({part})" for part in parts)


def in_differences(tests: Sequence[TermTest], design: Design) -> tuple[TermTest, ...]:
    """Turn estimates of terms from coefficients of sum-to-zero coding to differences of means or slopes.

    A coefficient is half the first level of a factor less its second, of two factors a quarter of the difference of
    the differences. Contrasts are differences already.

    Args:
        tests: of terms and contrasts.
        design: levels of factors.
    """
    return tuple(_in_differences(test, design) for test in tests)


def _in_differences(test: TermTest, design: Design) -> TermTest:
    n_levels = [len(design.levels[name]) for name in test.variables if name in design.levels]
    contrast = test.name in design.model.contrasts
    if test.estimate is None or test.se is None or contrast or any(n != 2 for n in n_levels):
        return test
    scale = 2.0 ** len(n_levels)
    return replace(test, estimate=test.estimate * scale, se=test.se * scale)


def check_side(test: TermTest, design: Design) -> None:
    """Refuse one side of a factor's term.

    Raises:
        DesignError: the sign of the term hangs on the order of its levels.
    """
    if not has_side(test, design):
        raise DesignError(
            f"one side of {test.name}: the sign of a factor's term hangs on the order of its levels; write the side as "
            "a contrast (--contrast 'first - second'), or test both sides (--sided 2)"
        )


def has_side(test: TermTest, design: Design) -> bool:
    """Return whether positive and negative differ in meaning: those of slopes, contrasts and the mean do."""
    factors_alone = test.variables and all(name in design.levels for name in test.variables)
    return not factors_alone or test.estimate is None or test.name in design.model.contrasts
