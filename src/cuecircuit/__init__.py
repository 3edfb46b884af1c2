"""Drug-cue studies from raw operant logs and scans to tables, figures and one page.

`import cuecircuit as cc` gives the names below; each is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cuecircuit.api.connectivity import NetworkTest, edges, network_test
    from cuecircuit.api.correct import Corrected
    from cuecircuit.api.fitting import anova, fit, permute, split_half
    from cuecircuit.api.map_power import map_power
    from cuecircuit.api.pooling import PooledRegions, pool
    from cuecircuit.api.result import Result
    from cuecircuit.api.studies import Logs, audit, check, plan, read_logs, read_study, run, simulate, write_nwb
    from cuecircuit.api.trials import trial_maps
    from cuecircuit.api.voxels import cluster_table, simulate_clusters, smoothness
    from cuecircuit.errors import CuecircuitError, DataError, DesignError, StudyError
    from cuecircuit.models.model import Model

__version__ = "0.2.0"

_HOMES = {
    "api.connectivity": ("NetworkTest", "edges", "network_test"),
    "api.correct": ("Corrected",),
    "api.fitting": ("anova", "fit", "permute", "split_half"),
    "api.map_power": ("map_power",),
    "api.pooling": ("PooledRegions", "pool"),
    "api.result": ("Result",),
    "api.studies": ("Logs", "audit", "check", "plan", "read_logs", "read_study", "run", "simulate", "write_nwb"),
    "api.trials": ("trial_maps",),
    "api.voxels": ("cluster_table", "simulate_clusters", "smoothness"),
    "errors": ("CuecircuitError", "DataError", "DesignError", "StudyError"),
    "models.model": ("Model",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Corrected",
    "CuecircuitError",
    "DataError",
    "DesignError",
    "Logs",
    "Model",
    "NetworkTest",
    "PooledRegions",
    "Result",
    "StudyError",
    "anova",
    "audit",
    "check",
    "cluster_table",
    "edges",
    "fit",
    "map_power",
    "network_test",
    "permute",
    "plan",
    "pool",
    "read_logs",
    "read_study",
    "run",
    "simulate",
    "simulate_clusters",
    "smoothness",
    "split_half",
    "trial_maps",
    "write_nwb",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOME:
        raise AttributeError(f"module 'cuecircuit' has no attribute '{name}'")
    return getattr(import_module(f"cuecircuit.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
