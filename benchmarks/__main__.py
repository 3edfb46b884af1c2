"""Run every benchmark, or those named: `python -m benchmarks [strata ...] [--release 0.2.0]`.

With `--release` the ratios found are written under that name into ratios.tsv, which `python -m benchmarks.trend` draws.
"""

import argparse
import importlib
import pkgutil

import benchmarks
from benchmarks.trend import record

APART = ("__main__", "trend", "instructions")  # no comparison in time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("names", nargs="*")
parser.add_argument("--release")
options = parser.parse_args()
every = [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name not in APART]
for name in options.names or every:
    print(f"\n## {name}")
    importlib.import_module(f"benchmarks.{name}").main()
if options.release:
    record(options.release, {f"times faster: {name}": value for name, value in benchmarks.RATIOS.items()})
