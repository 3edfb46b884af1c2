"""Shipped designs fit the JSON schema, and what a study file must not hold does not."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from cuecircuit.cli import app
from cuecircuit.starting.json_schema import study_json_schema

DESIGNS = {path.name: path.read_text(encoding="utf-8") for path in (files("cuecircuit.study") / "designs").iterdir()}
MICE = yaml.safe_load(DESIGNS["alcohol_mice.yaml"])


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = study_json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def settings(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for section in (node, *node["$defs"].values()):
        yield from section.get("properties", {}).items()


@pytest.mark.parametrize("name", DESIGNS)
def test_every_shipped_design_fits_the_schema(validator: Draft202012Validator, name: str) -> None:
    faults = [fault.message for fault in validator.iter_errors(yaml.safe_load(DESIGNS[name]))]

    assert faults == []


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("about", "colour", "red"),
        ("subjects", "species", 3.5),
        ("operant", "phases", {}),
        ("operant", "phases", {"drinking": {"kind": "drinking", "experiment": "FR1", "days": 3}}),
        ("questions", "escalation", {"within": "day"}),
    ],
)
def test_other_files_do_not_fit(validator: Draft202012Validator, section: str, key: str, value: Any) -> None:
    changed = {**MICE, section: {**MICE[section], key: value}}
    if key == "phases" and not value:
        del changed["operant"]["phases"]

    assert not validator.is_valid(changed)


def test_every_setting_has_a_description() -> None:
    schema = study_json_schema()
    sections = {f"#/$defs/{name}": section for name, section in schema["$defs"].items()}
    said = {name: {**sections.get(setting.get("$ref"), {}), **setting} for name, setting in settings(schema)}

    assert [name for name, setting in said.items() if not setting.get("description")] == []


def test_the_command_prints_the_schema() -> None:
    printed = CliRunner().invoke(app, ["schema"])

    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == study_json_schema()
