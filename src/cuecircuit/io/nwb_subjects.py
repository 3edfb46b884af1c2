"""Table of participants to subjects as DANDI requires them: species, sex, and age or date of birth."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from cuecircuit.errors import DataError
from cuecircuit.io.nwb_write import NwbSubject
from cuecircuit.io.tables import read_json, read_table

_Row = Mapping[str, str]
_COLUMNS = ("participant_id", "species", "sex", "age", "date_of_birth", "strain", "genotype")
_WEIGHTS = ("weight", "weight_g", "weight_kg")
_SEXES = {"m": "M", "male": "M", "f": "F", "female": "F", "o": "O", "other": "O", "u": "U", "unknown": "U"}
# the forms that DANDI's schema and nwbinspector accept
_SPECIES = re.compile(r"[A-Z][a-z]+ [a-z]+|http://purl\.obolibrary\.org/obo/NCBITaxon_\d+")
_AGE = re.compile(r"P(?!$)(\d+(\.\d+)?Y)?(\d+(\.\d+)?M)?(\d+(\.\d+)?W)?(\d+(\.\d+)?D)?")
_AGE_UNITS = {"year": "Y", "month": "M", "week": "W", "day": "D"}
_EXPECTED = {
    "species": "a binomial name such as Rattus norvegicus in the column species",
    "sex": "M, F, O (other) or U (unknown) in the column sex",
    "age": (
        "the column date_of_birth (YYYY-MM-DD), or age as ISO 8601 (P90D) or as a number whose Units (year, month, "
        "week or day) are in the JSON file beside the table"
    ),
}


def read_nwb_subjects(path: Path, names: Collection[str], zone: ZoneInfo) -> dict[str, NwbSubject]:
    """Read the subjects whom the logs name, by name without `sub-`.

    Args:
        path: table by participant_id, units in its JSON sidecar.
        names: subjects of the logs.
        zone: of dates of birth.

    Raises:
        DataError: a subject has no row or several, or lacks what DANDI requires; every such subject.
    """
    table = read_table(path, text=(*_COLUMNS, *_WEIGHTS))
    if "participant_id" not in table:
        raise DataError(f"{path}:1: no column participant_id; found: {', '.join(map(str, table))}")
    keys = table["participant_id"].str.removeprefix("sub-")
    sidecar = path.with_suffix(".json")
    notes = read_json(sidecar) if sidecar.is_file() else {}
    units = {name: str(note.get("Units", "")) for name, note in notes.items() if isinstance(note, dict)}
    rows: dict[str, _Row] = {
        str(key): {str(name): cell.strip() for name, cell in row.items() if isinstance(cell, str) and cell.strip()}
        for key, row in zip(keys, table.to_dict("records"), strict=True)
    }
    faults = [f"{path}: no row for {name}, whom the logs name; add one" for name in sorted(set(names) - set(rows))]
    faults += [f"{path}: several rows for {name}; expected one" for name in sorted(set(keys[keys.duplicated()]))]
    rows = {name: row for name, row in rows.items() if name in names}
    subjects = {name: _subject(row, units, zone) for name, row in rows.items()}
    DataError.raise_any([*faults, *_gaps(path, rows, subjects)])
    return subjects


def _subject(row: _Row, units: Mapping[str, str], zone: ZoneInfo) -> NwbSubject:
    """Return a subject; what is missing or cannot be read is empty."""
    species, sex = row.get("species", ""), _SEXES.get(row.get("sex", "").lower(), "")
    species = species if species.startswith("http") else species.capitalize()
    return NwbSubject(
        species=species if _SPECIES.fullmatch(species) else "",
        sex=sex,
        age=_age(row.get("age", ""), units.get("age", "")),
        date_of_birth=_birth(row.get("date_of_birth", ""), zone),
        weight=_weight(row, units.get("weight", "")),
        strain=row.get("strain"),
        genotype=row.get("genotype"),
    )


def _gaps(path: Path, rows: Mapping[str, _Row], subjects: Mapping[str, NwbSubject]) -> Iterator[str]:
    """Yield a line for each thing that DANDI requires and some subjects lack."""
    has: dict[str, Callable[[NwbSubject], object]] = {
        "species": lambda subject: subject.species,
        "sex": lambda subject: subject.sex,
        "age": lambda subject: subject.age or subject.date_of_birth,
    }
    for name, value in has.items():
        lacking = [key for key, subject in subjects.items() if not value(subject)]
        if lacking:
            cell = rows[lacking[0]].get(name)
            who = ", ".join(lacking[:3]) + (f" and {len(lacking) - 3} more" if len(lacking) > 3 else "")
            what = "is missing" if cell is None else f"is missing or cannot be read ({cell!r})"
            yield f"{path}: {name} of {who} {what}; DANDI requires it: expected {_EXPECTED[name]}"


def _age(text: str, unit: str) -> str | None:
    duration = text if text.startswith("P") else f"P{text}{_AGE_UNITS.get(unit.lower().rstrip('s'), '')}"
    return duration if _AGE.fullmatch(duration) else None


def _birth(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        return None


def _weight(row: _Row, unit: str) -> str | None:
    """Return a weight with its unit; none where no unit is stated."""
    cells = ((row.get("weight"), unit), (row.get("weight_g"), "g"), (row.get("weight_kg"), "kg"))
    weights = (f"{cell} {sign}" for cell, sign in cells if cell is not None)
    return next((weight for weight in weights if re.fullmatch(r"\d+(\.\d+)? (g|kg)", weight)), None)
