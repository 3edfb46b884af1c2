from collections.abc import Callable

import pytest

from cuecircuit.generators.rat_design import RatDesign, rat_design
from cuecircuit.nodes.designs import design_text
from cuecircuit.study.reading import parse_study


@pytest.fixture(scope="session")
def rats_text() -> str:
    """The study file of the rats."""
    return design_text("carmack2019")


@pytest.fixture(scope="session")
def design_of() -> Callable[[str], RatDesign]:
    """Reads what the generator of rats needs from the text of a study file."""
    return lambda text: rat_design(parse_study(text, "mine.yaml"))


@pytest.fixture(scope="session")
def rats(rats_text, design_of) -> RatDesign:
    """The design of the article."""
    return design_of(rats_text)
