"""Advisories of a folder against a lock; which versions a range holds is that of the OSV schema's own evaluation."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
import yaml

PATH = Path(__file__).parents[1] / "release" / "advisories.py"


@pytest.fixture(scope="module")
def advisories() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release_advisories", PATH)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("version", "events", "expected"),
    [
        ("1.9", [{"introduced": "0"}, {"fixed": "2.0"}], True),
        ("2.0", [{"introduced": "0"}, {"fixed": "2.0"}], False),
        ("2.0rc1", [{"introduced": "0"}, {"fixed": "2.0"}], True),
        ("1.10", [{"introduced": "1.9"}, {"last_affected": "1.10"}], True),
        ("1.11", [{"introduced": "1.9"}, {"last_affected": "1.10"}], False),
        ("1.0", [{"introduced": "1.9"}], False),
        ("3.1", [{"fixed": "2.0"}, {"introduced": "3.0"}, {"introduced": "0"}], True),
        ("2.5", [{"fixed": "2.0"}, {"introduced": "3.0"}, {"introduced": "0"}], False),
    ],
)
def test_a_range_holds_what_lies_between_its_events(advisories, version, events, expected):
    assert advisories.is_affected(version, {"ranges": [{"type": "ECOSYSTEM", "events": events}]}) is expected


def advisory(name: str, **more: object) -> dict[str, object]:
    package = {"ecosystem": "PyPI", "name": name}
    affected = [{"package": package, "versions": ["1.0"], "ranges": []}]
    return {
        "id": f"PYSEC-{name}",
        "aliases": ["CVE-0"],
        "published": "2024-10-08T00:00:00Z",
        "affected": affected,
        **more,
    }


@pytest.mark.parametrize("ending", ["yaml", "json"])
def test_an_affected_pin_is_named_and_fails(advisories, tmp_path, capsys, ending):
    lock = tmp_path / "run.txt"
    lock.write_text(
        "Some_Thing==1.0 \\\n    --hash=sha256:0\nother==1.0 ; sys_platform == 'win32' \\\n    --hash=sha256:1\n"
    )
    records = [advisory("some.thing"), advisory("other", withdrawn="2024-10-09T00:00:00Z"), advisory("unpinned")]
    folder = tmp_path / "advisories"
    folder.mkdir()
    for number, record in enumerate(records):
        text = json.dumps(record) if ending == "json" else yaml.safe_dump(record)
        (folder / f"{number}.{ending}").write_text(text)

    assert advisories.main(folder, lock) == 1
    printed = capsys.readouterr()
    assert printed.out == "some-thing\t1.0\tPYSEC-some.thing\tCVE-0\n"
    assert printed.err.startswith(
        "2 pinned versions: 1 known to be affected, by 2 advisories of which 1 are of these packages; the newest is of "
        "2024-10-08"
    )
    (folder / f"0.{ending}").unlink()
    assert advisories.main(folder, lock) == 0


def test_a_folder_without_advisories_is_no_clean_bill(advisories, tmp_path):
    (tmp_path / "run.txt").write_text("numpy==2.0\n")
    assert advisories.main(tmp_path, tmp_path / "run.txt") == 2
