import pytest

from cuecircuit.nodes.designs import design_text
from cuecircuit.study.reading import parse_study
from cuecircuit.study.schema import Study


@pytest.fixture(scope="session")
def rats_text() -> str:
    return design_text("carmack2019")


@pytest.fixture(scope="session")
def study(rats_text: str) -> Study:
    return parse_study(rats_text)
