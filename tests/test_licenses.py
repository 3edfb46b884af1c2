"""What is needed at run time, extras included, may be used by anybody: no GPL, nothing for non-commercial use alone."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parents[1]
LOCK = HERE / "locks" / "run.txt"
EXTRAS = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]["optional-dependencies"]
REFUSED = re.compile(r"\bA?GPL|Affero|GNU General Public|non-?commercial|\bCC-BY-NC", re.IGNORECASE)
# packages of the lock with what stands behind them: "name==1.0 ; sys_platform == 'win32' \"
PINS = re.findall(r"^([\w.-]+)==[^\s\\]+ *(;[^\\\n]*)?", LOCK.read_text(), re.MULTILINE)


def license_of(name: str) -> str:
    """The license a package states: expression, classifiers, or the first line of its text."""
    stated = metadata(name)
    kinds = [each.rpartition("::")[2].strip() for each in stated.get_all("Classifier") or () if each.startswith("Lic")]
    text = stated.get("License", "").strip()
    return stated.get("License-Expression", "") or "; ".join(kinds) or text.partition("\n")[0]


@pytest.mark.parametrize(("name", "marker"), PINS, ids=[name for name, _ in PINS])
def test_a_run_time_dependency_states_a_license_that_lets_anybody_use_it(name, marker):
    try:
        found = license_of(name)
    except PackageNotFoundError:
        assert marker, f"{name} is in the lock for every system, but not installed"
        return
    assert found
    assert not REFUSED.search(found)


def needed(requirements: list[str], known: set[str]) -> list[str]:
    """Name the packages that some requirements need on this system, beside those known."""
    found: set[str] = set()
    left = [Requirement(each) for each in requirements]
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        if name not in found | known and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            found.add(name)
            left += map(Requirement, requires(name) or ())
    return sorted(found)


@pytest.mark.parametrize("extra", EXTRAS)
def test_all_that_an_extra_brings_states_a_license_that_lets_anybody_use_it(extra):
    stated = {name: license_of(name) for name in needed(EXTRAS[extra], {name for name, _ in PINS})}
    assert {canonicalize_name(Requirement(each).name) for each in EXTRAS[extra]} <= set(stated)
    assert [name for name, found in stated.items() if not found or REFUSED.search(found)] == []


@pytest.mark.parametrize(
    ("stated", "refused"),
    [
        ("GPL-3.0-or-later", True),
        ("AGPL-3.0-only", True),
        ("GNU General Public License v2 (GPLv2)", True),
        ("CC-BY-NC-4.0", True),
        ("Free for non-commercial use", True),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", False),
        ("MPL-2.0 AND MIT", False),
    ],
)
def test_licenses_that_bind_are_recognized(stated, refused):
    assert bool(REFUSED.search(stated)) == refused
