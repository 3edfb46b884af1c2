from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
import yaml

from cuecircuit.simulation.declared import plan_world
from cuecircuit.study.schema import Study

NAMES = ("alcohol_mice", "cocaine_sessions", "smokers_two_sessions", "pet_displacement")


def design_text(name: str) -> str:
    return (files("cuecircuit.study") / "designs" / f"{name}.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def design() -> Callable[..., Study]:
    """Reads a shipped design, edited: dotted path to value, None removes; a path may end in a new key."""

    def read(name: str, edits: dict[str, Any] | None = None) -> Study:
        data = yaml.safe_load(design_text(name))
        for path, value in (edits or {}).items():
            *above, last = path.split(".")
            here = data
            for key in above:
                here = here[key]
            if value is None:
                del here[last]
            else:
                here[last] = value
        return Study.model_validate(data)

    return read


@pytest.fixture(scope="session")
def worlds(design) -> Callable[[str], Any]:
    """Every design drawn once, without its files."""
    made: dict[str, Any] = {}

    def world(name: str) -> Any:
        if name not in made:
            made[name] = plan_world(design(name), seed=1, scale="tiny")
        return made[name]

    return world
