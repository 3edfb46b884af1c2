"""Tables that name the labels of an atlas, in the forms that atlases come with.

BIDS `dseg.tsv` and other tables with a header (columns index and name, or words for them; tabs, commas or semicolons);
ITK-SNAP label descriptions (SIGMA, Waxholm `.label`); FreeSurfer color tables; FSL's XML, whose index of a
probabilistic atlas is one less than the label of its maximum-probability volume; BrainGlobe's structures.json. Label 0
is the background.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree

from cuecircuit.errors import DataError
from cuecircuit.io.bounded import read_text

_INDEX = ("index", "label", "id", "value", "number")
_NAME = ("name", "region of interest", "region", "roi", "structure", "label name", "label")
_SIDE = ("hemisphere", "hemi", "side")
_ITK_SNAP = re.compile(r'\s*(-?\d+)(?:\s+[\d.]+){4}\s+[01]\s+[01]\s+"(.*)"\s*')
_FREESURFER = re.compile(r"\s*(\d+)\s+(\S+)(?:\s+\d+){4}\s*")

Lines = Iterator[tuple[int, str, str]]  # line of the file, index, name


def read_label_table(path: Path) -> dict[int, str]:
    """Read the name of each label; names may be the same for several labels.

    Raises:
        DataError: no such file, no text, another form than those above, an index that is no whole number or is listed
            twice.
    """
    text = read_text(path)
    try:
        return parse_labels(text)
    except DataError as error:
        raise DataError(f"{path}:{fault}" for fault in error.faults) from None


def parse_labels(text: str) -> dict[int, str]:
    """Read label names from text.

    Raises:
        DataError: as `read_label_table`; each fault begins with the line.
    """
    names: dict[int, str] = {}
    faults = []
    for line, index, name in _lines(text):
        try:
            label = float(index)
        except ValueError:
            label = float("nan")
        if label % 1 != 0:
            faults.append(f"{line}: index '{index}' is no whole number")
        elif int(label) in names:
            faults.append(f"{line}: label {int(label)} is listed twice ('{names[int(label)]}' and '{name}'); keep one")
        elif not name:
            faults.append(f"{line}: label {int(label)} has an empty name")
        else:
            names[int(label)] = name
    DataError.raise_any(faults)
    names.pop(0, None)
    if not names:
        raise DataError("1: no label; expected a table with index and name, or a label file of an atlas")
    return names


def _lines(text: str) -> Lines:
    rows = [(line, row) for line, row in enumerate(text.splitlines(), 1) if row.strip() and not row.startswith("#")]
    first = rows[0][1] if rows else ""
    if first.lstrip().startswith("<"):
        return _of_xml(text)
    if first.lstrip().startswith("["):
        return _of_json(text)
    for form in (_ITK_SNAP, _FREESURFER):
        if form.fullmatch(first):
            return _of_form(rows, form)
    return _of_table(rows)


def _of_form(rows: list[tuple[int, str]], form: re.Pattern[str]) -> Lines:
    for line, row in rows:
        match = form.fullmatch(row)
        if match is None:
            raise DataError(f"{line}: '{row[:60]}' is no line of a label file like the first one")
        yield line, match[1], match[2].strip()


def _of_xml(text: str) -> Lines:
    if "<!" in text.replace("<!--", ""):
        raise DataError("1: an XML file with declarations of its own is not read; take the DOCTYPE out")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise DataError(f"1: not readable as XML ({error})") from None
    shift = 0 if (root.findtext(".//type") or "").strip().lower() == "label" else 1
    for label in root.iter("label"):
        index = label.get("index", "")
        yield 1, str(int(index) + shift) if index.isdigit() else index, (label.text or "").strip()


def _of_json(text: str) -> Lines:
    try:
        regions = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"1: not readable as JSON ({error})") from None
    if faulty := [region for region in regions if not isinstance(region, dict) or not {"id", "name"} <= region.keys()]:
        raise DataError(f"1: a region without id or name, such as {str(faulty[0])[:60]}; expected those of BrainGlobe")
    for region in regions:
        yield 1, str(region["id"]), str(region["name"]).strip()


def _of_table(rows: list[tuple[int, str]]) -> Lines:
    header = rows[0][1] if rows else ""
    separator = next((sign for sign in "\t,;" if sign in header), "\t")
    cells = [(line, next(csv.reader([row], delimiter=separator))) for line, row in rows]
    columns = [cell.strip().lower() for cell in cells[0][1]] if cells else []
    index = next((columns.index(name) for name in _INDEX if name in columns), None)
    name = next((columns.index(name) for name in _NAME if name in columns and columns.index(name) != index), None)
    if index is None or name is None:
        raise DataError(
            f"1: no column of labels (index) or of names (name); found: {', '.join(columns) or 'nothing'}; expected a "
            "table with index and name, or a label file of ITK-SNAP, FreeSurfer or FSL"
        )
    if ragged := [line for line, row in cells if len(row) != len(columns)]:
        raise DataError(f"{line}: another number of cells than the header has ({len(columns)})" for line in ragged)
    times = Counter(row[name].strip() for _, row in cells)
    side = next((columns.index(one) for one in _SIDE if one in columns), None)
    for line, row in cells[1:]:
        region = row[name].strip()
        yield line, row[index], f"{region} ({row[side].strip()})" if side is not None and times[region] > 1 else region


def distinct_names(names: Mapping[int, str], x_mm: Mapping[int, float]) -> dict[int, str]:
    """Distinguish regions of one name: by side where there are two, one on each, else by label.

    Args:
        names: of each label.
        x_mm: where the middle of each label is, from left to right.
    """
    times = Counter(names.values())
    sides = {label: "left" if x_mm.get(label, 0.0) < 0 else "right" for label in names}
    pairs = {
        name
        for name in times
        if times[name] == 2 and len({sides[label] for label, name_of in names.items() if name_of == name}) == 2
    }
    return {
        label: name if times[name] == 1 else f"{name} ({sides[label] if name in pairs else f'label {label}'})"
        for label, name in names.items()
    }
