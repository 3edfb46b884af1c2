"""Arguments of the public functions held against their signatures: those at fault are named before work begins.

Types and ranges are annotations; pydantic checks them. Numbers may be NumPy's.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from inspect import signature
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, validate_call

from cuecircuit.errors import DesignError

P = ParamSpec("P")
R = TypeVar("R")


def _as_list(values: Any) -> Any:
    return list(values) if isinstance(values, pd.Index | pd.Series | np.ndarray) else values


Listed = BeforeValidator(_as_list)
Names = Annotated[str | Sequence[str], Listed]
Number = Annotated[int | float, Field(allow_inf_nan=False)]
Positive = Annotated[int | float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[int | float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[int | float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
Threads = Literal[-1] | Count
Triple = Annotated[tuple[Number, Number, Number], Listed]


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function with its arguments checked.

    Raises:
        DesignError: when called with arguments that are not those of the signature, all of them named.
    """
    validated = validate_call(config=ConfigDict(arbitrary_types_allowed=True))(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return validated(*args, **kwargs)
        except ValidationError as error:
            raise DesignError(_faults(function.__name__, list(signature(function).parameters), error)) from None

    return call


def _faults(function: str, names: Sequence[str], error: ValidationError) -> Iterator[str]:
    """Yield one line for each argument; the kinds that would do are listed."""
    faults: dict[str, dict[str, Any]] = {}
    for fault in error.errors():
        first = fault["loc"][0]
        name = names[first] if isinstance(first, int) and first < len(names) else str(first)
        faults.setdefault(name, {})[_expected(fault)] = fault["input"]
    for name, expected in faults.items():
        value = repr(next(iter(expected.values())))
        if "a number" in expected:
            expected.pop("a whole number", None)
        yield (
            f"{function}: {name}: found {value if len(value) < 60 else value[:57] + '...'}, expected "
            f"{' or '.join(expected)}"
        )


_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "finite": "a finite number",
    "sequence": "a list",
    "Sequence": "a list",
    "DataFrame": "a table (pandas DataFrame)",
    "mapping": "a dictionary",
    "dict": "a dictionary",
    "missing": "one more value",
    "too": "another number of values",
    "unexpected": "no such argument",
}


def _expected(fault: Any) -> str:
    limits, kind = fault.get("ctx", {}), fault["type"].split("_")[0]
    if fault["type"] == "unexpected_positional_argument":
        return "it by its name"
    if kind in ("greater", "less"):
        return "a number " + fault["msg"].removeprefix("Input should be ")
    return str(limits["expected"] if kind == "literal" else _WORDS.get(limits.get("class", kind), fault["msg"]))
