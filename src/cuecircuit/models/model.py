"""What is fitted to a table: an error-strata design named by columns, or a formula and how it is estimated.

- "strata": error-strata AN(C)OVA of `between`, `within`, `covariates` (`stats.strata`).
- "reml": linear mixed model, a formula with random parts (`stats.mixed_fit`).
- "ols", "huber", "bisquare", "welch": a formula without random parts, one row per subject (`stats.between_fit`).
- "mixed-effects": the same with a variance for every value of the response, as in a meta-regression.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from cuecircuit.errors import DesignError
from cuecircuit.stats.mixed_inference import DegreesOfFreedomRule
from cuecircuit.stats.random_effects import Criterion, RandomEffectsTest

Method = Literal["strata", "reml", "ols", "huber", "bisquare", "welch", "mixed-effects"]
# assumed: with two, one odd animal decides what its group's variance is
FEWEST_SUBJECTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is fitted to the columns of a table.

    `subject` names the column of the unit that is independent of the others; a formula between subjects may go without.
    The slopes of covariates in `crossed` may differ between conditions; factors in `observed` were measured, not
    manipulated, which generalized η² takes into account (covariates always were).
    `formula` is lme4's notation, None for an error-strata design. `contrasts` are texts over levels and slopes ("LgA:
    naloxone - saline"), tested beside the terms; `tests` keeps only the tests of these names. `factors` declares
    columns of labels with their levels, reference first; an empty tuple takes the levels as they come. `numbers`
    declares columns of numbers that look like labels. `fewest` subjects of each group (or all of a smaller one) must
    have a value for a response that lacks some to be tested; None leaves such responses out. `covariate` and `variance`
    name responses of their own that go with those of the table: a covariate with a value for every value, and the
    variances of "mixed-effects". `block` is the number of responses worked on at a time, which bounds memory.

    Raises:
        DesignError: the parts contradict one another.
    """

    subject: str = ""
    between: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    crossed: tuple[str, ...] = ()
    observed: tuple[str, ...] = ()
    formula: str | None = None
    method: Method | None = None
    contrasts: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    factors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()
    df: DegreesOfFreedomRule = "satterthwaite"
    criterion: Criterion = "reml"
    variance_test: RandomEffectsTest = "knapp-hartung"
    covariate: str = ""
    variance: str = ""
    fewest: int | None = FEWEST_SUBJECTS
    block: int | None = None

    def __post_init__(self) -> None:
        """Refuse parts of two models."""
        columns = {
            name: values
            for name in ("between", "within", "covariates", "crossed", "observed")
            if (values := getattr(self, name))
        }
        letters = [name for name, values in columns.items() if isinstance(values, str)]
        if letters:
            raise DesignError(
                f"{name}: found the text {columns[name]!r}, expected names of columns" for name in letters
            )
        faults = []
        if self.formula is not None and columns:
            faults.append(f"model: found a formula and {', '.join(columns)}; give one of the two")
        if self.formula is None and self.fitted_by != "strata":
            faults.append(f"method '{self.method}': found no formula; give one, or between, within and covariates")
        if self.formula is not None and self.fitted_by == "strata":
            faults.append("method 'strata': found a formula, expected between, within and covariates")
        if self.fitted_by == "strata" and not self.subject:
            faults.append("model: found no subject, expected the column that names whom the rows belong to")
        if unknown := sorted({*self.observed} - {*self.between, *self.within}):
            faults.append(f"observed: found {', '.join(unknown)}; expected factors of between and within")
        if unknown := sorted({*self.crossed} - {*self.covariates}):
            faults.append(f"crossed: found {', '.join(unknown)}; expected some of the covariates")
        for name, kind in (("method", Method), ("df", DegreesOfFreedomRule), ("criterion", Criterion)):
            if (value := getattr(self, name)) is not None and value not in get_args(kind):
                faults.append(f"{name} '{value}': expected one of {', '.join(get_args(kind))}")
        if self.formula is not None and (self.fitted_by == "reml") != ("|" in self.formula):
            what = "no random part such as (1 | subject)" if "|" not in self.formula else "a random part"
            faults.append(f"method '{self.fitted_by}': found {what} in '{self.formula}'")
        if self.covariate and self.fitted_by != "strata":
            faults.append("a covariate by response goes with between and within; a formula has one design for all")
        if self.variance and self.fitted_by != "mixed-effects":
            faults.append(f"{self.fitted_by}: found first-level variances, which only mixed-effects uses; leave out")
        if not self.variance and self.fitted_by == "mixed-effects":
            faults.append("mixed-effects: found no first-level variance, expected one per map; give it, or use ols")
        DesignError.raise_any(faults)

    @property
    def fitted_by(self) -> Method:
        """The method, by default what the formula asks for."""
        if self.method is not None:
            return self.method
        if self.formula is None:
            return "strata"
        if "|" in self.formula:
            return "reml"
        return "mixed-effects" if self.variance else "ols"
