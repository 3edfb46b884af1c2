"""A draft of a study file from what was found: what files state, what is taken where they do not, and what is open."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cuecircuit.errors import DataError
from cuecircuit.starting.cast import Cast, Sources, make_cast
from cuecircuit.starting.commented_yaml import study_text
from cuecircuit.starting.draft_parts import Answers, Choice, Note, Part, join_parts
from cuecircuit.starting.inventory import Inventory
from cuecircuit.starting.map_part import given_part, map_questions, space_part
from cuecircuit.starting.operant_part import operant_part
from cuecircuit.starting.place import Place
from cuecircuit.starting.scan_part import CELL, SET, scan_part
from cuecircuit.starting.scan_plan import ScanPlan, plan_scans
from cuecircuit.starting.subject_part import subject_part

_HEAD = """A first study file, drafted from the data that were found; `cuecircuit check` reads it.
Lines with `# ?` are left for you to decide; `assumed` lists what was taken without being asked."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draft:
    """A draft: its settings, choices and comments, and who takes part."""

    part: Part
    people: Cast
    answers: Answers

    @property
    def open_choices(self) -> tuple[Choice, ...]:
        """Choices of which a value is taken and that nobody has answered."""
        return tuple(one for one in self.unanswered if one.likeliest)

    @property
    def unanswered(self) -> tuple[Choice, ...]:
        """Choices that nobody has answered, those that may stay open too."""
        return tuple(choice for choice in self.part.choices if choice.path not in self.answers.given)

    def text(self, *, assume: bool) -> str:
        """Return the study file.

        Args:
            assume: list open choices under `assumed`; else each is a comment marked `# ?`.
        """
        taken = self.open_choices
        settings = dict(self.part.settings)
        notes = list(self.part.notes)
        if assume:
            settings |= {"assumed": {choice.path: choice.why for choice in taken}} if taken else {}
        else:
            notes += [Note(path=choice.path, text=_asked(choice), is_open=True) for choice in taken]
        return study_text(settings, notes, head=_HEAD)


def draft_study(inventory: Inventory, place: Place, answers: Answers) -> Draft:
    """Draft a study file.

    Args:
        inventory: what was found.
        place: of the study file.
        answers: given so far.

    Raises:
        DataError: nothing was found, nobody is in two parts of it, or no question can be asked of it.
    """
    plan = plan_scans(inventory, place, answers)
    people = make_cast(inventory, _sources(inventory, plan), place, answers, species=_usual_species(inventory))
    parts = [
        Part(settings={"about": {"title": f"Study of {len(people.group_of)} subjects ({people.species_name})"}}),
        subject_part(people),
    ]
    logs = inventory.logs
    if logs is not None and len(logs.sessions):
        parts.append(operant_part(logs, people, answers))
    if plan is not None:
        parts.append(scan_part(plan, people, answers))
    drafted = join_parts([*parts, *_map_parts(inventory, plan, people, answers, join_parts(parts))])
    dropped = [Note(path="questions", text=f"left out: {name}: {why}") for name, why in answers.dropped.items()]
    if not drafted.settings.get("questions"):
        raise DataError(
            [f"{note.path}: {note.text}" for note in drafted.notes if note.is_open]
            or "nothing that was found can be asked about; a study needs logs with counts, scans with events, or maps"
        )
    return Draft(part=join_parts([drafted, Part(notes=tuple(dropped))]), people=people, answers=answers)


def _sources(inventory: Inventory, plan: ScanPlan | None) -> Sources:
    sources: dict[str, frozenset[str]] = {}
    if inventory.logs is not None and len(inventory.logs.sessions):
        sources["operant session"] = frozenset(inventory.logs.sessions["subject"])
    if plan is not None:
        sources[f"scan of task {plan.task}"] = plan.subjects
    for table in inventory.map_tables:
        sources[f"map in {table.path.name}"] = table.subjects
    return Sources(subjects=sources)


def _usual_species(inventory: Inventory) -> str:
    return "Rattus norvegicus" if inventory.logs is not None else "Homo sapiens"


def _map_parts(inventory: Inventory, plan: ScanPlan | None, people: Cast, answers: Answers, before: Part) -> list[Part]:
    """Draft given maps, the space, and questions on every set of maps."""
    sets: dict[str, tuple[str, ...]] = {}
    parts: list[Part] = []
    grid = None
    if plan is not None and "maps" in before.settings:
        sets[SET] = (CELL, *(("session",) if plan.sessions else ()))
        grid = plan.headers[0].grid
    for table in inventory.map_tables:
        if grid is not None and table.grid is not None and not table.grid.same_as(grid):
            text = f"{table.path} has maps on another grid ({table.grid}); ask about them in a study of their own"
            parts.append(Part(notes=(Note(path="maps", text=text, is_open=True),)))
            continue
        name, part = given_part(table, people, answers)
        parts.append(part)
        sets[name] = tuple(table.keys)
        grid = grid or table.grid
    if grid is None:
        return parts
    have_masks = plan is not None and SET in sets and plan.derived is not None and plan.have_brain_masks
    parts.append(space_part(inventory.volumes, grid, people, answers, have_brain_masks=have_masks))
    drafted = join_parts([before, *parts])
    parts += [map_questions(name, drafted, people, keys, answers) for name, keys in sets.items()]
    return [*parts, _breathing(before.settings, people, sets.get(SET, ()))]


def _breathing(settings: Mapping[str, Any], people: Cast, within: tuple[str, ...]) -> Part:
    if "breathing" not in settings.get("trials", {}):
        return Part()
    average = ["trial", *(["run"] if "runs" in settings["scans"] else [])]
    model = {**({"between": people.factor} if len(people.levels) > 1 else {}), "within": list(within)}
    return Part(settings={"questions": {"breathing": {"of": "trials.respiration", "average": average, **model}}})


def _asked(choice: Choice) -> str:
    options = f"; one of: {', '.join(choice.options)}" if choice.options else ""
    return f"{choice.question}: {choice.likeliest} is taken, {choice.why}{options}"
