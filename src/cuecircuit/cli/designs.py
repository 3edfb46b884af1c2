"""The words with which commands take a design: columns, formulas, declared levels, methods."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cuecircuit.cli.app import names

if TYPE_CHECKING:
    from cuecircuit.models.evidence import EvidenceSettings

DegreesOfFreedom = Literal["satterthwaite", "kenward-roger"]  # rules for the denominators of a mixed model
TableMethod = Literal["ols", "robust", "huber", "bisquare", "welch"]  # how subjects are weighed, one row each
# how subjects are weighed, one map each
FitMethod = Literal["ols", "robust", "huber", "bisquare", "mixed-effects", "welch"]

Labels = Annotated[str, typer.Option(metavar="C,..", help="Columns of numbers that are labels.")]
Numbers = Annotated[str, typer.Option(metavar="C,..", help="Columns of whole numbers that are no labels.")]
Levels = Annotated[
    list[str] | None,
    typer.Option(metavar="C=a,b", help="Levels of a factor, reference first: group=HC,iHUD (repeat)."),
]
Crossed = Annotated[
    str, typer.Option(metavar="C,..", help="Covariates whose slope may differ between conditions (covariate × within).")
]
Formula = Annotated[str, typer.Option(help='Instead: "group*cue + center(resp) + (1|subject)", "group + age", "1".')]

Weigh = Annotated[bool, typer.Option("--evidence", help="Bayes factors and effect sizes too (strata, least squares).")]
Equivalence = Annotated[
    float | None, typer.Option(metavar="D", help="Bound of |d| below which an effect is negligible; with --evidence.")
]
PriorScale = Annotated[
    float | None, typer.Option(metavar="R", help="Scale of the Cauchy prior of effects; with --evidence.")
]


def asked_evidence(weigh: bool, scale: float | None, bound: float | None) -> "EvidenceSettings | None":
    """Return the settings of evidence; None where none is asked for."""
    from cuecircuit.models.evidence import EvidenceSettings

    if not weigh and (scale is not None or bound is not None):
        raise typer.BadParameter("weighs evidence; add --evidence", param_hint="--prior-scale, --equivalence")
    return EvidenceSettings(scale=scale, bound=bound) if weigh else None


def declared_levels(levels: list[str] | None) -> dict[str, tuple[str, ...]]:
    """Read "group=HC,iHUD", a column and its levels, reference first."""
    declared = {}
    for text in levels or ():
        name, _, labels = text.partition("=")
        if not name.strip() or not names(labels):
            raise typer.BadParameter("name a column and its levels: group=HC,iHUD", param_hint="--levels")
        declared[name.strip()] = names(labels)
    return declared


def model_options(asked: SimpleNamespace) -> dict[str, Any]:
    """Return the parts of a `Model` that commands share, from their options."""
    return {
        "subject": asked.subject,
        "between": names(asked.between),
        "within": names(asked.within),
        "covariates": names(asked.covariate),
        "crossed": names(asked.crossed),
        "formula": asked.formula or None,
        "method": "huber" if asked.method == "robust" else asked.method,
        "factors": {**dict.fromkeys(names(asked.factor), ()), **declared_levels(asked.levels)},
        "numbers": names(asked.number),
        "df": asked.df,
    }


def check_design(by_columns: bool, formula: str, subject: str) -> None:
    """Refuse a formula beside columns, neither, or columns without a subject."""
    if bool(formula) == by_columns:
        problem = "two models" if formula else "nothing to test"
        raise typer.BadParameter(
            f"{problem}; give either --formula, or --between, --within, --covariate", param_hint="--formula"
        )
    if by_columns and not subject:
        raise typer.BadParameter("name the column of the subject", param_hint="--subject")
