"""Whether a run of a study of the two articles still has the numbers of 0.1.0.

    python validation/same_numbers.py study DESIGN FILE    the design with the sizes that 0.1.0 planted
    python validation/same_numbers.py run STUDY OUT        the study, tables with all digits
    python validation/same_numbers.py record OUT FILE      what is in a folder of results, to a compressed record
    python validation/same_numbers.py compare OUT FILE     largest relative difference of every table, maps that differ

The records `same_numbers/*.json.xz` were made by 0.1.0 of `simulate DESIGN --seed 1 --scale tiny`; what it planted was
larger than today's default, and is stated under `simulation.sizes`. Numbers of tables
must agree within 1e-9 of themselves; maps are compared by the SHA-256 of their voxels, and, where that differs, by
their sum and sum of squares. `names_of_0_1.py` knows the
names that results of a study of tables and questions have.
"""

import hashlib
import json
import lzma
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from names_of_0_1 import SECOND, Place, map_of, place_of, reason_for, scale_of

TOLERANCE = 1e-9
SIZES = {
    "carmack2019": "cue_sd: 0.6, cue_ratio: 0, slope_r: 0.85",
    "huang2023": "person_sd: 0.25, cell_sd: 0.15, less_food: 0, less_neutral: 0, "
    "before_r: 0, control_r: 0, treatment_r: 0",
}
"""What 0.1.0 planted, in place of the sizes of today."""
# sums of voxels in single precision
SINGLE = 1e-6
# pictures' own tables, and what is as long as the scans
_LEFT_OUT = (
    "figures",
    "report",
    "alternatives",
    "rates",
    "timecourse",
    "event_raster",
    "drug_level",
    "cumulative_record",
)


def study_of_0_1(design: str) -> str:
    """Return the text of a design with the sizes that 0.1.0 planted."""
    from cuecircuit.nodes.designs import design_text

    generator = f"  generator: {design}"
    text = design_text(design)
    assert text.count(generator) == 1, f"{design} names no generator of its own"
    return text.replace(generator, f"  sizes: {{ {SIZES[design]} }}\n{generator}")


def run(study: Path, out: Path) -> None:
    """Run a study with every digit in its tables."""
    to_csv = pd.DataFrame.to_csv

    def all_digits(self: pd.DataFrame, *args: Any, **options: Any) -> Any:
        if options.get("float_format") == "%.10g":
            options["float_format"] = "%.17g"
        return to_csv(self, *args, **options)

    pd.DataFrame.to_csv = all_digits  # type: ignore[method-assign]
    from cuecircuit.nodes.run import run_study

    run_study(study, out, n_jobs=1)  # in this process, where the digits are


def contents(out: Path) -> dict[str, Any]:
    """Read the tables and maps of a folder of results."""
    tables, maps = {}, {}
    for path in sorted(out.rglob("*.tsv")):
        name = str(path.relative_to(out))
        if not any(word in name for word in _LEFT_OUT):
            frame = pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False)
            tables[name] = {column: _plain(frame[column]) for column in frame}
    for path in sorted(out.rglob("*.nii.gz")):
        data = np.asarray(nib.load(path).dataobj)  # type: ignore[attr-defined]
        finite = data[np.isfinite(data)].astype(np.float64)
        maps[str(path.relative_to(out))] = {
            "sha256": hashlib.sha256(np.ascontiguousarray(data).tobytes()).hexdigest(),
            "filled": hashlib.sha256(np.nan_to_num(np.ascontiguousarray(data)).tobytes()).hexdigest(),
            "sum": float(finite.sum()),
            "squares": float((finite**2).sum()),
        }
    return {"tables": tables, "maps": maps}


def _plain(column: pd.Series) -> list[Any]:
    return [None if pd.isna(value) else value.item() if isinstance(value, np.generic) else value for value in column]


def differences(now: dict[str, Any], then: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what differs: each table or map with the largest relative difference, or why it cannot be compared."""
    found = []
    renamed = any(name.startswith("questions/") for name in now["tables"])
    for name, columns in then["tables"].items():
        found += list(_in_questions(now, name, columns) if renamed else _as_it_was(now, name, columns))
    for name, known in then["maps"].items():
        own = now["maps"].get(map_of(name) if renamed else name)
        if own is None:
            found.append((name, "is gone"))
        elif known["sha256"] not in (own["sha256"], own["filled"]):  # outside of the mask 0.1.0 wrote 0 for rats
            scale = scale_of(name)
            worst = max(_relative(own[key], known[key] * scale**power) for key, power in (("sum", 1), ("squares", 2)))
            if scale != 1 and worst < SINGLE:
                continue
            found.append((name, f"other voxels; sums differ by {worst:.2g}"))
    return found


def _as_it_was(now: dict[str, Any], name: str, columns: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if name not in now["tables"]:
        yield name, "is gone"
        return
    for column, values in columns.items():
        if column not in now["tables"][name]:
            yield f"{name}: {column}", "is gone"
        elif (worst := _worst(now["tables"][name][column], values)) > TOLERANCE:
            yield f"{name}: {column}", f"{worst:.2g}"


def _in_questions(now: dict[str, Any], name: str, columns: dict[str, Any]) -> Iterator[tuple[str, str]]:
    place = place_of(name, now["tables"])
    if place is None or place.file not in now["tables"]:
        yield name, "is gone" if place is None else f"is gone: no {place.file}"
        return
    if columns and not len(next(iter(columns.values()))):
        return
    second = SECOND.get(name)
    yield from _columns(now, name, pd.DataFrame(columns), place)
    if second is not None:
        kept = [*second[0].keys, *second[1]]
        yield from _columns(now, name, pd.DataFrame(columns)[kept], second[0])


def _columns(now: dict[str, Any], name: str, then: pd.DataFrame, place: Place) -> Iterator[tuple[str, str]]:
    """Compare the columns of an old table with those of today's, rows matched by their keys."""
    today = pd.DataFrame(now["tables"][place.file])
    if place.rows:
        today = today.query(place.rows)
    keys = [place.names.get(key, key) for key in place.keys]
    labels = {key: [_label(value, place.names) for value in then[key]] for key in place.keys}
    index = pd.MultiIndex.from_arrays([labels[key] for key in place.keys])
    now_index = pd.MultiIndex.from_arrays([[_text(value) for value in today[key]] for key in keys])
    lost = index.difference(now_index)
    if len(lost):
        yield name, f"{len(lost)} of {len(index)} rows are gone, such as {lost[0]}"
        return
    today = today.set_axis(now_index, axis=0).loc[index]
    for column in then:
        new = place.names.get(column, column)
        if column in place.keys:
            continue
        if new not in today:
            yield f"{name}: {column}", f"is gone ({place.gone.get(column, 'nowhere')})"
        elif (worst := _worst([_plain_value(v) for v in today[new]], list(then[column]), place.names)) > TOLERANCE:
            yield f"{name}: {column}", f"{worst:.2g}"


def _label(value: Any, names: Mapping[str, str]) -> str:
    """Write a label with today's names: `group:session` is `group:day`."""
    return ":".join(names.get(part, part) for part in str(value).split(":"))


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain_value(value: Any) -> Any:
    return None if pd.isna(value) else value.item() if isinstance(value, np.generic) else value


def _worst(now: list[Any], then: list[Any], names: Mapping[str, str] | None = None) -> float:
    if len(now) != len(then):
        return np.inf
    known = [_label(value, names) if names and isinstance(value, str) else _plain_value(value) for value in then]
    return max((_relative(a, b) for a, b in zip(now, known, strict=True)), default=0.0)


def _relative(a: Any, b: Any) -> float:
    numbers = isinstance(a, int | float) and isinstance(b, int | float)
    if not numbers:
        return 0.0 if a == b or str(a) == str(b) else np.inf
    # what is 0 but for rounding has no relative difference
    return 0.0 if a == b or max(abs(a), abs(b)) < 1e-14 else abs(a - b) / max(abs(a), abs(b))


def main(act: str, first: str, second: str) -> int:
    """Do one of the four."""
    if act == "study":
        Path(second).write_text(study_of_0_1(first), encoding="utf-8")
    elif act == "run":
        run(Path(first), Path(second))
    elif act == "record":
        text = json.dumps(contents(Path(first)), ensure_ascii=False, separators=(",", ":"))
        Path(second).write_bytes(lzma.compress(text.encode(), preset=9))
    else:
        then = json.loads(lzma.decompress(Path(second).read_bytes()))
        found = differences(contents(Path(first)), then)
        told = [(name, what, reason_for(name, what)) for name, what in found]
        for name, what, why in told:
            print(f"{name}\t{what}\t{why or 'UNEXPLAINED'}")
        found = [name for name, _, why in told if why is None]
        counts = f"{len(then['tables'])} tables and {len(then['maps'])} maps"
        print(f"{len(told)} differences, {len(found)} of them unexplained, in {counts}", file=sys.stderr)
        return int(bool(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
