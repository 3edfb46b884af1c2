"""In which order a table has the subjects does not matter."""

import pandas as pd

from cuecircuit.pipeline.cells import subjects_of
from cuecircuit.pipeline.job import StudyFiles
from cuecircuit.pipeline.simulate import designs
from cuecircuit.study.file import parse_study

STUDY = parse_study(designs()["carmack2019"])


def test_participants_stand_by_group_and_name_whatever_the_order_of_the_table(tmp_path):
    names = ["LgA02", "ShA10", "LgA01", "ShA02", "ShA01"]
    table = pd.DataFrame({"participant_id": [f"sub-{name}" for name in names], "group": [name[:3] for name in names]})
    path = tmp_path / STUDY.subjects.participants
    path.parent.mkdir(parents=True, exist_ok=True)
    found = []
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1]):
        table.iloc[order].to_csv(path, sep="\t", index=False)
        found.append(subjects_of(StudyFiles(study=STUDY, file=tmp_path / "study.yaml")))
    pd.testing.assert_frame_equal(*found)
    # the reference group first, as the study names the groups
    assert STUDY.subjects.groups == ("ShA", "LgA")
    assert found[0]["subject"].tolist() == ["ShA01", "ShA02", "ShA10", "LgA01", "LgA02"]
