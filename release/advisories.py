"""Known vulnerabilities of what a lock pins, read from a folder of advisories where PyPI's service cannot be reached.

The folder is a clone of github.com/pypa/advisory-database, or the unpacked export of OSV for PyPI
(osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip): files of the OSV schema (ossf.github.io/osv-schema), YAML or
JSON. What was found later than the newest of them is not in it: its date is printed.

    python release/advisories.py FOLDER locks/run.txt locks/dev.txt

Exit status: 0 nothing known, 1 a pinned version is affected, 2 no advisories in the folder.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_pins(lock: Path) -> set[tuple[str, str]]:
    """Return the names and versions of a lock."""
    pins = re.findall(r"^([\w.-]+)==([^\s\\;]+)", lock.read_text(encoding="utf-8"), re.MULTILINE)
    return {(canonicalize_name(name), version) for name, version in pins}


def read_advisories(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the advisories of a folder that were not withdrawn."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".yaml", ".json") and path.is_file():
            text = path.read_text(encoding="utf-8")
            record = json.loads(text) if path.suffix == ".json" else yaml.load(text, LOADER)
            if isinstance(record, dict) and "affected" in record and "withdrawn" not in record:
                yield record


def is_affected(version: str, affected: Mapping[str, Any]) -> bool:
    """Return whether a version is listed or in a range, by the evaluation of the OSV schema."""
    if version in affected.get("versions", ()):
        return True
    return any(
        _in_range(Version(version), part["events"])
        for part in affected.get("ranges", ())
        if part["type"] == "ECOSYSTEM"
    )


def _in_range(version: Version, events: list[Mapping[str, str]]) -> bool:
    inside = False
    for event in sorted(events, key=lambda event: _place(*next(iter(event.items())))):
        kind, at = next(iter(event.items()))
        before, _ = _place(kind, at)
        if kind == "introduced" and before <= version:
            inside = True
        elif (kind == "fixed" and before <= version) or (kind == "last_affected" and before < version):
            inside = False
    return inside


def _place(kind: str, at: str) -> tuple[Version, bool]:
    """Return where an event stands; what is introduced at a version comes after what ends there."""
    try:
        return Version(at), kind == "introduced"
    except InvalidVersion:  # releases from before versions had rules
        return Version("0"), kind == "introduced"


def main(folder: Path, *locks: Path) -> int:
    """Print what is known of the pins, and how old that knowledge is."""
    pins = {pin for lock in locks for pin in read_pins(lock)}
    names, newest, n_records, n_about, found = {name for name, _ in pins}, "", 0, 0, set[tuple[str, ...]]()
    for record in read_advisories(folder):
        n_records, newest = n_records + 1, max(newest, str(record.get("published", record.get("modified", ""))))
        parts = [part for part in record["affected"] if part["package"]["ecosystem"] == "PyPI"]
        about = [part for part in parts if canonicalize_name(part["package"]["name"]) in names]
        n_about += bool(about)
        for part in about:
            package = canonicalize_name(part["package"]["name"])
            aliases = ", ".join(record.get("aliases", ()))
            found |= {(name, v, record["id"], aliases) for name, v in pins if name == package and is_affected(v, part)}
    if not n_records:
        print(f"{folder}: no advisories; expected a clone of github.com/pypa/advisory-database", file=sys.stderr)
        return 2
    for row in sorted(found):
        print("\t".join(row))
    print(
        f"{len(pins)} pinned versions: {len(found)} known to be affected, by {n_records} advisories of which "
        f"{n_about} are of these packages; the newest is of {newest[:10]}, and what was found since is not in them",
        file=sys.stderr,
    )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
