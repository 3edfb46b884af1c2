"""What a question found: tables with their notes, and a record of who entered and what was decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from cuecircuit.io.tables import ColumnNote, write_json, write_table

NOTES: Mapping[str, ColumnNote] = {
    "value": "the response",
    "term": "effect",
    "stratum": "error stratum of the test",
    "df1": "numerator degrees of freedom, sphericity assumed",
    "df2": "denominator degrees of freedom, sphericity assumed",
    "F": "test statistic",
    "p": "two-sided; of F, sphericity assumed",
    "z": "normal deviate with the same tail",
    "p_adjusted": "adjusted within its family",
    "eps_gg": "Greenhouse-Geisser epsilon",
    "p_gg": "with Greenhouse-Geisser epsilon",
    "eps_hf": "Huynh-Feldt epsilon (may exceed 1; p_hf uses at most 1)",
    "p_hf": "with Huynh-Feldt epsilon",
    "pes": "partial eta squared",
    "pes_low": "lower end of its 90 % interval (Steiger 2004)",
    "pes_high": "upper end of its 90 % interval (Steiger 2004)",
    "ges": "generalized eta squared",
    "ges_low": "lower end of its 90 % interval, of the partial η² that has its value",
    "ges_high": "upper end of its 90 % interval, of the partial η² that has its value",
    "d": "standardized effect, in standard deviations of what the model leaves of the subjects' scores: d_z of a "
    "difference within subjects, Cohen's d of groups",
    "d_low": "lower end of its 95 % interval, by the noncentral t",
    "d_high": "upper end of its 95 % interval, by the noncentral t",
    "d_av": "difference within one group, in units of the root mean of both levels' variances",
    "d_av_low": "lower end of its 95 % interval (Algina and Keselman 2003)",
    "d_av_high": "upper end of its 95 % interval (Algina and Keselman 2003)",
    "g": "Hedges's g: d without its small-sample bias",
    "bf10": "JZS Bayes factor: how much likelier the data are with the effect than without",
    "log_bf10": "its natural logarithm",
    "scale": "of the Cauchy prior of the standardized effect",
    "posterior_low": "lower end of the 95 % credible interval of d",
    "posterior_median": "median of the posterior of d",
    "posterior_high": "upper end of the 95 % credible interval of d",
    "p_equivalence": "of an effect at or beyond the bound, by two one-sided tests; small where it is negligible",
    "estimate": "of a hypothesis of one row, in units of the response: of two levels the first less the second",
    "difference": "of the means compared, in units of the response",
    "ratio": "of mean counts, or of such ratios; 1 for no difference",
    "se": "standard error",
    "low": "lower end of the 95 % interval",
    "high": "upper end of the 95 % interval",
    "t": "test statistic",
    "df": "degrees of freedom",
    "mean": "in units of the response",
    "sem": "standard error of the mean over subjects",
    "sd": "standard deviation over subjects",
    "n": "subjects",
    "comparison": "what is compared",
    "family": "within which p is adjusted",
    "contrast": "contrast of the response, or what is compared",
    "region": "region of the atlas",
    "response": "what is averaged",
    "voxels": "voxels averaged; 0 where none survives",
    "region_voxels": "voxels of the whole region in the mask",
    "r": "correlation, groups pooled",
    "ci_low": "lower end of the 95 % interval",
    "ci_high": "upper end of the 95 % interval",
    "q": "p of r, adjusted within its family",
    "r_within": "correlation with the groups' means taken out",
    "p_within": "of r_within, two-sided",
    "q_within": "p_within, adjusted within its family",
    "p_permutation": "of r_within: the other side shuffled inside the groups",
    "icc": "intraclass correlation",
    "effect": "effect in each region: the mean of all subjects, a level less the reference, a slope",
    "p_positive": "posterior probability that the effect is above 0",
    "unpooled": "the region by itself, by least squares",
    "unpooled_se": "standard error of unpooled",
    "part": "of the model, whose standard deviation is given (posterior mean)",
    "statistic": "what the model might miss; of an edge t, or F of several degrees of freedom, of what is permuted",
    "observed": "in the data",
    "replicated": "in data drawn from the model, mean",
    "network": "number of the network, the largest first",
    "edges": "extent of the network: its edges",
    "intensity": "sum of what its edges exceed the height by",
    "p_extent": "corrected p of a network so large anywhere",
    "p_intensity": "corrected p of a network so strong anywhere",
    "height": "what t or F must exceed",
    "exchanged": "what changed places, and how often",
    "regions": "of the network",
    "region2": "the other region of the edge",
    "source": "source of variation",
    "SS": "sum of squares (type III)",
    "DF": "degrees of freedom",
    "MS": "mean square",
    "F (DFn, DFd)": "test statistic with its degrees of freedom, sphericity assumed",
    "P value": "sphericity assumed",
    "summary": "ns above .05, * .05, ** .01, *** .001, **** .0001",
    "percent of SS": "share of the sums of squares in the table",
    "epsilon": "Greenhouse-Geisser epsilon",
    "P value (GG)": "with Greenhouse-Geisser epsilon",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer:
    """Tables of a question by name, and facts for `settings.json`.

    `left_out` has a line for each subject who is not in it; `levels` notes columns that are named by the study.
    """

    tables: Mapping[str, pd.DataFrame]
    facts: Mapping[str, Any]
    left_out: tuple[str, ...] = ()
    notes: Mapping[str, ColumnNote] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write every table, and `settings.json`."""
        for name, table in self.tables.items():
            told = {str(column): _note(str(column)) for column in table} | dict(NOTES) | dict(self.notes)
            write_table(folder / f"{name}.tsv", table, {column: told[column] for column in map(str, table)})
        write_json(folder / "settings.json", {**self.facts, "left_out": list(self.left_out)})


def deciding_p(table: pd.DataFrame) -> pd.Series:
    """Return p that a level is held against: adjusted where it was, else corrected for sphericity where it can be."""
    p = table["p"]
    for name in ("p_gg", "p_adjusted", "q"):
        p = table[name].fillna(p) if name in table else p
    return p


def _note(column: str) -> ColumnNote:
    """Explain a column that no list knows: a level, or the mean or SEM of a cell."""
    cell, _, statistic = column.rpartition("_")
    return f"{statistic} of {cell.replace('_', ' ')}, {NOTES[statistic]}" if statistic in ("mean", "sem") else "level"
