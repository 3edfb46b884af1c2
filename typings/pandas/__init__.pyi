# pandas' own annotations reject correct code (a row is typed as Series or scalar, a selection as Series or frame);
# tables are checked by tests instead, so pandas is untyped here.
from typing import Any

def __getattr__(name: str) -> Any: ...
