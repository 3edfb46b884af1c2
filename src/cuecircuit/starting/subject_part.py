"""The sections `subjects` and `factors` of a draft."""

from collections import Counter

from cuecircuit.starting.cast import Cast
from cuecircuit.starting.draft_parts import Choice, Note, Part
from cuecircuit.starting.subject_columns import Column

# what weighs more is not stated in kg
_HEAVIEST_KG = {"mus": 0.1, "rattus": 1.5, "homo": 300.0}


def subject_part(cast: Cast) -> Part:
    """Draft the sections `subjects` and `factors`."""
    place, factor = cast.place, cast.factor
    subjects: dict[str, object] = {"participants": place.written(cast.table.path)}
    if cast.others:
        subjects["tables"] = [place.written(table.path) for table in cast.others]
    subjects["species"] = cast.species_name
    notes = [*cast.notes]
    if weight := _weight(cast):
        subjects |= {"weight_kg": weight.name} if _is_kg(cast, weight) else {}
        if not _is_kg(cast, weight):
            notes.append(Note(path="subjects", text=f"column {weight.name} is not in kg; doses by weight need kg"))
    choices = [c for c in (cast.species, cast.factor_choice, cast.reference_choice) if isinstance(c, Choice)]
    if cast.excluded:
        leave_out = _leave_out(cast)
        choices.append(leave_out)
        subjects |= {"exclude": cast.excluded} if cast.answers.of(leave_out) == "yes" else {}
    settings: dict[str, object] = {"subjects": subjects}
    if factor:
        settings["factors"] = {factor: _factor(cast)}
        counts = Counter(cast.group_of.values())
        notes.append(
            Note(path=f"factors.{factor}", text=", ".join(f"{level}: {counts[level]}" for level in cast.levels))
        )
    if cast.column and not factor:
        level_counts = ", ".join(f"{level}: {n}" for level, n in sorted(Counter(cast.labels.values()).items()))
        text = f"{cast.column} ({level_counts}) has too few subjects to compare; all are asked about together"
        notes.append(Note(path="subjects", text=text, is_open=True))
    if unused := _unused(cast):
        notes.append(Note(path="subjects", text=f"further columns: {'; '.join(unused)}"))
    return Part(settings=settings, choices=tuple(choices), notes=tuple(notes))


def _leave_out(cast: Cast) -> Choice:
    lines = "; ".join(f"{subject}: {reason}" for subject, reason in cast.excluded.items())
    return Choice(
        path="subjects.exclude",
        question="leave out who lacks a recording, a label or a row",
        likeliest="yes",
        why=f"{lines}; add what is missing, or keep this",
        options=("yes", "no"),
    )


def _factor(cast: Cast) -> object:
    levels = list(cast.levels)
    return {"levels": levels, "leave_out": dict.fromkeys(cast.single, "one subject")} if cast.single else levels


def _unused(cast: Cast) -> list[str]:
    used = (cast.factor, "species", *cast.partners[:1])
    lines = []
    for column in (column for table in (cast.table, *cast.others) for column in table.columns):
        if column.name not in used and column.role == "label":
            lines.append(f"{column.name} ({', '.join(f'{level} {n}' for level, n in column.levels.items())})")
        elif column.name not in used:
            lines.append(f"{column.name} ({'numbers' if column.role == 'number' else 'text'}, {column.n})")
    return lines


def _weight(cast: Cast) -> Column | None:
    return next((c for c in cast.table.columns if c.role == "number" and c.name.casefold().startswith("weight")), None)


def _is_kg(cast: Cast, weight: Column) -> bool:
    heaviest = _HEAVIEST_KG.get(cast.species_name.split()[0].casefold(), 300.0)
    return bool(cast.table.rows[weight.name].median() <= heaviest)
