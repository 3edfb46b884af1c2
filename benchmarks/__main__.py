"""Run every benchmark, or those named: `python -m benchmarks [strata ...]`."""

import importlib
import pkgutil
import sys

import benchmarks

names = sys.argv[1:] or [
    module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name != "__main__"
]
for name in names:
    print(f"\n## {name}")
    importlib.import_module(f"benchmarks.{name}").main()
