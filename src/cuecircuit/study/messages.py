"""Pydantic's faults in words of the study file: where the key is, what was found, what was expected."""

from collections.abc import Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

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
_KINDS_OF_MAPS = "blocks, glm, seed, given"
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


def clean_path(loc: KeyPath, data: Any) -> KeyPath:
    """Remove from a fault's path what is no key of the file: names of variants and of types, `[key]`."""
    path: list[str | int] = []
    for part in loc:
        keys = data if isinstance(data, Mapping) else range(len(data)) if isinstance(data, list) else ()
        if part in keys:
            data = data[part]  # pyright: ignore[reportIndexIssue, reportCallIssue, reportArgumentType]
            path.append(part)
        elif part not in _VARIANTS and not _is_type_name(str(part)):
            path.append(part)
            data = None
    return tuple(path)


def _is_type_name(part: str) -> bool:
    return part in ("str", "float", "int", "[key]") or part.startswith(("constrained-", "function-", "tuple[", "dict["))


def describe_fault(fault: Any, data: Any) -> str:
    """Describe what one of pydantic's faults means.

    Args:
        fault: an item of `ValidationError.errors()`.
        data: what was read from the file.
    """
    limits, value = fault.get("ctx", {}), fault["input"]
    if moved := _moved(tuple(map(str, clean_path(fault["loc"], data)))):
        return f"moved: {moved}"
    match fault["type"]:
        case "extra_forbidden":
            return _unknown_key(fault["loc"], data)
        case "missing":
            return f"missing: {_description(fault['loc'])}"
        case "literal_error":
            return f"found {value!r}, expected {limits['expected']}"
        case "union_tag_invalid" | "union_tag_not_found":
            kind = value.get("kind") if isinstance(value, Mapping) else value
            what = "missing: kind" if kind is None else f"found kind {kind!r}"
            return f"{what}, expected one of {_KINDS_OF_MAPS}"
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
            return f"{value!r} does not fit; {_pattern(fault['loc'])}"
        case kind:
            return f"found {_short(value)}, expected {_expected(kind)}"


def _moved(path: tuple[str, ...]) -> str | None:
    return _MOVED.get(path[0]) if len(path) == 1 else _MOVED_BELOW.get(path)


def _unknown_key(loc: KeyPath, data: Any) -> str:
    key = str(loc[-1])
    path = tuple(map(str, clean_path(loc, data)))
    model = _model(loc)
    names = [field.alias or name for name, field in model.model_fields.items()] if model else []
    return not_among(key, names, f"key of {'.'.join(path[:-1]) or 'a study file'}")


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
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _pattern(loc: KeyPath) -> str:
    if loc and loc[-1] in ("doi", "release_date", "name"):
        return _description(loc)
    if "colors" in loc:
        return "expected a color as #RRGGBB, such as '#0072B2' in quotes"
    return "a name has letters, digits and _, a letter first"


def _model(loc: KeyPath) -> type[Section] | None:
    """Return the section that the last key of a fault's path belongs to."""
    here: Any = Study
    for part in loc[:-1]:
        if str(part) in _VARIANTS:
            here = _VARIANTS[str(part)]
            continue
        if isinstance(here, type) and issubclass(here, Section):
            field = next((f for n, f in here.model_fields.items() if part in (n, f.alias)), None)
            here = _inner(field.annotation) if field else None
    return here if isinstance(here, type) and issubclass(here, Section) else None


def _inner(annotation: Any) -> Any:
    """Return the section inside an annotation such as `dict[Name, Drug]` or `Operant | None`."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation
    origin = get_origin(annotation)
    parts = [part for part in get_args(annotation) if part is not type(None)]
    if origin in (Union, UnionType, tuple):
        return next((found for part in parts if (found := _inner(part)) is not None), None)
    if origin is dict:
        return _inner(parts[1])
    if hasattr(annotation, "__metadata__"):
        return _inner(parts[0])
    return None


def _description(loc: KeyPath) -> str:
    model = _model(loc)
    field = next((f for n, f in model.model_fields.items() if loc[-1] in (n, f.alias)), None) if model else None
    return (field.description or "") if field else "a value"
