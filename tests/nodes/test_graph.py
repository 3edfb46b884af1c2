"""In which order tables and questions are made."""

import pytest
import yaml

from cuecircuit.errors import StudyError
from cuecircuit.nodes.graph import ordered_nodes, upstream
from cuecircuit.study.schema import Study
from cuecircuit.tables.study_files import StudyFiles

REGIONS_WITHIN = """
about: { title: t }
subjects: { species: Homo sapiens }
factors: { group: [a, b], challenge: [p, q] }
space: { mask: m.nii, atlas: a.nii, labels: a.tsv, origin: MNI }
maps: { binding: { kind: given, table: maps.tsv, keys: challenge, unit: BP } }
regions: { inside: { of: maps.binding, within: { question: tested, effect: group } } }
derived: { release: { of: regions.inside, where: { challenge: p, region: x }, over: challenge, how: last } }
correction: { method: simulation, voxel_p: 0.01, alpha: 0.05 }
questions:
  relation: { of: subjects.score, with: { of: derived.release } }
  tested: { of: maps.binding, between: group, within: challenge }
"""


def study(**edits: object) -> Study:
    return Study.model_validate(yaml.safe_load(REGIONS_WITHIN) | edits)


def test_every_node_comes_after_what_it_needs(files: StudyFiles) -> None:
    for one in (study(), files.study):
        order = ordered_nodes(one)
        place = {name: k for k, name in enumerate(order)}
        assert all(place[other] < place[name] for name, needs in order.items() for other in needs)


def test_a_question_may_need_the_answer_of_a_later_one() -> None:
    order = list(ordered_nodes(study()))
    assert order.index("questions.tested") < order.index("regions.inside") < order.index("questions.relation")


def test_a_circle_is_refused_with_the_way_round() -> None:
    circle = yaml.safe_load(REGIONS_WITHIN)["questions"] | {
        "tested": {"of": "maps.binding", "between": "group", "within": "challenge", "covariates": "release"}
    }
    with pytest.raises(StudyError, match=r"needs .*regions\.inside.*nothing can be made first"):
        ordered_nodes(study(questions=circle))


def test_upstream_is_everything_a_node_goes_back_to() -> None:
    order = ordered_nodes(study())
    assert upstream(order, "derived.release") == ("subjects", "maps.binding", "questions.tested", "regions.inside")
