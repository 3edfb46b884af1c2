"""`check` rehearses every stage: what it passes runs to its end, and what a run would refuse it names at once."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuecircuit.errors import CuecircuitError, StudyError
from cuecircuit.io.nifti import write_volume
from cuecircuit.nodes.check import check_study
from cuecircuit.nodes.run import run_study
from cuecircuit.records.grid import Grid
from tests.nodes.tiny_scans import (
    BLOCKS,
    GLM,
    GRID,
    MASK,
    TR_S,
    VOLUMES,
    Scan,
    scan_data,
    write_scans,
    write_study,
)

SUBJECTS = ("01", "02", "03", "04", "05", "06")
SCANS = tuple(Scan(subject=one) for one in SUBJECTS)
SPACE = {"mask": "mask.nii.gz", "origin": "the scanner", "atlas": "atlas.nii.gz", "labels": "atlas.tsv"}
FACTORS = {"picture": ["neutral", "drug"], "group": ["a", "b"]}
PERMUTED = {"method": "permutation", "statistic": "voxel", "alpha": 0.05, "voxel_p": 0.01, "draws": 100}
BETWEEN = {"of": "maps.task", "between": "group", "within": "picture"}
REGIONS = {"parts": {"of": "maps.task"}}
WITH_TABLE = {"task": "cue", "tr_s": TR_S, "table": "scans.tsv"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six subjects in two groups; the head of one moves before each picture of a drug."""
    place = tmp_path_factory.mktemp("dry")
    write_scans(place, SCANS)
    people = {"participant_id": [f"sub-{one}" for one in SUBJECTS], "group": list("aaabbb"), "age": range(20, 26)}
    pd.DataFrame(people).to_csv(place / "participants.tsv", sep="\t", index=False)
    rows = []
    for number, scan in enumerate(SCANS):
        motion = np.random.default_rng(number).normal(0, 1e-3, (VOLUMES, 6))
        moves = (np.arange(VOLUMES) * TR_S % 48 >= 24) & (np.arange(VOLUMES) * TR_S % 48 < 30)
        motion[:, 0] += np.cumsum(moves) * (number == 0)
        columns = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
        pd.DataFrame(motion, columns=columns).to_csv(place / f"motion{number}.tsv", sep="\t", index=False)
        names = {"bold": f"{scan.stem}_bold.nii.gz", "events": f"{scan.stem}_events.tsv"}
        rows.append({"subject": scan.subject, **names, "confounds": f"motion{number}.tsv"})
    pd.DataFrame(rows).to_csv(place / "scans.tsv", sep="\t", index=False)
    for one in SUBJECTS:
        write_volume(place / f"map{one}.nii.gz", scan_data(int(one))[..., 0], GRID)
    maps = {"subject": SUBJECTS, "map": [f"map{one}.nii.gz" for one in SUBJECTS]}
    pd.DataFrame(maps).to_csv(place / "maps.tsv", sep="\t", index=False)
    return place


def study_of(folder: Path, **sections: object) -> Path:
    return write_study(folder, **({"factors": FACTORS, "space": SPACE, "questions": {"cue": BETWEEN}} | sections))


def faults(study: Path) -> tuple[str, ...]:
    with pytest.raises(StudyError) as error:
        check_study(study)
    return error.value.faults


@pytest.mark.parametrize(
    ("sections", "named"),
    [
        pytest.param(
            {"correction": PERMUTED | {"alpha": 0.02}, "questions": {"cue": BETWEEN | {"where": {"group": "a"}}}},
            "questions.cue.between: group has one level here",
            id="a factor with one level",
        ),
        pytest.param(
            {
                "correction": PERMUTED,
                "questions": {"cue": {"of": "maps.task", "within": "picture", "where": {"group": "a"}}},
            },
            "3 subjects allow 4 distinct sign flips, so the smallest p is 0.25, above α = 0.05",
            id="fewer sign flips than α needs",
        ),
        pytest.param(
            {"correction": {"method": "simulation", "alpha": 0.05, "voxel_p": 0.01, "draws": 200,
                            "compare": "permutation_size"}, "questions": {"cue": BETWEEN | {"shown": "group"}}},
            "term group: 6 subjects allow 20 distinct permutations, so the smallest p is 0.1",
            id="fewer permutations than α of a comparison needs",
        ),
        pytest.param(
            {"questions": {"cue": {"of": "maps.task", "by": ["picture", "group"]}}},
            "questions.cue: maps.task: means and counts are of numbers; ask them of regions",
            id="means of maps",
        ),
        pytest.param(
            {
                "regions": REGIONS,
                "questions": {"parts": {"of": "regions.parts", "each": "region", "formula":
                              "group*center(age)*picture + (1 + picture | subject)", "tests": ["group"],
                              "method": "reml"}},
            },
            "questions.parts: ",
            id="a model of regions with more terms than they can carry",
        ),
        pytest.param(
            {
                "correction": {"method": "simulation", "alpha": 0.05, "voxel_p": 0.01},
                "questions": {"cue": {"of": "maps.pet", "formula": "group", "tests": ["a - b"],
                              "method": "mixed-effects"}},
                "maps": {"pet": {"kind": "given", "table": "maps.tsv", "unit": "BP"}},
                "factors": {"group": ["a", "b"]},
                "trials": None,
                "scans": None,
            },
            "method mixed-effects weighs maps by their variances, and maps.pet has none",
            id="mixed effects of maps without variances",
        ),
        pytest.param(
            {"regions": REGIONS, "questions": {"parts": BETWEEN | {"of": "regions.parts", "each": "region",
                                               "comparisons": [{"factor": "picture", "against": "all"}]}}},
            "comparisons of picture: against: found 'all', expected first (the reference), each, or one of neutral, ",
            id="comparisons with no level",
        ),
        pytest.param(
            {"regions": {"survivors": {"of": "maps.task", "within": {"question": "cue", "effect": "age"}}}},
            "'age' is no effect that the question tests; expected one of: group, group:picture, picture",
            id="survivors of what is not tested",
        ),
        pytest.param(
            {"nuisance": {"drift_period_s": 4.2, "min_residual_df": 10}},
            "maps.task: 80 volumes and 80 columns leave",
            id="drift that takes every degree of freedom",
        ),
        pytest.param(
            {"scans": WITH_TABLE, "nuisance": {"censor_fd_mm": 0.5},
             "maps": {"task": BLOCKS | {"baseline_s": [-12, -10]}}},
            "holds no volume that counts; lengthen the window or censor fewer volumes",
            id="a window that motion empties",
        ),
        pytest.param(
            {"scans": WITH_TABLE, "nuisance": {"columns": "rot", "motion": 24, "min_residual_df": 60}},
            "leave 52 degrees of freedom, expected 60 or more",
            id="nuisance that leaves too little",
        ),
    ],
)  # fmt: skip
def test_what_a_run_would_refuse_is_named_by_the_check(folder: Path, sections: Mapping[str, object], named: str):
    found = faults(study_of(folder, **sections))
    assert any(named in fault for fault in found), found


def test_faults_of_every_stage_are_named_in_one_go(folder: Path):
    questions = {
        "means": {"of": "maps.task", "by": "picture"},
        "flips": {"of": "maps.task", "within": "picture", "where": {"group": "a"}},
        "parts": {"of": "regions.parts", "each": "region", "within": "picture", "covariates": "height"},
    }
    found = faults(
        study_of(
            folder,
            nuisance={"drift_period_s": 4.2},
            regions=REGIONS,
            correction=PERMUTED,
            questions=questions,
        )
    )
    for words in ("questions.means: ", "questions.flips: ", "questions.parts: ", "scans: "):
        assert sum(fault.startswith(words) for fault in found) == 1, found


def test_a_mask_where_nothing_was_measured_is_named_without_reading_the_scans(tmp_path: Path):
    beside = scan_data(1)
    beside[MASK] = 0
    write_scans(tmp_path, [*SCANS[1:], Scan(subject="01", data=beside)])
    study = write_study(tmp_path)
    (fault,) = faults(study)
    assert "sub-01_task-cue_bold.nii.gz: 100% of the mask is 0 in the first volume" in fault
    scans = {"task": "cue", "tr_s": TR_S}
    check_study(write_study(tmp_path, scans=scans | {"accept": {"sub-01 coverage": "made so"}}))
    check_study(write_study(tmp_path, scans=scans | {"on_fault": "exclude"}))


def test_given_maps_on_another_grid_are_named(tmp_path: Path):
    write_scans(tmp_path, SCANS)
    rng = np.random.default_rng(3)
    other = Grid(shape=GRID.shape, affine=np.diag([4.0, 3.0, 3.0, 1.0]))
    names = [f"map{one}.nii.gz" for one in SUBJECTS]
    for name, grid in zip(names, [GRID] * 5 + [other], strict=True):
        write_volume(tmp_path / name, rng.standard_normal(GRID.shape).astype(np.float32), grid)
    pd.DataFrame({"subject": SUBJECTS, "map": names}).to_csv(tmp_path / "maps.tsv", sep="\t", index=False)
    question = {"of": "maps.pet", "formula": "1", "tests": ["(Intercept)"], "method": "ols"}
    (fault,) = faults(
        write_study(
            tmp_path,
            factors=None,
            trials=None,
            scans=None,
            maps={"pet": {"kind": "given", "table": "maps.tsv", "unit": "BP"}},
            questions={"mean": question},
        )
    )
    assert fault.startswith("maps.pet: map06.nii.gz: ")
    assert "but the mask has" in fault


GIVEN = {"pet": {"kind": "given", "table": "maps.tsv", "unit": "BP"}}
SIDES = {"of": "maps.pet", "atlas": "sides.nii.gz", "labels": "sides.tsv"}


def test_a_set_of_regions_may_have_an_atlas_of_its_own(folder: Path):
    sides = np.where(np.indices(MASK.shape)[0] < 3, 7, 8).astype(np.int16)
    write_volume(folder / "sides.nii.gz", sides, GRID)
    (folder / "sides.tsv").write_text("index\tname\n7\tleft\n8\tright\n")
    question = {"of": "regions.sides", "each": "region", "between": "group"}
    sections = {"maps": GIVEN, "scans": None, "trials": None, "factors": {"group": ["a", "b"]}}
    study = study_of(folder, **sections, regions={"sides": SIDES}, questions={"sides": question})
    run_study(study, folder / "two_atlases", stages=["subjects", "maps", "regions"])
    means = pd.read_csv(folder / "two_atlases" / "tables" / "regions.sides.tsv", sep="\t", dtype={"subject": str})
    for row in means.itertuples():
        inside = MASK & (sides == {"left": 7, "right": 8}[row.region])
        assert row.value == pytest.approx(scan_data(int(row.subject))[..., 0][inside].mean(), rel=1e-6)
    assert len(means) == 2 * len(SUBJECTS)
    unknown = faults(
        study_of(
            folder, **sections, regions={"sides": SIDES | {"names": ["dorsal part"]}}, questions={"sides": question}
        )
    )
    assert unknown == ("space: regions.sides.names: the atlas has no dorsal part; it has left, right",)


def test_regions_without_a_voxel_in_the_mask_are_named(folder: Path):
    labels = np.where(MASK, 7, 0).astype(np.int16)
    labels[0, 0, 0] = 8
    write_volume(folder / "sides.nii.gz", labels, GRID)
    (folder / "sides.tsv").write_text("index\tname\n7\tleft\n8\tright\n")
    question = {"of": "regions.sides", "each": "region", "between": "group"}
    sections = {"maps": GIVEN, "scans": None, "trials": None, "factors": {"group": ["a", "b"]}}
    study = study_of(folder, **sections, regions={"sides": SIDES}, questions={"sides": question})
    assert "regions.sides: no mean of regions without a voxel in the mask: right" in check_study(study)
    question = {"of": "regions.sides", "where": {"region": "right"}, "between": "group"}
    named = faults(study_of(folder, **sections, regions={"sides": SIDES}, questions={"sides": question}))
    assert named[0].startswith("space: questions.sides.where.region: no voxel in the mask: right")


def test_a_missing_file_is_named_once(folder: Path):
    asked = {"regions": REGIONS, "questions": {"parts": BETWEEN | {"of": "regions.parts", "each": "region"}}}
    (fault,) = faults(study_of(folder, space=SPACE | {"atlas": "no.nii.gz"}, **asked))
    assert fault.endswith("no.nii.gz: no such file")
    (fault,) = faults(study_of(folder, subjects={"species": "Homo sapiens", "participants": "nobody.tsv"}, **asked))
    assert fault.endswith("nobody.tsv: no such file")


CORRECTIONS = st.sampled_from(
    [
        PERMUTED,
        PERMUTED | {"alpha": 0.2},
        PERMUTED | {"alpha": 0.2, "sided": "one"},
        PERMUTED | {"alpha": 0.3, "variance": "groups"},
        {"method": "fdr", "alpha": 0.05},
    ]
)
MODELS = st.sampled_from(
    [
        BETWEEN,
        BETWEEN | {"covariates": "age"},
        BETWEEN | {"evidence": {}},
        {"of": "maps.task", "within": "picture", "contrasts": "drug - neutral"},
        {"of": "maps.task", "between": "group", "where": {"picture": "drug"}, "covariates": "age"},
        {"of": "contrasts.task", "each": "contrast", "formula": "group*center(age)", "tests": "group", "method": "ols"},
        {"of": "contrasts.task", "each": "contrast", "formula": "group", "tests": ["a - b"], "method": "welch"},
        {"of": "contrasts.task", "each": "contrast", "formula": "1", "tests": ["(Intercept)"], "method": "ols"},
        {"of": "contrasts.task", "each": "contrast", "formula": "group", "tests": ["a - b"], "method": "mixed-effects"},
        {"of": "maps.task", "formula": "group*picture + (1 | subject)", "tests": ["a - b"], "method": "reml"},
        {"of": "maps.task", "formula": "1 + (1 | subject)", "tests": ["(Intercept)"], "method": "reml"},
        {"of": "maps.task", "agreement": "absolute", "over": "picture"},
        {"of": "regions.parts", "each": "region", "between": "group", "within": "picture", "adjust": "holm"},
        {"of": "regions.parts", "where": {"picture": "drug"}, "each": "region", "with": {"of": "subjects.age"}},
    ]
)
EXCLUDED = st.lists(st.sampled_from(SUBJECTS), max_size=4, unique=True)


@given(model=MODELS, correction=CORRECTIONS, excluded=EXCLUDED)
@settings(max_examples=8, derandomize=True, suppress_health_check=list(HealthCheck))
def test_a_study_that_passes_the_check_runs(
    folder: Path, model: Mapping[str, object], correction: Mapping[str, object], excluded: list[str]
):
    """Whoever is left out, whatever is asked and however it is corrected."""
    study = study_of(
        folder,
        subjects={"species": "Homo sapiens", "exclude": dict.fromkeys(excluded, "left")},
        maps={"task": GLM | {"noise": "ols"}},
        regions=REGIONS,
        correction=correction,
        questions={"asked": model},
    )
    try:
        check_study(study)
    except CuecircuitError:
        return
    run_study(study, folder / "results", stages=["subjects", "trials", "maps", "regions", "questions"])
    assert (folder / "results" / "questions" / "asked").is_dir()
