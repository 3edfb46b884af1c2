"""Declarations of the user: small YAML files that are read as models, with every fault at once."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.bounded import read_text
from cuecircuit.study.messages import model_faults
from cuecircuit.study.yaml_lines import line_of, parse_yaml

Model = TypeVar("Model", bound=BaseModel)


def read_declared(path: Path, model: type[Model]) -> Model:
    """Read a declaration.

    Raises:
        DataError: no such file, or as `parse_declared`.
    """
    return parse_declared(read_text(path), model, name=str(path))


def parse_declared(text: str, model: type[Model], *, name: str) -> Model:
    """Read the text of a declaration; `name` says in errors which.

    Raises:
        DataError: not YAML, a key that is written twice, or not a declaration; one line per fault.
    """
    try:
        data, lines, faults = parse_yaml(text, name)
    except StudyError as error:
        raise DataError(error.faults) from error
    try:
        declared = model.model_validate(data)
    except ValidationError as error:
        faults += [
            f"{name}:{line_of(lines, key)}: {'.'.join(map(str, key)) or 'declaration'}: {what}"
            for key, what in model_faults(error, data, model)
        ]
        raise DataError(faults) from error
    DataError.raise_any(faults)
    return declared
