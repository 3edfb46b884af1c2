"""What a plan draws from: the section `simulation` of a study file, or of a file beside it, and the sizes of groups."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from cuecircuit.errors import StudyError
from cuecircuit.io.bounded import read_text
from cuecircuit.simulation.columns import drawn_source, responses_asked
from cuecircuit.study.messages import model_faults
from cuecircuit.study.questions import MOST_SUBJECTS, Simulation
from cuecircuit.study.schema import Study
from cuecircuit.study.yaml_lines import line_of, parse_yaml
from cuecircuit.tables.study_files import StudyFiles, read_study

_STATED = "stated"
"""The hypothesis of effects that a file states without hypotheses of its own."""
# designs where none is named, as multiples of the subjects of the file
_MULTIPLES = (0.5, 0.75, 1.0, 1.5, 2.0)


def read_assumptions(path: Path, effects: Path | None) -> StudyFiles:
    """Read a study with its section `simulation`, in part or whole from another file.

    Args:
        path: the study file.
        effects: YAML with any keys of the section; a `base` takes the place of the study's for the same response,
            `effects` and `hypotheses` that of all of the study's.

    Raises:
        StudyError: a study without the section, or a fault of either file, with its line.
        DataError: a file that is not there.
    """
    files = read_study(path)
    stated = None if effects is None else _stated(effects, files.study)
    simulation = stated or files.study.simulation
    if simulation is None:
        raise StudyError(_lacking(files))
    unread = ("sizes",) if simulation.lived else ("parameters", "sizes")
    if unused := [name for name in unread if getattr(simulation, name)]:
        faults = [
            f"simulation.{name}: not read; a plan draws from base and effects, or lets animals live (generator: "
            "mechanism, with parameters). Leave it out, or state another section in a file (--effects)"
            for name in unused
        ]
        raise located(StudyError(faults), path, effects if stated else None)
    return StudyFiles(study=files.study.model_copy(update={"simulation": simulation}), file=path)


def _lacking(files: StudyFiles) -> str:
    study = files.study
    group = next(iter(study.factors), None)
    levels = study.factors["group"].levels if "group" in study.factors else ("all",)
    asked = (drawn_source(study, of) for of, _ in responses_asked(study))
    responses = dict.fromkeys(of for of in asked if not of.startswith("derived."))
    n = ", ".join(f"{level}: 12" for level in levels)
    return (
        f"{files.file.name}: simulation: missing; a plan draws studies from it. Add `n` ({{ {n} }}; subjects by the "
        f"levels of a factor such as {group or 'group'}, or `all`), a `base` (in, mean, between_sd, within_sd) for "
        f"each of {', '.join(responses)}, and `effects`; or state them in a file (--effects)"
    )


def _stated(path: Path, study: Study) -> Simulation:
    data, lines, faults = parse_yaml(read_text(path), path.name)
    if set(data) == {"simulation"} and isinstance(data["simulation"], dict):
        data, lines = data["simulation"], {key[1:]: line for key, line in lines.items() if len(key) > 1}
    planted = study.simulation
    if planted is None and "n" not in data:
        faults.append(f"{path.name}:1: n: missing, and the study has no section simulation; give subjects by group")
    more = {} if "n" in data or planted is None else {"n": planted.n}
    try:
        stated = Simulation.model_validate({**more, **data})
    except ValidationError as error:
        for key, what in model_faults(error, data, Simulation):
            faults.append(f"{path.name}:{line_of(lines, key)}: {'.'.join(map(str, key))}: {what}")
        raise StudyError(faults) from None
    StudyError.raise_any(faults)
    return _merged(stated, planted, data)


def _merged(stated: Simulation, known: Simulation | None, data: Mapping[str, object]) -> Simulation:
    if "effects" in data and "hypotheses" not in data:
        stated = stated.model_copy(update={"hypotheses": {_STATED: tuple(stated.effects)}})
    if known is None:
        return stated
    of = {base.in_ for base in stated.base}
    base = (*(base for base in known.base if base.in_ not in of), *stated.base)
    kept = {name: getattr(known, name) for name in ("effects", "hypotheses") if "effects" not in data}
    if "missing" not in data:
        kept["missing"] = known.missing
    return stated.model_copy(update={**kept, "base": base})


def group_sizes(simulation: Simulation, texts: Sequence[str], power: float = 0.8) -> tuple[dict[str, int], ...]:
    """Return the subjects of each group in each design, the smallest design first.

    Args:
        simulation: with the groups, and the sizes around which designs are planned where none is named.
        texts: a number for all groups, or one for each with commas.
        power: that is wanted.

    Raises:
        StudyError: sizes or a power that cannot be, all at once.
    """
    groups = tuple(simulation.n)
    faults, sizes = [], set[tuple[int, ...]]()
    if not 0 < power < 1:
        faults.append(f"power {power:g}: expected more than 0 and less than 1, such as 0.8")
    if not texts:
        sizes = {tuple(max(2, round(n * multiple)) for n in simulation.n.values()) for multiple in _MULTIPLES}
    for text in texts:
        parts = [part.strip() for part in text.split(",")]
        numbers = tuple(int(part) for part in parts if part.isdecimal())
        if len(numbers) != len(parts) or len(numbers) not in (1, len(groups)):
            faults.append(f"n '{text}': expected a number, or one for each of {', '.join(groups)} with commas")
        elif min(numbers) < 2:
            faults.append(f"n '{text}': {min(numbers)} cannot be compared; give 2 or more")
        elif max(numbers) > MOST_SUBJECTS:
            faults.append(f"n '{text}': {max(numbers)} subjects of a group; give {MOST_SUBJECTS} or fewer")
        else:
            sizes.add(numbers * len(groups) if len(numbers) == 1 else numbers)
    totals = [sum(sizes_of) for sizes_of in sizes] if texts else []
    for total in sorted({total for total in totals if totals.count(total) > 1}):
        faults.append(f"n: two designs of {total} in all; give designs of different size")
    StudyError.raise_any(faults)
    return tuple(dict(zip(groups, of_size, strict=True)) for of_size in sorted(sizes, key=sum))


def located(error: StudyError, path: Path, effects: Path | None) -> StudyError:
    """Put the line of the file before each fault of the section `simulation`."""
    name, start = (path.name, ()) if effects is None else (effects.name, ("simulation",))
    lines = parse_yaml(read_text(effects or path), name)[1]
    nested = effects is None or ("simulation",) in lines

    def placed(fault: str) -> str:
        if not fault.startswith("simulation"):
            return f"{path.name}: {fault}"
        key = tuple(fault.partition(":")[0].split(" ")[0].split("."))
        return f"{name}:{line_of(lines, key if nested else key[len(start) :])}: {fault}"

    return StudyError([placed(fault) for fault in error.faults])
