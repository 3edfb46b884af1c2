"""Pydantic's faults in words of the study file: where the key is, what was found, what was expected."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from cuecircuit.study.acquisition import Blocks, Given, Glm, Seed
from cuecircuit.study.fields import Section
from cuecircuit.study.question_checks import not_among
from cuecircuit.study.questions import DERIVED, QUESTIONS
from cuecircuit.study.schema import Study
from cuecircuit.study.yaml_lines import KeyPath

# variants that pydantic puts between the keys of a fault's path
_VARIANTS: Mapping[str, type[Section]] = {
    **DERIVED,
    **QUESTIONS,
    **{"blocks": Blocks, "glm": Glm, "seed": Seed, "given": Given},
}
# keys that some kinds of question have
_OF_SOME_KINDS = {
    "covariates": "goes with between and within, and with pooling; a formula has center(age), a correlation `controls`",
    "repeats": "goes with formula and trend; name the keys in `average`",
    "unit": "goes with between and within",
}
# keys of earlier study files and where each is now
_MOVED = {
    "study": "leave it out: the sections say what a study has",
    "drug": "drugs.NAME, and operant.phases.PHASE.delivers names it",
    "phases": "operant.phases.NAME, with `days` for `sessions` and `treatments` by name",
    "behavior": "operant (logs, programs, measures) and questions (of: operant.infusions ...)",
    "cues": "factors.cue (levels) and trials (cells, labels, measures)",
    "acquisition": "scans (task, tr_s, volumes, derivatives, space)",
    "response": "maps.NAME (kind: blocks or glm) and, of block halves, trials.parts",
    "group": "a question of maps (between, within, covariates, or formula)",
    "correlations": "a question of regions with `with:`",
    "longitudinal": "questions of contrasts by formula, with `agreement:`, and with `change:`",
}
_MOVED_BELOW: Mapping[tuple[str, ...], str] = {
    ("subjects", "group"): "factors.group",
    ("subjects", "groups"): "factors.group (levels, the reference first)",
    ("subjects", "phenotype"): "subjects.tables",
    ("space", "reference_point"): "space.origin",
    ("nuisance", "smoothing_fwhm_mm"): "maps.NAME.smoothing_fwhm_mm",
    ("nuisance", "csf"): "nuisance.ventricles",
    ("nuisance", "respiration"): "nuisance.breathing",
    ("nuisance", "cosine"): "nuisance.columns: [cosine]",
    ("nuisance", "global_signal"): "nuisance.columns: [global_signal]",
    ("nuisance", "non_steady_state"): "nuisance.columns: [non_steady_state_outlier]",
    ("correction", "iterations"): "correction.draws",
    ("correction", "permutations"): "correction.draws",
    ("correction", "compare_permutations"): "correction.compare_draws",
    ("regions", "extent"): "regions.NAME.within",
    ("regions", "smoothed"): "regions.NAME.unsmoothed",
    ("regions", "shown"): "figures.NAME.only",
    ("simulation", "animals"): "simulation.n",
}


def model_faults(error: ValidationError, data: Any, model: type[BaseModel] = Study) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path of the key and what is wrong with it, for each of pydantic's faults.

    Args:
        error: of the validation.
        data: what was read from the file.
        model: what the file is read as.
    """
    faults = [(_clean_path(fault["loc"], data), fault) for fault in error.errors()]
    for path, fault in faults:
        if not any(other[: len(path)] == path != other for other, _ in faults):  # else it follows from what is below
            yield path, _description_of(fault, data, model)


def _clean_path(loc: KeyPath, data: Any) -> KeyPath:
    """Remove from a fault's path what is no key of the file: names of variants and of types, `[key]`."""
    path: list[str | int] = []
    for part in loc:
        keys = data if isinstance(data, Mapping) else range(len(data)) if isinstance(data, list) else ()
        if part in keys:
            data = data[part]  # pyright: ignore[reportIndexIssue, reportCallIssue, reportArgumentType]
            path.append(part)
        elif part not in (*_VARIANTS, _tag(data)) and not _is_type_name(str(part)):
            path.append(part)
            data = None
    return tuple(path)


def _tag(data: Any) -> Any:
    """Return the word by which a variant is chosen."""
    return next((data[key] for key in ("kind", "rule") if key in data), None) if isinstance(data, Mapping) else None


def _is_type_name(part: str) -> bool:
    return part in ("str", "float", "int", "[key]") or part.startswith(
        ("constrained-", "function-", "tuple[", "dict[", "literal[")
    )


def _description_of(fault: Any, data: Any, model: type[BaseModel]) -> str:
    limits, value = fault.get("ctx", {}), fault["input"]
    if model is Study and (moved := _moved(tuple(map(str, _clean_path(fault["loc"], data))))):
        return f"moved: {moved}"
    match fault["type"]:
        case "extra_forbidden":
            return _unknown_key(fault["loc"], data, model)
        case "missing":
            return f"missing: {_description(fault['loc'], model) or 'it must be given'}"
        case "literal_error":
            return f"found {_short(value)}, expected {limits['expected']}"
        case "union_tag_invalid":
            key = limits["discriminator"].strip("'")
            return f"found {key} {limits['tag']!r}, expected one of {limits['expected_tags']}"
        case "union_tag_not_found":
            kinds = [word for one in _sections((*fault["loc"], ""), model) for word in _words(one)]
            return f"missing: {limits['discriminator'].strip(chr(39))}, one of {', '.join(kinds)}"
        case "value_error":
            return str(limits["error"])
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            words = fault["msg"].removeprefix("Input should be ")
            return f"found {value}, expected a number {words}"
        case "too_short":
            return f"empty; give at least {limits['min_length']}"
        case "string_too_short":
            return "empty text; write a word"
        case "string_too_long":
            return f"longer than {limits['max_length']} characters"
        case "string_pattern_mismatch":
            return f"{value!r} does not fit; {_pattern(fault, model)}"
        case kind:
            return f"found {_short(value)}, expected {_expected(kind)}"


def _moved(path: tuple[str, ...]) -> str | None:
    return _MOVED.get(path[0]) if len(path) == 1 else _MOVED_BELOW.get(path)


def _unknown_key(loc: KeyPath, data: Any, model: type[BaseModel]) -> str:
    key = str(loc[-1])
    path = tuple(map(str, _clean_path(loc, data)))
    if path[0] == "questions" and key in _OF_SOME_KINDS:
        return _OF_SOME_KINDS[key]
    names = [field.alias or name for one in _sections(loc, model)[:1] for name, field in one.model_fields.items()]
    return not_among(key, names, f"key of {'.'.join(path[:-1]) or 'this file'}")


def _expected(kind: str) -> str:
    words = {
        "float": "a number",
        "int": "a whole number",
        "bool": "true or false",
        "string": "text",
        "tuple": "a list such as [a, b]",
        "list": "a list such as [a, b]",
        "finite": "a finite number",
        "missing": "a value",
        "too": "fewer values",
    }
    return words.get(kind.split("_")[0], "keys below it, each with a value")


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _pattern(fault: Any, model: type[BaseModel]) -> str:
    loc = fault["loc"]
    if loc and loc[-1] in ("doi", "release_date", "name"):
        return _description(loc, model)
    if "colors" in loc:
        return "expected a color as #RRGGBB, such as '#0072B2' in quotes"
    if model is not Study:
        return f"expected the pattern {fault['ctx']['pattern']}"
    return "a name has letters (a to z), digits and _, a letter first"


def _sections(loc: KeyPath, model: type[BaseModel]) -> list[type[BaseModel]]:
    """Return the section that the last key of a fault's path belongs to; several where no word chooses one."""
    here: list[Any] = [model]
    for part in map(str, loc[:-1]):
        fields = [f for one in here for name, f in one.model_fields.items() if part in (name, f.alias)]
        if part in _VARIANTS:
            here = [_VARIANTS[part]]
        elif fields:
            here = _models(fields[0].annotation)
        else:  # the word that chooses among several, or a name that the user gives
            here = [one for one in here if part in _words(one)] or here
    return here


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the sections inside an annotation such as `dict[Name, Drug]` or `Operant | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _words(model: type[BaseModel]) -> tuple[str, ...]:
    return next(
        (get_args(model.model_fields[key].annotation) for key in ("kind", "rule") if key in model.model_fields), ()
    )


def _description(loc: KeyPath, model: type[BaseModel]) -> str:
    sections = _sections(loc, model)[:1]
    field = next((f for one in sections for n, f in one.model_fields.items() if loc[-1] in (n, f.alias)), None)
    return (field.description or "") if field else "a value"
