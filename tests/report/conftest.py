from importlib.resources import files

import pytest

from cuecircuit.report.methods import RunFacts
from cuecircuit.study.file import parse_study
from cuecircuit.study.study import Study


@pytest.fixture(scope="session")
def design_text() -> str:
    text = files("cuecircuit.study").joinpath("designs/carmack2019.yaml").read_text(encoding="utf-8")
    return text[: text.index("\n# choices that")]  # some tests make a choice that is one of the alternatives


@pytest.fixture(scope="session")
def study(design_text: str) -> Study:
    return parse_study(design_text)


@pytest.fixture(scope="session")
def facts() -> RunFacts:
    return RunFacts(
        subjects={"ShA": 11, "LgA": 10},
        voxels=14231,
        voxel_mm=(0.5, 0.5, 1.0),
        df=(1.0, 18.0),
        acf=(0.52, 0.61, 1.9),
        fwhm_mm=1.42,
        cluster_voxels=13,
        clusters=3,
        versions={"cuecircuit": "0.1.0", "Python": "3.11.7", "NumPy": "2.2.0"},
    )
