"""Columns that a study uses, and the file that a laboratory would keep each in.

A factor is a key of scans (`trials.cells`, `parts`, keys of given maps), what was given at a visit (`names: session`),
or a column of participants.tsv. Numbers are drawn where `simulation.base` has them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cuecircuit.study.accounting import Accounting, split_reference
from cuecircuit.study.acquisition import Blocks, Given, Glm
from cuecircuit.study.experiment import Counted
from cuecircuit.study.questions import Composite, Formula, Reduce, Rows, Split, Stack
from cuecircuit.study.schema import Study
from cuecircuit.study.trial_cells import trial_cells

_WORD = re.compile(r"[A-Za-z_]\w*")
_RANDOM = re.compile(r"\(([^()|]*)\|([^()]*)\)")
_KEYS = ("subject", "session", "run", "trial", "phase", "treatment", "day", "bin", "region", "contrast", "seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Names of columns by the place where they are kept; `labels` are groupings without declared levels (pairs)."""

    group: str | None
    factors: tuple[str, ...]
    labels: tuple[str, ...]
    visit_factors: tuple[str, ...]
    subject_numbers: tuple[str, ...]
    visit_numbers: tuple[str, ...]


def columns_of(study: Study) -> Columns:
    """Return the columns that a data set of the study needs beside those of its scans and logs."""
    simulation = study.simulation
    bases = [base.in_ for base in simulation.base] if simulation else []
    subject_numbers = [name.removeprefix("subjects.") for name in bases if name.startswith("subjects.")]
    if study.subjects.weight_kg:
        subject_numbers.append(study.subjects.weight_kg)
    factors = tuple(name for name in study.factors if name not in _not_of_subjects(study))
    return Columns(
        group=group_factor(study, factors),
        factors=factors,
        labels=tuple(name for name in groupings(study) if name not in {*study.factors, *_KEYS, *study.derived}),
        visit_factors=tuple(name for name, factor in study.factors.items() if factor.names == "session"),
        subject_numbers=tuple(dict.fromkeys(subject_numbers)),
        visit_numbers=tuple(name.removeprefix("visits.") for name in bases if name.startswith("visits.")),
    )


def group_factor(study: Study, factors: Iterable[str]) -> str | None:
    """Return the factor whose levels `simulation.n` counts; None for `all`, or where no factor has them."""
    sizes = set(study.simulation.n) if study.simulation else set()
    fitting = [name for name in factors if sizes <= set(study.factors[name].levels)]
    return next((name for name in ("group", *fitting) if name in fitting), None)


def _not_of_subjects(study: Study) -> set[str]:
    cells = set(trial_cells(study)) if study.trials else set()
    labels = set(study.trials.labels) if study.trials else set()
    given = {key for maps in study.maps.values() if isinstance(maps, Given) for key in maps.keys}
    given |= {key for maps in study.maps.values() if isinstance(maps, Blocks | Glm) for key in maps.cells}
    stacks = {derived.key for derived in study.derived.values() if isinstance(derived, Stack)}
    named = {name for name, factor in study.factors.items() if factor.names}
    phases = study.operant.phases.values() if study.operant else ()
    cues = {treatment.cue for phase in phases for treatment in phase.treatments.values()} - {None}
    shown = {name for name, factor in study.factors.items() if cues and cues <= set(factor.levels)}
    return {*_KEYS, *cells, *labels, *given, *stacks, *named, *shown}


def groupings(study: Study) -> tuple[str, ...]:
    """Return the names of units and of random parts of formulas, in order."""
    names: list[str] = []
    for question in study.questions.values():
        names.append(getattr(question, "unit", "subject"))
        if isinstance(question, Formula):
            names += [word for part in _RANDOM.finditer(question.formula) for word in _WORD.findall(part[2])]
    return tuple(dict.fromkeys(names))


def numbers_asked(study: Study) -> Iterator[tuple[str, str]]:
    """Yield each column of subjects or visits that is used as a number: its name, and who uses it."""
    for name, derived in study.derived.items():
        match derived:
            case Stack() if derived.of == "operant":
                pass
            case Stack():
                yield from ((column, f"derived.{name}") for column in derived.stack.values())
            case Split():
                yield derived.split, f"derived.{name}"
            case Reduce() | Composite():
                pass
    for name, question in study.questions.items():
        words = [*getattr(question, "covariates", ()), *getattr(question, "controls", ())]
        if isinstance(question, Formula):
            random = " ".join(part[1] for part in _RANDOM.finditer(question.formula))
            words += [word for word in words_of(f"{fixed_part(question.formula)} {random}") if word != "center"]
        yield from ((word, f"questions.{name}") for word in words)


def fixed_part(formula: str) -> str:
    """Return a formula without its random parts."""
    return _RANDOM.sub(" ", formula)


def words_of(text: str) -> list[str]:
    """Return the names in a formula."""
    return _WORD.findall(text)


def responses_asked(study: Study) -> Iterator[tuple[str, str]]:
    """Yield each response that a question or derived number takes rows of: the reference, and who uses it."""
    for path, rows in _rows(study):
        yield rows.of, path


def _rows(study: Study) -> Iterator[tuple[str, Rows]]:
    for section, items in (("derived", study.derived), ("questions", study.questions)):
        for name, item in items.items():
            if isinstance(item, Rows):
                yield f"{section}.{name}", item
            for other in (getattr(item, "less", None), getattr(item, "with_", None)):
                if other is not None:
                    yield f"{section}.{name}", other


def drawn_source(study: Study, of: str) -> str:
    """Return the response that is drawn for a reference: regions and contrasts go back to maps, measures to counts."""
    table, response = split_reference(of)
    kind, _, name = table.partition(".")
    if kind == "regions" and name in study.regions:
        return drawn_source(study, study.regions[name].of)
    if kind == "contrasts":
        return f"maps.{name}"
    if kind in ("operant", "bins") and study.operant and response in study.operant.measures:
        return f"operant.{WHOLE[study.operant.measures[response].count]}"
    if kind == "operant":
        return f"operant.{_COUNTED.get(response, response)}"
    return of


WHOLE: Mapping[Counted, str] = {
    "infusion": "infusions",
    "active": "active",
    "inactive": "inactive",
    "lick": "licks",
    "shock": "shocks",
}
"""Response of table operant that counts a kind of event over the whole session."""
_FROM_INFUSIONS = (
    "first_hour_infusions first_hour_share latency_s mean_interval_s cv_interval loading_infusions maintenance_per_h "
    "bursts intake_mg_kg mean_level_mg_kg peak_level_mg_kg satiety_mg_kg timeout_presses breakpoint"
)
_COUNTED = dict.fromkeys(_FROM_INFUSIONS.split(), "infusions") | {"discrimination": "active"}


def is_key(study: Study, name: str) -> bool:
    """Return whether a name is a key of some table, a factor, a derived number or a column of operant or of events."""
    keys = {key for plan in Accounting(study).tables.values() for key in plan.keys}
    phases = study.operant.phases.values() if study.operant else ()
    days = {column for phase in phases for column in phase.by_day}
    trials = study.trials
    events = {*trials.measures, *trials.labels, trials.breathing} if trials else set()
    return name in {*keys, *study.factors, *study.derived, *days, *events, *groupings(study)}
