"""The further tests of a behavioral paper, phase by phase: layouts, effect sizes, count models, indices per animal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pandas as pd

from cuecircuit.behavior.anova_layout import anova_layout, effects_table
from cuecircuit.behavior.conditioning import ConditioningTest, conditioning_test
from cuecircuit.behavior.counts import CountModel, conditioning_counts, escalation_counts
from cuecircuit.behavior.course import against_baseline, breakpoints, courses, suppression, withdrawal_index
from cuecircuit.behavior.escalation import EscalationTest, escalation_test
from cuecircuit.behavior.severity import severity_table
from cuecircuit.errors import CuecircuitError
from cuecircuit.io.tables import ColumnNote, write_table
from cuecircuit.study.study import Phase, Study

_T = TypeVar("_T")

PHASE_COLUMNS: Mapping[str, ColumnNote] = {
    "source": "source of variation",
    "SS": "sum of squares (type III)",
    "DF": "degrees of freedom",
    "MS": "mean square",
    "F": "test statistic",
    "F (DFn, DFd)": "test statistic with its degrees of freedom, sphericity assumed",
    "P value": "sphericity assumed",
    "summary": "ns above .05, * .05, ** .01, *** .001, **** .0001",
    "percent of SS": "share of the sums of squares in the table",
    "epsilon": "Greenhouse-Geisser epsilon",
    "P value (GG)": "with Greenhouse-Geisser epsilon",
    "effect": "effect of the analysis of variance",
    "measure": "effect size",
    "value": "estimate",
    "ci_low": "lower end of the confidence interval",
    "ci_high": "upper end of the confidence interval",
    "confidence": "coverage of the interval",
    "comparison": "what is compared; a ratio of mean counts, or of such ratios",
    "ratio": "1 for no difference",
    "t": "test statistic",
    "df": "degrees of freedom",
    "p": "two-sided",
    "p_adjusted": "adjusted within the family (behavior.posthoc_adjustment)",
    "subject": "participant label",
    "group": "group",
    "treatment": "treatment of the session",
    "against": "group or treatment compared with",
    "session": "number, from 1",
    "mean": "mean over the sessions",
    "difference": "of the two means compared",
    "se": "standard error of the difference",
    "sessions": "sessions there are",
    "total": "sum over the sessions",
    "first": "mean of up to three first sessions",
    "last": "mean of up to three last sessions",
    "slope": "least squares, per session",
    "index": "(last - first)/(last + first); of withdrawal: treatment minus reference",
    "remaining": "last session over first",
    "log_ratio": "natural logarithm of treatment over reference",
    "test": "mean of the tests",
    "baseline": "last session of the phase before: extinction, or self-administration where the test is punished",
    "suppression_ratio": "test / (test + baseline), infusions of the first hour; 0.5 is no suppression, 0 complete",
    "infusions": "mean infusions per session",
    "breakpoint": "presses that the last infusion cost, mean over the sessions",
    "addiction_index": "mean of the z scores of its members (George laboratory)",
    "severity": "sum of the z scores of its members (Neumaier laboratory)",
    "severity_class": "high above 1.5, low below -1.5",
    "file": "the table that is not there",
    "reason": "why",
}
_SEVERITY = ("intake", "escalation", "extinction", "relapse", "motivation", "resistance")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTests:
    """Writes the tables of one study; what cannot be tested is kept with its reason."""

    study: Study
    table: pd.DataFrame
    folder: Path
    untested: list[tuple[str, str]] = field(default_factory=list)
    members: dict[str, "pd.Series[float]"] = field(default_factory=dict)

    def write(self, name: str, make: Callable[[], pd.DataFrame]) -> None:
        """Write one table, or say why there is none."""
        made = self._tried(name, make)
        if made is None:
            return
        notes = {column: f"standardized {column[2:]}" for column in made.columns if column.startswith("z_")}
        write_table(self.folder / f"{name}.tsv", made, {**PHASE_COLUMNS, **notes})

    def _tried(self, name: str, make: Callable[[], _T]) -> _T | None:
        try:
            return make()
        except CuecircuitError as error:
            self.untested.append((f"{name}.tsv", "; ".join(error.faults)))
            return None

    def escalation(self, phase: Phase, test: EscalationTest, dv: str) -> None:
        """Everything beside the ANOVA of the sessions of a phase."""
        name = phase.name
        self.write(f"{name}_layout", lambda: anova_layout(test.fitted.result.terms, test.fitted.cells))
        self.write(f"{name}_effects", lambda: effects_table(test.fitted))
        self.write(f"{name}_groups", lambda: test.groups)
        self.write(f"{name}_counts", lambda: self._escalation_counts(phase, dv).table)
        self.write(f"{name}_animals", lambda: courses(self.table, phase=name, sessions=phase.sessions, dv=dv))

    def conditioning(self, phase: Phase, test: ConditioningTest, dv: str) -> None:
        """Everything beside the ANOVA of the treatments of a phase."""
        name, treatments = phase.name, tuple(treatment.name for treatment in phase.treatments)
        self.write(f"{name}_layout", lambda: anova_layout(test.fitted.result.terms, test.fitted.cells))
        self.write(f"{name}_effects", lambda: effects_table(test.fitted))
        self.write(f"{name}_posthoc", lambda: test.posthoc)
        self.write(f"{name}_counts", lambda: self._conditioning_counts(phase, dv).table)
        self.write(f"{name}_animals", lambda: withdrawal_index(test.means, treatments=treatments))

    def others(self) -> None:
        """The phases that are neither `behavior.escalation` nor `behavior.conditioning`, by kind; then severity."""
        for phase in self.study.phases:
            if phase.name not in (self.study.behavior.escalation, self.study.behavior.conditioning):
                self._other(phase)
        self._severity()
        rows = pd.DataFrame(self.untested, columns=["file", "reason"])
        write_table(self.folder / "untested.tsv", rows, PHASE_COLUMNS)

    def _other(self, phase: Phase) -> None:
        kind = self.study.kind(phase)
        if kind is None:
            self.untested.append((f"{phase.name}_*.tsv", "the phase has no kind; give phases.kind"))
        elif kind == "progressive_ratio":
            self.write(
                f"{phase.name}_animals", lambda: breakpoints(self.table, phase=phase.name, sessions=phase.sessions)
            )
        elif phase.treatments:
            self._treatments(phase, _measure(self.study, phase))
        else:
            self._sessions(phase, _measure(self.study, phase))
        if kind == "punishment":
            self.write(f"{phase.name}_suppression", lambda: self._suppression(phase))
        if kind == "reinstatement":
            self.write(f"{phase.name}_baseline", lambda: self._against_extinction(phase))

    def _sessions(self, phase: Phase, dv: str) -> None:
        self.write(f"{phase.name}_animals", lambda: self._courses(phase, dv))
        if phase.sessions < 2:
            return
        rule = self.study.behavior
        test = self._tried(
            f"{phase.name}_layout",
            lambda: escalation_test(
                self.table,
                phase=phase.name,
                sessions=phase.sessions,
                dv=dv,
                error=rule.posthoc_error,
                adjustment=rule.posthoc_adjustment,
            ),
        )
        if test is None:
            return
        self.write(f"{phase.name}_layout", lambda: anova_layout(test.fitted.result.terms, test.fitted.cells))
        self.write(f"{phase.name}_effects", lambda: effects_table(test.fitted))
        self.write(f"{phase.name}_posthoc", lambda: test.posthoc)
        self.write(f"{phase.name}_counts", lambda: self._escalation_counts(phase, dv).table)

    def _treatments(self, phase: Phase, dv: str) -> None:
        names, rule = [treatment.name for treatment in phase.treatments], self.study.behavior
        test = self._tried(
            f"{phase.name}_layout",
            lambda: conditioning_test(
                self.table,
                phase=phase.name,
                treatments=names,
                sessions=phase.sessions,
                dv=dv,
                error=rule.posthoc_error,
                adjustment=rule.posthoc_adjustment,
            ),
        )
        if test is not None:
            self.conditioning(phase, test, dv)

    def _courses(self, phase: Phase, dv: str) -> pd.DataFrame:
        return courses(self.table, phase=phase.name, sessions=phase.sessions, dv=dv)

    def _escalation_counts(self, phase: Phase, dv: str) -> CountModel:
        return escalation_counts(self.table, phase=phase.name, sessions=phase.sessions, dv=dv)

    def _conditioning_counts(self, phase: Phase, dv: str) -> CountModel:
        names = [treatment.name for treatment in phase.treatments]
        return conditioning_counts(self.table, phase=phase.name, treatments=names, sessions=phase.sessions, dv=dv)

    def _against_extinction(self, phase: Phase) -> pd.DataFrame:
        extinction = [each.name for each in self.study.phases if self.study.kind(each) == "extinction"]
        return against_baseline(
            self.table,
            phase=phase.name,
            treatments=tuple(treatment.name for treatment in phase.treatments),
            sessions=phase.sessions,
            baseline=extinction[-1] if extinction else "extinction",
            dv="active",
        )

    def _suppression(self, phase: Phase) -> pd.DataFrame:
        return suppression(
            self.table,
            phase=phase.name,
            treatments=tuple(treatment.name for treatment in phase.treatments),
            sessions=phase.sessions,
            baseline=self.study.behavior.escalation,
        )

    def _severity(self) -> None:
        def table() -> pd.DataFrame:
            animals = self.table[["subject", "group"]].drop_duplicates("subject").set_index("subject")
            for member in _SEVERITY:
                found = self._member(member)
                if found is not None and found.notna().any():
                    animals[member] = found.reindex(animals.index)
            return severity_table(animals.reset_index())

        self.write("severity", table)

    def _member(self, member: str) -> "pd.Series[float] | None":
        """One severity measure per animal, where the study has its phase."""
        if member in ("intake", "escalation"):
            phase = self.study.phase(self.study.behavior.escalation)
            return self._courses(phase, "infusions").set_index("subject")["mean" if member == "intake" else "slope"]
        kinds = {
            "extinction": "extinction",
            "relapse": "reinstatement",
            "motivation": "progressive_ratio",
            "resistance": "punishment",
        }
        phases = [phase for phase in self.study.phases if self.study.kind(phase) == kinds[member]]
        if not phases or not (self.table["phase"] == phases[-1].name).any():
            return None
        last = phases[-1]
        if member == "motivation":
            own = breakpoints(self.table, phase=last.name, sessions=last.sessions)
            return own.set_index("subject")["breakpoint"]
        return self._courses(last, _measure(self.study, last)).groupby("subject", sort=False)["mean"].mean()


def _measure(study: Study, phase: Phase) -> str:
    """What is counted in a phase: presses where no drug is given, otherwise infusions (in the window, if any)."""
    if study.withheld(phase):
        return "active"
    return "infusions" if phase.window_min is None else f"infusions_{phase.name}"
