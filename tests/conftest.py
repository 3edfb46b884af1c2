"""Shapes and types of every public function are checked while the tests run."""

import pkgutil
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

import cuecircuit

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _checked_modules() -> list[str]:
    # numba cannot compile a function that another decorator has wrapped
    names = (module.name for module in pkgutil.walk_packages(cuecircuit.__path__, "cuecircuit."))
    return [name for name in names if not name.endswith("_kernel") and name.count(".") == 2]


# how long one example takes depends on who else is at work
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

install_import_hook(_checked_modules(), "beartype.beartype")


def _folder(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"{name} files are not beside this checkout (../shared/{name})")
    return folder


@pytest.fixture(scope="session")
def reference() -> Path:
    """Numbers computed by R and AFNI."""
    return _folder("reference")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Openly licensed files that nobody here wrote."""
    return _folder("data")
