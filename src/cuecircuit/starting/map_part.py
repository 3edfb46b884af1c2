"""Sections of a draft about maps: given ones, the space, atlas and correction, and questions on all of them."""

from collections import Counter
from collections.abc import Mapping
from math import factorial, prod
from typing import Any

from cuecircuit.records.grid import Grid
from cuecircuit.starting.cast import Cast
from cuecircuit.starting.draft_parts import Answers, Choice, Note, Part
from cuecircuit.starting.level_order import level_choice, order_levels
from cuecircuit.starting.volumes import Kind, MapTable, Volume
from cuecircuit.starting.words import slug

_MOST_CONTRASTS = 12
_NO_MASK = "mask.nii.gz"
_ALPHA = 0.05


def given_part(table: MapTable, people: Cast, answers: Answers) -> tuple[str, Part]:
    """Draft a set of maps that another program made; return its name too."""
    name = slug(table.path.parent.name if table.path.stem in ("maps", "map") else table.path.stem, "maps")
    unit = Choice(path=f"maps.{name}.unit", question="unit of the maps", likeliest="a.u.", why="no sidecar states it")
    factors: dict[str, Any] = {}
    choices = [] if table.unit else [unit]
    for key, levels in table.keys.items():
        choices.append(level_choice(key, levels))
        factors[key] = list(order_levels(choices[-1], answers))
    settings: dict[str, Any] = {
        "maps": {
            name: {
                "kind": "given",
                "table": people.place.written(table.path),
                **({"keys": list(table.keys)} if table.keys else {}),
                "unit": table.unit or answers.of(unit),
            }
        },
        **({"factors": factors} if factors else {}),
    }
    note = Note(path=f"maps.{name}", text=f"{table.n} maps of {len(table.subjects)} subjects")
    return name, Part(settings=settings, choices=tuple(choices), notes=(note,))


def space_part(
    volumes: tuple[Volume, ...], grid: Grid, people: Cast, answers: Answers, *, have_brain_masks: bool = False
) -> Part:
    """Draft `space` from volumes on the grid of the maps, and `correction`.

    Args:
        volumes: that were found.
        grid: of the maps.
        people: who takes part.
        answers: given so far.
        have_brain_masks: every scan has one, so that a mask can be made of them where no other was found.
    """
    on_grid = [volume for volume in volumes if volume.grid.same_as(grid)]
    taken: dict[str, str] = {}
    choices: list[Choice] = []
    kinds: tuple[Kind, ...] = ("mask", "white_matter", "ventricles", "anatomy", "atlas")
    for kind in kinds:
        of_kind = [volume for volume in on_grid if volume.kind == kind]
        if not of_kind:
            continue
        by_name = {people.place.written(volume.path): volume for volume in sorted(of_kind, key=_preference)}
        first = next(iter(by_name))
        choice = Choice(
            path=f"space.{kind}",
            question=f"{kind.replace('_', ' ')} to take",
            likeliest=first,
            why=f"{len(of_kind)} lie on the grid of the maps: {', '.join(by_name)}",
            options=tuple(by_name),
        )
        choices += [choice] if len(of_kind) > 1 else []
        taken[kind] = answers.of(choice)
        if kind == "atlas" and (labels := by_name[taken[kind]].labels):
            taken["labels"] = people.place.written(labels)
    origin = Choice(
        path="space.origin",
        question="what mm are counted from",
        likeliest="the origin of MNI space" if people.is_human else "bregma",
        why=f"usual for {people.species_name}; no header states it",
    )
    notes = []
    if "mask" not in taken and have_brain_masks:
        taken["mask"] = "auto"
        text = "mask: auto takes the voxels that lie in the brain masks of all scans; `check` counts them"
        notes.append(Note(path="space", text=text))
    if "mask" not in taken:
        other = ", ".join(f"{volume.path} ({volume.grid})" for volume in volumes if volume.kind == "mask") or "none"
        text = f"no mask on the grid of the maps ({grid}) was found; name one. On other grids: {other}"
        notes.append(Note(path="space", text=text, is_open=True))
    if "atlas" not in taken:
        text = "no atlas with a table of labels beside it lies on the grid of the maps: no questions by region"
        notes.append(Note(path="space", text=text))
    height = Choice(
        path="correction.voxel_p",
        question="height that forms clusters, p",
        likeliest="0.001",
        why="usual; tfce does not use it",
    )
    space = {"mask": _NO_MASK, **taken, "origin": answers.of(origin)}
    few = _smallest_p(people) > _ALPHA
    method = {"method": "simulation"} if few else {"method": "permutation", "statistic": "tfce"}
    correction = {**method, "voxel_p": answers.number(height), "alpha": _ALPHA, "draws": 10_000 if few else 5000}
    if few:
        text = f"so few subjects have no arrangement with p of {_ALPHA} or less; cluster sizes are simulated instead"
        notes.append(Note(path="correction", text=text))
    return Part(
        settings={"space": space, "correction": correction},
        choices=(*choices, origin, height),
        notes=tuple(notes),
    )


def _smallest_p(people: Cast) -> float:
    """Return the smallest p that permutation of groups or signs of all subjects can give."""
    sizes = list(Counter(people.group_of.values()).values())
    orders = factorial(sum(sizes)) // prod(map(factorial, sizes))
    alike = 2 if len(sizes) == 2 and sizes[0] == sizes[1] else 1
    return max(0.5 ** (sum(sizes) - 1), alike / orders if len(sizes) > 1 else 0.0)


def map_questions(name: str, drafted: Part, people: Cast, keys: tuple[str, ...], answers: Answers) -> Part:
    """Ask of a set of maps whether groups and cells differ, by voxel and by region, and what it goes with.

    Args:
        name: of the set of maps.
        drafted: the rest of the draft.
        people: who takes part.
        keys: that tell the maps of a subject apart.
        answers: given so far.
    """
    factors: Mapping[str, Any] = drafted.settings.get("factors", {})
    between = people.factor if people.factor and len(people.levels) > 1 else None
    within = [key for key in keys if len(_levels(factors, key)) > 1]
    model: dict[str, Any] = {**({"between": between} if between else {}), **({"within": within} if within else {})}
    whole: dict[str, Any] = {"formula": "1", "tests": "(Intercept)", "method": "ols"}
    contrasts = _contrasts(factors, between, within) if within else []
    asked = {**(model or whole), **({"contrasts": contrasts} if contrasts else {})}
    questions: dict[str, Any] = {f"{name}_maps": {"of": f"maps.{name}", **asked}}
    settings: dict[str, Any] = {}
    if "atlas" in drafted.settings["space"]:
        regions = f"{name}_regions"
        settings["regions"] = {regions: {"of": f"maps.{name}"}}
        of = f"regions.{regions}"
        questions[regions] = {"of": of, "each": "region", "adjust": "holm", **(model or whole)}
        partner, derived = _partner(drafted, people)
        settings |= {"derived": derived} if derived else {}
        if partner:
            each = ["region", *within]
            inside = {"inside": between} if between else {}
            correlation = {
                "of": of,
                "each": each,
                "family": "region",
                "adjust": "fdr",
                "with": {"of": partner},
                **inside,
            }
            questions[f"{name}_and_{partner.rpartition('.')[2]}"] = correlation
    settings["questions"] = {key: question for key, question in questions.items() if key not in answers.dropped}
    if not any("regions." in question["of"] for question in settings["questions"].values()):
        settings.pop("regions", None)
    return Part(settings=settings)


def _partner(drafted: Part, people: Cast) -> tuple[str | None, dict[str, Any]]:
    """Return what region means are correlated with: a number of subjects, else the intake of the first phase."""
    phases: Mapping[str, Any] = drafted.settings.get("operant", {}).get("phases", {})
    taking = next((name for name, phase in phases.items() if phase["kind"] == "self_administration"), None)
    asked = drafted.settings.get("questions", {}).get(f"infusions_{taking}")
    if asked is not None:
        phase = phases[str(taking)]
        over = {"over": "day", "how": "sum"}
        rows = {"of": "operant.infusions", "where": {"phase": taking}}
        return ("derived.intake", {"intake": {**rows, **over}}) if "treatments" not in phase else (None, {})
    return (f"subjects.{people.partners[0]}" if people.partners else None), {}


def _levels(factors: Mapping[str, Any], name: str) -> list[str]:
    levels = factors.get(name, [])
    return levels["levels"] if isinstance(levels, Mapping) else levels


def _contrasts(factors: Mapping[str, Any], between: str | None, within: list[str]) -> list[str]:
    """Compare each level of the first key with its reference, over all and between groups."""
    key = within[0]
    reference, *others = _levels(factors, key)
    differences = [f"{key}={level} - {key}={reference}" for level in others]
    if between is None:
        return differences[:_MOST_CONTRASTS]
    first, *groups = _levels(factors, between)
    pairs = [f"{between}={group} - {between}={first}" for group in groups]
    return [*differences, *(f"{pair}: {difference}" for pair in pairs for difference in differences)][:_MOST_CONTRASTS]


def _preference(volume: Volume) -> tuple[int, int, str]:
    name = volume.path.name.lower()
    return ("brain" not in name and "mask" not in name, len(name), name)
