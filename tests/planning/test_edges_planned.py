"""Plans of edges: power of one edge against the noncentral F, networks with and without a planted component."""

from pathlib import Path

import pandas as pd
import pytest

from cuecircuit.errors import StudyError
from cuecircuit.io.tables import read_table
from cuecircuit.planning.plan import plan_study
from cuecircuit.planning.power import PlanSettings
from tests.planning.closed_forms import contrast_power
from tests.planning.test_plan import inside, written

pytestmark = pytest.mark.xdist_group("planning")
DRAWN, ALONE = 40, 2
STUDY = """
about: { title: Rest after long access }
subjects: { species: Rattus norvegicus }
factors: { access: [ShA, LgA] }
scans: { task: rest, tr_s: 2, volumes: 150, derivatives: derivatives/rabies }
space: { mask: mask.nii.gz, origin: bregma, atlas: atlas.nii.gz, labels: atlas.tsv }
edges: { rest: { kind: correlation, regions: [insula, NAc, BLA, VTA] } }
questions:
  paths: { of: edges.rest, between: access, each: [region, region2], adjust: none }
  discovered: { of: edges.rest, between: access, each: [region, region2], adjust: fdr }
  network:
    of: edges.rest
    between: access
    each: [region, region2]
    networks: { edge_p: .05, draws: 100 }
simulation:
  n: { ShA: 6, LgA: 10 }
  base: [{ in: edges.rest, mean: 0.3, between_sd: 0.3, within_sd: 0.4 }]
  effects:
    opened: { in: edges.rest, where: { access: LgA, region: VTA, region2: [NAc, BLA] }, add: 0.75 }
"""


@pytest.fixture(scope="module")
def power(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("edges")
    settings = PlanSettings(sizes=("6,10",), draws=DRAWN, multiples=(), hypotheses=("stated", "null"))
    plan_study(written(folder, STUDY), folder / "out", settings=settings)
    table = read_table(folder / "out" / "power.tsv")
    return table.set_index(["hypothesis", "question", "kind", "level"]).sort_index()


def test_power_of_an_edge_is_that_of_the_noncentral_f(power: pd.DataFrame):
    d = 0.75 / 0.5
    for edge in ("VTA, NAc", "VTA, BLA"):
        row = power.loc[("stated", "paths", "term", edge)]
        assert inside(int(row["found"]), DRAWN, contrast_power((6, 10), (-1, 1), d))
        assert row["planted"] == "yes"
        assert inside(int(power.loc[("null", "paths", "term", edge), "found"]), DRAWN, 0.05)
    # six edges that are drawn independently, unadjusted: at least one is below .05 in 1 - .95 ** 6
    anywhere = power.loc[("null", "paths", "term", "anywhere")]
    assert inside(int(anywhere["found"]), DRAWN, 1 - 0.95**6)
    assert anywhere["planted"] == "no"


@pytest.mark.parametrize(("question", "kind"), [("discovered", "term"), ("network", "network")])
def test_corrected_edges_keep_the_level_and_what_is_planted_is_found(power: pd.DataFrame, question: str, kind: str):
    assert inside(int(power.loc[("null", question, kind, "anywhere"), "found"]), DRAWN, 0.05)
    stated = power.loc[("stated", question, kind)]
    assert list(stated.index) == ["VTA, BLA", "VTA, NAc", "anywhere"]
    assert stated.loc["anywhere", "power"] > 0.5
    assert (stated["power"] <= stated.loc["anywhere", "power"]).all()
    assert stated.loc["anywhere", "planted"] == "yes"


def test_an_edge_has_one_direction_in_all_effects(tmp_path: Path):
    text = STUDY + "    back: { in: edges.rest, where: { region: NAc, region2: VTA }, add: 0.1 }\n"
    with pytest.raises(StudyError, match=r"name both VTA, NAc and NAc, VTA|name both NAc, VTA and VTA, NAc"):
        plan_study(written(tmp_path, text), tmp_path / "out", settings=PlanSettings(draws=ALONE))
