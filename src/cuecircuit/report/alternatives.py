"""The section on other choices of the analysis: what holds under all of them, what hangs on one, what that means."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from cuecircuit.figures.numbers import MISSING, fraction, short, threshold
from cuecircuit.report.content import FigureItem, Item, Paragraph, Section, TableItem
from cuecircuit.report.marks import counted

_HEADINGS = {"held": "Holds under", "deviant": "Otherwise than planned under"}
CURVES_CAPTION = (
    "One effect of each question that a choice touches, the one it shows or else the strongest as planned: estimate "
    "and 95 % interval under every choice that touches it, sorted. Dark: as planned; filled: holds. On maps: the "
    "effect at the peak of the strongest cluster under each choice, which is too large because it was searched for."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternativeFacts:
    """How many choices there are with the study's own, and how many results have which verdict.

    `alpha` is the study's level of corrected p of maps, `behavior_alpha` that of tests on numbers.
    """

    choices: int
    verdicts: Mapping[str, int]
    alpha: float
    behavior_alpha: float

    def count(self, verdict: str) -> int:
        """Return the number of results with a verdict."""
        return self.verdicts.get(verdict, 0)


def grid_caption(facts: AlternativeFacts) -> Markup:
    """Caption of the grid of results by choices."""
    return Markup(
        "Results (rows) under the study's own choice (first column) and {}: filled dots hold, hollow dots do not, a "
        "dash has no number. A map holds where a cluster survives (corrected p ≤ {} unless the choice is another); its "
        "number counts significant voxels. A correlation, contrast or test holds where its p, adjusted as its question "
        "says, is at most the level of the question, {} unless it names another (Greenhouse–Geisser where it applies). "
        "Shaded: depends on a choice. An equals sign: the choice changes nothing that the result rests on and is not "
        "counted. {}"
    ).format(
        counted(facts.choices - 1, "alternative"),
        threshold(facts.alpha),
        threshold(facts.behavior_alpha),
        f"Not drawn: {counted(facts.count('nowhere'), 'result')} that hold under no choice."
        if facts.count("nowhere")
        else "",
    )


def alternatives_section(
    facts: AlternativeFacts, figures: tuple[FigureItem, ...], *, verdicts: pd.DataFrame, choices: pd.DataFrame
) -> Section:
    """Set the alternatives beside the study: what differs, the figures, every result's verdict.

    Args:
        facts: counts and levels.
        figures: the grid and, where there is one, the map.
        verdicts: columns of `verdicts.tsv`.
        choices: columns of `choices.tsv`.
    """
    shown = verdicts[verdicts["verdict"].isin(["everywhere", "depends"])]
    items: tuple[Item, ...] = (
        Paragraph(text=_what_holds(facts)),
        Paragraph(text=_warning(facts)),
        *figures,
        TableItem(
            id="verdicts-table",
            title="Results that hold under some choice",
            frame=verdicts,
            display=_shown(shown),
            headings=_HEADINGS,
            notes=(
                "Values: significant voxels of a map, r of a correlation, t of a contrast, F of a test. The file has "
                "every result.",
            ),
        ),
        TableItem(
            id="choices-table",
            title="What each alternative changes",
            frame=choices,
            notes=("Source: where the study's own value comes from.",),
        ),
    )
    return Section(id="choices", title="Alternatives", items=items)


def _shown(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Print a verdict a row: correlations as fractions, the others as counts, t or F."""
    printed = [fraction if kind == "correlation" else short for kind in verdicts["kind"]]
    ends = [[say(row.smallest), say(row.largest)] for say, row in zip(printed, verdicts.itertuples(), strict=True)]
    return pd.DataFrame(
        {
            "effect": verdicts["result"],
            "kind": verdicts["kind"],
            "verdict": verdicts["verdict"],
            "held": [f"{row.held} of {row.choices}" for row in verdicts.itertuples()],
            "values": [" to ".join(dict.fromkeys(pair)) for pair in ends],
            "deviant": verdicts["deviant"].fillna(MISSING),
        }
    )


def _what_holds(facts: AlternativeFacts) -> Markup:
    results = sum(facts.verdicts.values()) - facts.count("untested") - facts.count("untouched")
    return Markup(
        "The study file lists {} to its own choices. Each was run from the first stage that it changes, everything "
        "else being as planned. Of {} that a choice touches, {} under every such choice, {} on a choice, {} under "
        "none.{}"
    ).format(
        counted(facts.choices - 1, "alternative"),
        counted(results, "result"),
        f"{facts.count('everywhere')} hold{'s' * (facts.count('everywhere') == 1)}",
        f"{facts.count('depends')} depend{'s' * (facts.count('depends') == 1)}",
        f"{facts.count('nowhere')} hold{'s' * (facts.count('nowhere') == 1)}",
        f" No choice touches {counted(facts.count('untouched'), 'further result')}."
        if facts.count("untouched")
        else "",
    )


def _warning(facts: AlternativeFacts) -> Markup:
    bound = min(1.0, facts.choices * facts.alpha)
    return Markup(
        "<strong>This is no correction.</strong> Only the study's own choice was made beforehand, and only its "
        "p-values mean what they say. Whoever runs {} analyses and reports the one that suits is wrong more often than "
        "the level promises: an effect that is not there is significant somewhere in up to {} of studies, not in {} "
        "(the sum over the choices, which is the most it can be). That a result holds everywhere here says that these "
        "choices do not decide it; the choices share their data, so they are no replications of one another, and "
        "choices that nobody listed are not covered (Steegen et al. 2016; Simonsohn et al. 2020)."
    ).format(facts.choices, _percent(bound), _percent(facts.alpha))


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
