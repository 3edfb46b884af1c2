"""What a study file says in one place against what it says in another."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cuecircuit.errors import DesignError
from cuecircuit.stats.mixed_formula import parse_formula, term_label
from cuecircuit.study.sections import StudyBase
from cuecircuit.study.settings import resolved
from cuecircuit.study.study import Correction, Study, Treatment

Contradiction = tuple[tuple[str | int, ...], str]

# mg/kg: beyond these a rat is dead (heroin i.v.) or no solution holds the dose (naloxone s.c.); of any other drug no
# animal takes a thousandth of its weight at once; assumed, as is the heaviest animal, for doses given as an amount
_MOST_MG_KG = {"heroin": 3.0, "naloxone": 100.0}
_MOST_OF_ANY_MG_KG = 1000.0
_HEAVIEST_KG = 1.0
_DAY_H = 24.0
_NO_DRUG = ("none", "saline")
_AFTER_DRUG = ("extinction", "reinstatement", "cue_test")


def contradictions(study: Study) -> Iterator[Contradiction]:
    """Yield each contradiction with the path of the setting to look at."""
    yield from names_once(
        {
            ("subjects", "groups"): study.subjects.groups,
            ("cues", "levels"): study.cues.levels,
            ("phases",): [phase.name for phase in study.phases],
        }
    )
    yield from _phases_exist(study)
    yield from _doses_can_be(study)
    yield from _hours_can_be(study)
    yield from _phases_have_what_they_need(study)
    yield from _blocks_fit(study)
    if study.cues.others == "model" and study.response.method == "block":
        yield ("cues", "others"), "block responses have no model of other events; set ignore, or response.method to glm"
    yield from _design_is_known(study)
    yield from _formula_fits(study)
    yield from alpha_can_be_told(study.correction)
    yield from assumptions_point_somewhere(study)


def one_of(found: str, known: Iterable[str], what: str) -> str:
    """Say that a name is not known, and which are."""
    return f"'{found}' is no {what} of this study; expected one of: {', '.join(known)}"


def names_once(lists: Mapping[tuple[str | int, ...], Sequence[str]]) -> Iterator[Contradiction]:
    """Yield the names that stand several times in a list, by the path of the list."""
    for path, names in lists.items():
        for name, times in Counter(names).items():
            if times > 1:
                yield path, f"'{name}' stands {times} times; every name once"


def _phases_exist(study: Study) -> Iterator[Contradiction]:
    names = [phase.name for phase in study.phases]
    for key in ("escalation", "conditioning"):
        found = getattr(study.behavior, key)
        if found not in names:
            yield ("behavior", key), one_of(found, names, "phase")
    if study.behavior.conditioning in names:
        treatments = [treatment.name for treatment in study.phase(study.behavior.conditioning).treatments]
        if not treatments:
            yield ("behavior", "conditioning"), f"phase {study.behavior.conditioning} has no treatments to compare"
        elif study.correlations.treatment not in treatments:
            yield ("correlations", "treatment"), one_of(study.correlations.treatment, treatments, "treatment")


def cue_of(study: Study, treatment: Treatment) -> int | None:
    """Give the number of the cue that a treatment shows: its name is the cue's, or begins with it and `_`."""
    for number, cue in enumerate(study.cues.levels):
        if treatment.name == cue or treatment.name.startswith(f"{cue}_"):
            return number
    return None


def _doses_can_be(study: Study) -> Iterator[Contradiction]:
    most = _MOST_MG_KG.get(study.drug.name, _MOST_OF_ANY_MG_KG)
    for key, unit, limit in (("dose_mg_kg", "mg/kg", most), ("dose_mg", "mg", most * _HEAVIEST_KG)):
        dose = getattr(study.drug, key)
        if dose is not None and dose > limit:
            yield ("drug", key), f"{dose:g} {unit} in one infusion is impossible; at most {limit:g}"
    for index, phase in enumerate(study.phases):
        for number, treatment in enumerate(phase.treatments):
            path = ("phases", index, "treatments", number, "dose_mg_kg")
            drug, dose = treatment.drug, treatment.dose_mg_kg
            most = _MOST_MG_KG.get(drug, _MOST_OF_ANY_MG_KG)
            if drug in _NO_DRUG and dose > 0:
                yield path, f"{drug} has no dose; give 0"
            elif dose > most:
                yield path, f"{dose:g} mg/kg of {drug} is impossible; at most {most:g}"


def _hours_can_be(study: Study) -> Iterator[Contradiction]:
    for index, phase in enumerate(study.phases):
        for group, hours in phase.access_h.items():
            path = ("phases", index, "access_h", group)
            if group not in study.subjects.groups:
                yield path, one_of(group, study.subjects.groups, "group")
            elif not 0 < hours <= _DAY_H:
                yield path, f"{hours:g} h of access are impossible; expected more than 0, at most {_DAY_H:g}"
            elif phase.window_min is not None and phase.window_min[1] > 60 * hours:
                end = phase.window_min[1]
                said = f"ends at minute {end:g}; {group} has access for {60 * hours:g} minutes"
                yield ("phases", index, "window_min"), said


def _phases_have_what_they_need(study: Study) -> Iterator[Contradiction]:
    """Yield phases, which follow one another in the order of the file, before what they look back to."""
    taken, paired = False, set[int | None]()
    for index, phase in enumerate(study.phases):
        after_drug = study.kind(phase) in _AFTER_DRUG
        if after_drug and not taken:
            yield (
                ("phases", index),
                f"{phase.name} comes before any phase in which the drug is taken; put self-administration before it",
            )
        cues = {number: cue_of(study, treatment) for number, treatment in enumerate(phase.treatments)}
        for number, cue in cues.items():
            if phase.treatments[number].drug == "none" and cue is not None and cue not in paired:
                yield (
                    ("phases", index, "treatments", number),
                    f"{phase.name} shows the cue {study.cues.levels[cue]} before any phase pairs it with an injection; "
                    "put conditioning before it",
                )
        paired |= {cue for number, cue in cues.items() if phase.treatments[number].drug != "none"}
        taken |= not after_drug


def _blocks_fit(study: Study) -> Iterator[Contradiction]:
    scan, response = study.acquisition, study.response
    used = Counter(number for numbers in response.blocks.values() for number in numbers)
    for number, times in sorted(used.items()):
        if not 1 <= number <= scan.blocks:
            yield ("response", "blocks"), f"block {number} does not exist; a scan has blocks 1 to {scan.blocks}"
        if times > 1:
            yield ("response", "blocks"), f"block {number} stands in {times} levels; each block in one"
    sizes = {level: len(numbers) for level, numbers in response.blocks.items()}
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{level} {size}" for level, size in sizes.items())
        yield ("response", "blocks"), f"levels average unequal numbers of blocks ({found}); give each as many"
    length = scan.tr_s * scan.volumes
    if scan.blocks * scan.block_s > length:
        yield (
            ("acquisition", "block_s"),
            f"{scan.blocks} blocks of {scan.block_s:g} s do not fit a scan of {length:g} s "
            f"({scan.volumes} volumes of {scan.tr_s:g} s)",
        )
    for key in ("baseline_s", "window_s"):
        start, stop = getattr(response, key)
        if stop - start < scan.tr_s:
            yield ("response", key), f"[{start:g}, {stop:g}] is shorter than one volume ({scan.tr_s:g} s)"


def _design_is_known(study: Study) -> Iterator[Contradiction]:
    model = study.group
    between, within = (study.subjects.group,), (study.cues.factor, study.response.block_factor)
    for factor in model.between:
        if factor not in between:
            yield ("group", "between"), one_of(factor, between, "between-subject factor")
    for factor in model.within:
        if factor not in within:
            yield ("group", "within"), one_of(factor, within, "within-subject factor")
    for factor, levels, where in (
        (study.cues.factor, len(study.cues.levels), "cues.levels"),
        (study.response.block_factor, len(study.response.blocks), "response.blocks"),
    ):
        if (factor in model.within) != (levels > 1):
            does = "names" if factor in model.within else "leaves out"
            yield (
                ("group", "within"),
                f"{does} '{factor}', which has {levels} level{'s' * (levels > 1)} ({where}); a factor of the model has "
                "two or more levels, and every factor with two or more is in the model",
            )
    factors = (*model.between, *model.within)
    for factor in model.effect.split(":"):
        if factor not in factors:
            yield ("group", "effect"), one_of(factor, factors, "factor of the group model")
    if study.correlations.cue not in study.cues.levels:
        yield ("correlations", "cue"), one_of(study.correlations.cue, study.cues.levels, "cue")


def _formula_fits(study: Study) -> Iterator[Contradiction]:
    model = study.group
    if model.formula is None:
        return
    at = ("group", "formula")
    try:
        formula = parse_formula(model.formula)
    except DesignError as error:
        yield from ((at, fault) for fault in error.faults)
        return
    for column in formula.columns:
        known = ("subject", *model.between, *model.within, *model.covariates)
        if column not in known:
            yield at, one_of(column, known, "column of the group model")
    terms = [term_label(term) for term in formula.fixed]
    if model.effect not in terms:
        yield at, f"has no term {model.effect}, which group.effect names; its terms: {', '.join(terms)}"
    if study.correction.compare:
        yield at, "corrections are compared in the error-strata model alone; set correction.compare to []"


def alpha_can_be_told(correction: Correction) -> Iterator[Contradiction]:
    """Yield an alpha below the smallest p that can come."""
    key = "permutations" if correction.method == "permutation" else "iterations"
    times = getattr(correction, key)
    if correction.alpha * (times + 1) < 1:  # the smallest p is 1 / (times + 1)
        yield (
            ("correction", "alpha"),
            f"{correction.alpha:g} cannot be told from {times} {key}; "
            f"set correction.{key} to {round(1 / correction.alpha)} or more, or raise alpha",
        )


def assumptions_point_somewhere(study: StudyBase) -> Iterator[Contradiction]:
    """Yield the paths under `assumed` that name no setting."""
    known = {setting.path for setting in resolved(study, {})}
    for path in study.assumed:
        if path not in known:
            yield ("assumed", path), "no such setting; write the dotted path of a value, such as acquisition.tr_s"
