"""What is said of the text of a study file that is at fault."""

from collections.abc import Callable

import pytest

from cuecircuit.errors import StudyError
from cuecircuit.study.file import parse_study


@pytest.fixture(scope="session")
def faults_of() -> Callable[[str], tuple[str, ...]]:
    """Reads a text and gives its faults."""

    def found(text: str) -> tuple[str, ...]:
        with pytest.raises(StudyError) as error:
            parse_study(text)
        return error.value.faults

    return found


@pytest.fixture(scope="session")
def line_of() -> Callable[[str, str], int]:
    """Gives the number of the first line of a text that has a part."""
    return lambda text, part: next(number for number, line in enumerate(text.splitlines(), 1) if part in line)
