"""What a study file states in one place against what it states in another, and what it states and nothing uses."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from cuecircuit.study.accounting import Accounting
from cuecircuit.study.figure_checks import figure_faults
from cuecircuit.study.operant_checks import operant_contradictions
from cuecircuit.study.question_checks import Contradiction, QuestionChecks, not_among
from cuecircuit.study.schema import Study
from cuecircuit.study.section_checks import SectionChecks

# keys of tables that no setting names
_KEYS = ("subject", "phase", "treatment", "day", "bin", "trial")
# what a run writes at the top of its folder
_TAKEN = ("alternatives", "alternatives_runs", "figures", "inputs.tsv", "operant", "questions", "report", "tables")
_TAKEN += ("dataset_description.json", "report.html", "ro-crate-metadata.json", "study.yaml")


def contradictions(study: Study, *, unused: bool = True) -> Iterator[Contradiction]:
    """Yield each contradiction with the path of the setting to look at.

    Args:
        study: what was read.
        unused: also yield sections that nothing uses and figures that are not made; not for alternatives, which may
            leave a section unused.
    """
    asked = QuestionChecks(study=study, books=Accounting(study))
    sections = SectionChecks(asked)
    yield from asked.derived()
    yield from asked.questions()
    yield from operant_contradictions(study)
    yield from sections.maps_and_regions()
    yield from sections.trials()
    yield from sections.preprocess()
    yield from sections.simulation()
    yield from _called_like_keys(study, asked.books)
    yield from _lost_paths(study)
    yield from _copies(study)
    yield from _colors(study)
    if unused:
        yield from figure_faults(asked)
        yield from _unused(study, asked.used)


def has_path(whole: Any, path: str) -> bool:
    """Return whether a dotted path leads to a value of a study, dumped to plain data."""
    for key in path.split("."):
        if not (isinstance(whole, Mapping) and key in whole):
            return False
        whole = whole[key]
    return whole is not None


def _called_like_keys(study: Study, books: Accounting) -> Iterator[Contradiction]:
    """Yield factors that are called like a key that tells rows apart in a table of the study."""
    for name in study.factors:
        tables = [table for table, plan in books.tables.items() if name in plan.keys]
        if name in _KEYS and tables:
            reason = f"{name} tells rows of {tables[0]} apart already; call the factor (and its column) otherwise"
            yield ("factors", name), f"{reason}, such as {name}_group"


def _colors(study: Study) -> Iterator[Contradiction]:
    levels = [level for factor in study.factors.values() for level in factor.levels]
    for level in study.style.colors:
        if level not in levels:
            yield ("style", "colors", level), not_among(level, levels, "level of a factor")


def _lost_paths(study: Study) -> Iterator[Contradiction]:
    whole = study.model_dump(by_alias=True)
    for at, paths in ((("assumed",), study.assumed), (("about", "follows"), study.about.follows)):
        for path in paths:
            if not has_path(whole, path):
                yield (*at, path), "no such setting; write the dotted path of a value, such as scans.tr_s"


def _copies(study: Study) -> Iterator[Contradiction]:
    """Yield further names of results that lead out of the folder, or to where results are already."""
    for to, source in study.copies.items():
        for path in (PurePosixPath(to), PurePosixPath(source)):
            if path.is_absolute() or ".." in path.parts or not path.parts:
                yield (
                    ("copies", to),
                    f"'{path}' leads out of the results; give a path inside, such as regions/table1.tsv",
                )
        asked = PurePosixPath(source).parts[1:2]
        if source.startswith("questions/") and asked and asked[0] not in study.questions:
            yield ("copies", to), not_among(asked[0], study.questions, "question")
        first = PurePosixPath(to).parts[:1]
        if first and (first[0] in _TAKEN or first[0].startswith((".", "sub-"))):
            yield ("copies", to), f"'{first[0]}' holds results of its own; choose another folder"


def _unused(study: Study, used: set[str]) -> Iterator[Contradiction]:
    """Yield named sections that no question or other section uses."""
    used = used | _used_by_operant(study)
    for section, named in (("factors", study.factors), ("drugs", study.drugs)):  # derived numbers are results
        for name in named:
            if name not in used:
                yield (section, name), "no question or section uses it; take it out, or ask about it"
    for section, kinds in (("maps", ("maps", "contrasts")), ("regions", ("regions",)), ("edges", ("edges",))):
        for name in getattr(study, section):
            if not used & {f"{kind}.{name}" for kind in kinds}:
                yield (section, name), "no question asks about it"
    if study.operant and not used & {"operant", "bins"}:
        yield ("operant",), "no question asks about its tables"
    if not (study.maps or study.edges or study.regions or study.trials or study.preprocess):
        for section in sorted({"space", "scans", "nuisance", "correction"} & study.model_fields_set):
            yield (section,), "no map, edge or trial is made that it would apply to; take it out, or add maps:"
    if study.trials and "trials" not in used and not study.maps and not study.edges:
        yield ("trials",), "no question asks about its table"


def _used_by_operant(study: Study) -> set[str]:
    if study.operant is None:
        return set()
    phases = study.operant.phases.values()
    treatments = [treatment for phase in phases for treatment in phase.treatments.values()]
    drugs = {drug for phase in phases for drug in phase.drugs} | {str(treatment.drug) for treatment in treatments}
    cues = {name for name, factor in study.factors.items() for t in treatments if t.cue in factor.levels}
    drugs |= {medication.drug for phase in phases for medication in phase.medications.values()}
    return drugs | cues | {study.operant.by}
