"""The tests that a study file plans: the effects of its phases, its effect in the regions, the correlations.

A phase with treatments is tested for treatment and group (means over the sessions of a treatment), one without for
session and group; regions for `group.effect`, and for their correlation with intake. Names are what tables, options
and figures call a test: `escalation group:session`, `region Insula`, `correlation Insula`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cuecircuit.study.study import Phase, Study

Kind = Literal["phase", "region", "any region", "correlation", "within-group correlation"]
ALPHA = 0.05
ANY_REGION = "any region"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTest:
    """One test: `part` is the phase or region, `term` the effect, `rule` the p that is compared with `alpha`."""

    kind: Kind
    part: str
    term: str
    alpha: float
    rule: str

    @property
    def name(self) -> str:
        """What tables and options call the test."""
        match self.kind:
            case "phase":
                return f"{self.part} {self.term}"
            case "any region":
                return ANY_REGION
            case _:
                return f"{self.kind} {self.part}"


def planned_tests(study: Study, regions: Sequence[str]) -> tuple[PlannedTest, ...]:
    """List every test of a study; `regions` are those of its atlas."""
    return (
        *(test for phase in study.phases for test in _phase_tests(study, phase)),
        *_region_tests(study, regions),
        *_correlations(study, regions),
    )


def condition_factor(phase: Phase) -> str:
    """Give the factor within animals of a phase."""
    return "treatment" if phase.treatments else "session"


def condition_levels(phase: Phase) -> tuple[str, ...]:
    """Give the levels of that factor."""
    if phase.treatments:
        return tuple(treatment.name for treatment in phase.treatments)
    return tuple(str(number) for number in range(1, phase.sessions + 1))


def _phase_tests(study: Study, phase: Phase) -> Iterator[PlannedTest]:
    within, levels = condition_factor(phase), len(condition_levels(phase))
    if levels < 2:
        return
    several = len(study.subjects.groups) > 1
    terms = (f"group:{within}", within, "group") if several else (within,)
    for term in terms:
        sphere = levels > 2 and within in term
        rule = "p, Greenhouse-Geisser" if sphere else "p"
        yield PlannedTest(kind="phase", part=phase.name, term=term, alpha=ALPHA, rule=rule)


def _region_tests(study: Study, regions: Sequence[str]) -> Iterator[PlannedTest]:
    term, alpha = study.group.effect, study.correction.alpha
    rule = f"p, Holm over {len(regions)} regions"
    yield PlannedTest(kind="any region", part="", term=term, alpha=alpha, rule=rule)
    for region in regions:
        yield PlannedTest(kind="region", part=region, term=term, alpha=alpha, rule=rule)


def _correlations(study: Study, regions: Sequence[str]) -> Iterator[PlannedTest]:
    wanted = study.correlations
    term = f"{wanted.cue} cue × infusions under {wanted.treatment}"
    pooled = f"q, Benjamini-Hochberg over {len(regions)} regions"
    for region in regions:
        yield PlannedTest(kind="correlation", part=region, term=term, alpha=wanted.q, rule=pooled)
    if len(study.subjects.groups) > 1:
        for region in regions:
            rule = "p, permutation inside the groups"
            yield PlannedTest(kind="within-group correlation", part=region, term=term, alpha=ALPHA, rule=rule)
