"""A study of people from its study file: planted effects, the maps of `compare`, drop-outs, resuming, faults."""

import hashlib
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from cuecircuit.errors import CuecircuitError, StudyError
from cuecircuit.group.correction import CorrectionSettings
from cuecircuit.io.nifti import read_mask
from cuecircuit.models.model import Model
from cuecircuit.pipeline.alternatives.tables import ChoiceRun, write_tables
from cuecircuit.pipeline.check import check_study
from cuecircuit.pipeline.group.command import group_command
from cuecircuit.pipeline.job import PeopleFiles, PeopleJob, read_any_study, read_study
from cuecircuit.pipeline.people.group import asked_people, group_stages
from cuecircuit.pipeline.quality import write_quality
from cuecircuit.pipeline.report import rewrite_report
from cuecircuit.pipeline.run import run_study
from cuecircuit.pipeline.simulate import designs
from cuecircuit.pipeline.store import Store
from cuecircuit.records.grid import Grid
from cuecircuit.simulation import human_plan as plan
from cuecircuit.simulation.human_dataset import HumanStudy, write_human_dataset
from cuecircuit.stats.between_fit import fit_between
from cuecircuit.stats.between_model import between_subject_model
from cuecircuit.study.people import Question

pytestmark = pytest.mark.xdist_group("people")

NUMBERS = ("behavior", "firstlevel", "group", "longitudinal", "regions")
ROWS = [*range(3, 13), *range(36, 44)]  # 10 patients and 8 controls, women and men in both
PEOPLE = [f"iHUD{number:02d}" for number in range(4, 14)] + [f"HC{number:02d}" for number in range(5, 13)]


def study_text() -> str:
    """The shipped study with three contrasts, two questions, no alternatives and as few null fields as alpha allows."""
    text, _, listed = designs()["huang2023"].partition("\nalternatives:\n")
    assert listed
    for dropped in ("    drug_food: look_drug - look_food\n", "    savor_look: savor_food - look_food\n"):
        assert dropped in text
        text = text.replace(dropped, "")
    start, end = text.index("  - name: craving_by_group"), text.index("correction:")
    text = text[:start] + "\n" + text[end:].replace("  alpha: 0.05\n", "  alpha: 0.05\n  iterations: 200\n")
    return "".join(line for line in text.splitlines(keepends=True) if "questions.craving_by_group" not in line)


def write_study(
    folder: Path, text: str, *, hypothesis: str = "reactivity", rows: list[int] = ROWS, sessions: int = 2
) -> Path:
    affine = np.diag([8.0, 8.0, 8.0, 1.0])
    affine[:3, 3] = [-68.0, -20.0, -40.0]
    mask = np.zeros((18, 11, 16), bool)
    mask[1:-1, 1:-1, 1:-1] = True
    whole = plan.plan_people(hypothesis, np.random.default_rng([0, 0]))
    people = tuple(replace(whole.people[row], craving=whole.people[row].craving[:sessions]) for row in rows)
    few = replace(whole, people=people, responses=whole.responses[rows])
    grid = Grid(shape=(18, 11, 16), affine=affine)
    study = HumanStudy(people=few, mask=mask, grid=grid, hypothesis=hypothesis, scale="tiny", seed=0)
    write_human_dataset(folder, study, text)
    return folder / "study.yaml"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("people") / "study", study_text())


@pytest.fixture(scope="module")
def results(study: Path) -> Path:
    out = study.parents[1] / "results"
    run_study(study, out, stages=NUMBERS)
    return out


def terms(results: Path, question: str, contrast: str) -> pd.DataFrame:
    return pd.read_csv(results / "group" / question / contrast / "terms.tsv", sep="\t").set_index("term")


def volume(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)  # pyright: ignore


def test_the_shipped_study_and_its_files_have_no_fault(study):
    check_study(study)


def test_planted_effects_are_found_where_they_are_planted(study, results):
    labels = volume(study.parent / "derivatives/template/tpl-MNI152NLin2009cAsym_atlas-spheres_dseg.nii.gz")
    regions = dict(enumerate(plan.REGIONS, 1))
    for contrast, test, wanted in (
        ("drug_neutral", "intercept", {"ventral striatum", "IFG"}),
        ("reappraise_look", "intercept", {"SMA", "IFG", "dlPFC"}),
        ("reappraise_savor", "iHUDMinusHC", {"ventral striatum"}),
    ):
        folder = results / "group" / "groups" / contrast
        significant = volume(folder / f"contrast-{test}_stat-pfwe_statmap.nii.gz") <= 0.05
        hit = {regions[label] for label in np.unique(labels[significant]) if label}
        assert wanted <= hit, (contrast, test, hit)
        effect = volume(folder / f"contrast-{test}_stat-effect_statmap.nii.gz")
        inside = np.isin(labels, [k for k, name in regions.items() if name in wanted]) & significant
        assert (effect[inside] > 0).all()  # patients less controls: above 0, as planted


def test_no_group_difference_is_found_in_the_strategy_that_has_none(results):
    assert terms(results, "groups", "reappraise_look").loc["iHUD - HC", "significant_voxels"] == 0


def test_region_numbers_follow_what_was_planted_in_each_person(study, results):
    truth = pd.read_csv(study.parent / "truth" / "responses.tsv", sep="\t")
    keys = ["participant_id", "session_id", "region"]
    planted = truth.pivot(index=keys, columns="cell", values="percent").reset_index()
    found = pd.read_csv(results / "regions" / "responses.tsv", sep="\t")
    found = found.assign(participant_id="sub-" + found["subject"], session_id="ses-" + found["session"].astype(str))
    for contrast, plus, minus in (
        ("drug_neutral", "look_drug", "look_neutral"),
        ("reappraise_savor", "reappraise_drug", "savor_food"),
    ):
        both = found[found["contrast"] == contrast].merge(planted, on=keys)
        r = np.corrcoef(both["response"], both[plus] - both[minus])[0, 1]
        assert r > 0.8  # with all 53 people it is .95; the rest is noise of the scans
    table = pd.read_csv(results / "regions" / "correlations.tsv", sep="\t")
    assert set(table["region"]) == set(plan.REGIONS)
    assert set(table["n"]) == {10}


def test_the_group_stage_equals_compare_on_the_table_that_it_wrote(study, results, tmp_path):
    own = results / "group" / "groups" / "drug_neutral"
    design = Model(
        formula="group + sex + center(age)",
        method="mixed-effects",
        variance="variance",
        contrasts=("iHUD - HC", "F - M"),
    )
    two_sided = 2 * float(norm.sf(3.1))
    correction = CorrectionSettings(voxel_p=two_sided, alpha=0.05, connectivity=26, sided="bi", iterations=200)
    mask = study.parent / "derivatives/template/tpl-MNI152NLin2009cAsym_desc-brain_mask.nii.gz"
    out = tmp_path / "compared"
    group_command(own / "maps.tsv", out, mask, model=design, correction=correction)
    for name in ("intercept_stat-F", "intercept_stat-effect", "iHUDMinusHC_stat-z", "iHUDMinusHC_stat-pfwe"):
        file = f"contrast-{name}_statmap.nii.gz"
        assert np.array_equal(volume(own / file), volume(out / file)), name


@pytest.mark.parametrize(("method", "fitted"), [("robust", "huber"), ("bisquare", "bisquare"), ("welch", "welch")])
def test_a_question_is_answered_by_the_method_it_names(study, results, tmp_path, method, fitted):
    files = read_any_study(study)
    assert isinstance(files, PeopleFiles)
    asked = Question(name="other", formula="group", tests=("iHUD - HC",), contrasts=("drug_neutral",), method=method)
    files = replace(files, study=files.study.model_copy(update={"questions": (asked,)}))
    (stage,) = group_stages(PeopleJob(files=files, store=Store(results, study.parent)))
    stage.make(tmp_path)

    people, _ = asked_people(files, asked)
    effect = "task-cues_contrast-drugneutral_stat-effect_statmap.nii.gz"
    maps = [results / f"sub-{one}/ses-1/func/sub-{one}_ses-1_{effect}" for one in people["subject"]]
    mask, _ = read_mask(study.parent / "derivatives/template/tpl-MNI152NLin2009cAsym_desc-brain_mask.nii.gz")
    y = np.stack([volume(path)[mask] for path in maps])
    model = between_subject_model("group", {"group": people["group"].to_numpy()}, contrasts=("iHUD - HC",))
    test = next(each for each in fit_between(y, model, method=fitted).tests if each.name == "iHUD - HC")
    assert test.estimate is not None
    for statistic, values in (("effect", test.estimate), ("z", test.z)):
        # maps are written in single precision
        found = volume(tmp_path / f"contrast-iHUDMinusHC_stat-{statistic}_statmap.nii.gz")[mask]
        np.testing.assert_allclose(found, values, rtol=1e-5, atol=1e-6)
    assert (tmp_path / "contrast-iHUDMinusHC_stat-df2_statmap.nii.gz").is_file() == (method == "welch")


def test_permutation_corrects_every_test_of_a_question(study, results, tmp_path):
    files = read_any_study(study)
    assert isinstance(files, PeopleFiles)
    whole = files.study
    asked = whole.questions[0].model_copy(update={"method": "ols", "contrasts": ("reappraise_savor",)})
    changes = {"method": "permutation", "permutations": 100, "exploratory_z": None}
    corrected = whole.correction.model_copy(update=changes)
    files = replace(files, study=whole.model_copy(update={"questions": (asked,), "correction": corrected}))
    (stage,) = group_stages(PeopleJob(files=files, store=Store(results, study.parent)))
    stage.make(tmp_path)
    clusters = pd.read_csv(tmp_path / "terms.tsv", sep="\t").set_index("term")["significant_clusters"]
    assert clusters.notna().sum() == len(asked.tests)
    assert clusters["iHUD - HC"] > 0
    assert clusters["F - M"] == 0


def test_the_tables_about_people_are_inputs_of_the_run(study, results):
    lines = (results / "report" / "inputs.sha256").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    files = read_any_study(study)
    assert isinstance(files, PeopleFiles)
    for name in (files.study.subjects.participants, *files.study.subjects.phenotype):
        assert listed[name] == hashlib.sha256((study.parent / name).read_bytes()).hexdigest()


def test_people_with_one_session_stay_in_the_mixed_model(results):
    attended = pd.read_csv(results / "regions" / "sessions.tsv", sep="\t").set_index("group")
    people = [plan.plan_people("reactivity", np.random.default_rng([0, 0])).people[row] for row in ROWS]
    for group, row in attended.iterrows():
        own = [each.sessions for each in people if each.group == group]
        assert (row["session_1"], row["session_2"], row["both"]) == (len(own), own.count(2), own.count(2))
    assert 0 < attended["both"].sum() < len(ROWS)
    table = pd.read_csv(results / "regions" / "longitudinal.tsv", sep="\t")
    assert set(table["people"]) == {len(ROWS)}
    assert set(table["observations"]) == {sum(each.sessions for each in people)}
    change = pd.read_csv(results / "regions" / "change.tsv", sep="\t")
    assert set(change["people"]) == {int(attended["both"].sum())}


def test_less_drug_reactivity_in_session_2_of_patients_is_found(results):
    table = pd.read_csv(results / "regions" / "longitudinal.tsv", sep="\t").set_index(["contrast", "region", "term"])
    assert table.loc[("reappraise_savor", "IFG", "group:session"), "p"] < 0.05
    responses = pd.read_csv(results / "regions" / "responses.tsv", sep="\t")
    own = responses[(responses["contrast"] == "reappraise_savor") & (responses["region"] == "IFG")]
    means = own.groupby(["group", "session"])["response"].mean()
    assert means["iHUD", 2] < means["iHUD", 1]


def test_maps_of_the_second_session_have_reliability_and_change(results):
    folder = results / "longitudinal" / "drug_neutral"
    icc = volume(folder / "contrast-drugneutral_stat-icc_statmap.nii.gz")
    r = volume(folder / "contrast-drugneutral_stat-changeR_statmap.nii.gz")
    for values in (icc, r):
        tested = values[np.isfinite(values)]
        assert tested.size > 1000
        assert (np.abs(tested) <= 1).all()


def test_ratings_and_craving_are_tested(results):
    rating = pd.read_csv(results / "behavior" / "rating_anova.tsv", sep="\t").set_index("term")
    assert rating.loc["group:cell", "p"] < 0.001  # patients like drug pictures, controls do not
    assert rating.loc["cell", "df1"] == 4
    craving = pd.read_csv(results / "behavior" / "before_after_anova.tsv", sep="\t").set_index("term")
    assert craving.loc["group", "df2"] == len(ROWS) - 2


def test_a_second_run_does_nothing_and_a_lost_map_is_made_again_alone(study, results, capsys):
    run_study(study, results, stages=NUMBERS)
    said = capsys.readouterr().err
    assert "not done" not in said
    assert "up to date" in said
    lost = results / "group/groups/drug_neutral/contrast-intercept_stat-z_statmap.nii.gz"
    before = lost.read_bytes()
    lost.unlink()
    run_study(study, results, stages=("group",))
    redone = [line for line in capsys.readouterr().err.splitlines() if "is gone" in line]
    assert len(redone) == 1
    assert redone[0].startswith("group_groups_drug_neutral")
    assert lost.read_bytes() == before


def test_under_the_null_no_test_of_groups_finds_anything(tmp_path):
    text = study_text().replace("    reappraise_look: reappraise_drug - look_drug\n", "")
    start, end = text.index("longitudinal:"), text.index("correlations:")
    kept = (line for line in (text[:start] + text[end:]).splitlines(keepends=True) if "longitudinal." not in line)
    text = "".join(kept).replace('sessions: ["1", "2"]', 'sessions: ["1"]')
    study = write_study(tmp_path / "study", text, hypothesis="null", sessions=1)
    run_study(study, tmp_path / "out", stages=("firstlevel", "group"))
    found = [terms(tmp_path / "out", "groups", contrast) for contrast in ("drug_neutral", "reappraise_savor")]
    # one seed, six tests at 5 %: the number is that of this seed, and none is the likely one
    assert sum(int(table["significant_clusters"].fillna(0).sum()) for table in found) == 0


ONE_GROUP = """
study: people
about: { title: Pictures }
subjects: {}
acquisition: { task: cues, tr_s: 2.0, derivatives: derivatives/fmriprep, sessions: ["1"] }
space: { mask: derivatives/template/tpl-MNI152NLin2009cAsym_desc-brain_mask.nii.gz }
cues: { levels: [look_drug, look_neutral] }
nuisance: { motion: 6, censor_fd_mm: 0.5 }
response: { contrasts: { drug: look_drug - look_neutral } }
questions:
  - { name: all, tests: ["(Intercept)"], method: ols }
correction: { method: permutation, permutations: 100, exploratory_z: null }
"""
FIRST_MAP = "sub-iHUD04/ses-1/func/sub-iHUD04_ses-1_task-cues_contrast-drug_stat-effect_statmap.nii.gz"
LISTED = """
alternatives:
  loose: { why: a lower height, settings: { correction.voxel_z: 2.3 } }
"""


def test_another_study_with_one_group_two_cells_and_no_second_session_has_its_page(tmp_path):
    study = write_study(tmp_path / "study", ONE_GROUP + LISTED, rows=list(range(3, 11)), sessions=1)
    page = run_study(study, tmp_path / "out", alternatives=True)
    text = page.read_text(encoding="utf-8")
    assert "8 people were analyzed. " in text
    assert "Two sessions" not in text
    assert "permut" in text
    assert "<code>cuecircuit quality</code> with the same folder draws a page" in text
    assert not (tmp_path / "out" / "behavior").exists()
    assert not (tmp_path / "out" / "regions").exists()
    found = pd.read_csv(tmp_path / "out/group/all/drug/terms.tsv", sep="\t")
    assert found.loc[0, "significant_voxels"] > 0
    page.unlink()
    assert rewrite_report(tmp_path / "out").read_text(encoding="utf-8") == text

    runs = tmp_path / "out" / "alternatives_runs"
    assert (runs / "loose" / FIRST_MAP).stat().st_ino == (tmp_path / "out" / FIRST_MAP).stat().st_ino  # done once
    rows = pd.read_csv(tmp_path / "out/alternatives/alternatives.tsv", sep="\t").set_index(["result", "choice"])
    assert set(rows.index.get_level_values("choice")) == {"as planned", "loose"}
    for choice, root in (("as planned", tmp_path / "out"), ("loose", runs / "loose")):
        own = pd.read_csv(root / "group/all/drug/terms.tsv", sep="\t")
        assert rows.loc[("all drug, (Intercept)", choice), "value"] == own.loc[0, "significant_voxels"]
    assert '<section id="choices"' in text
    assert "correction.voxel_z" in text


def test_answers_of_questions_and_of_two_sessions_have_different_names_side_by_side(study, results, tmp_path):
    write_tables(tmp_path, {"as planned": ChoiceRun(files=read_any_study(study), root=results)})
    names = pd.read_csv(tmp_path / "alternatives.tsv", sep="\t")["result"]
    assert {"groups drug_neutral, iHUD - HC", "longitudinal drug_neutral, group"} <= set(names)
    assert names.is_unique


def test_alternatives_that_a_study_of_people_does_not_list_are_refused(study, tmp_path):
    with pytest.raises(StudyError, match="lists no `alternatives:`"):
        run_study(study, tmp_path / "out", alternatives=True)


def broken(study: Path, tmp_path: Path, name: str, old: str, new: str) -> tuple[str, ...]:
    """Change one file of a copy, in which some people are left out for speed, and give the faults."""
    copy = tmp_path / "study"
    copy.mkdir()
    for path in study.parent.rglob("*"):
        target = copy / path.relative_to(study.parent)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        elif str(path.relative_to(study.parent)) in (name, "study.yaml"):
            text = path.read_text(encoding="utf-8").replace("\nsubjects:\n", f"\nsubjects:\n{LEFT_OUT}")
            assert old in text or path.name != Path(name).name
            target.write_text(text.replace(old, new), encoding="utf-8")
        else:
            target.symlink_to(path)
    with pytest.raises(CuecircuitError) as error:
        check_study(copy / "study.yaml")
    return error.value.faults


LEFT_OUT = "  exclude: {" + ", ".join(f"{name}: few are enough" for name in PEOPLE[5:10] + PEOPLE[14:]) + "}\n"
FUNC = "sub-iHUD04/ses-1/func/sub-iHUD04_ses-1_task-cues_run-1"
CONFOUNDS = f"derivatives/fmriprep/{FUNC}_desc-confounds_timeseries.tsv"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("study.yaml", "sex + center(age)", "sex + center(bmi)", "no column bmi in the tables about people"),
        ("study.yaml", '"F - M"]', '"F - M", handedness]', "no term 'handedness' in 'group + sex + center(age)'"),
        ("study.yaml", "look_drug - look_neutral", "look_drug - look_shapes", "contrast drug_neutral: 'look_drug"),
        ("study.yaml", 'sessions: ["1", "2"]', 'sessions: ["1", "3"]', "no scans of session 3 (acquisition.sessions)"),
        ("study.yaml", "tr_s: 2.0", "tr_s: 1.0", "TR is 2 s in the header and 1 s in the study (acquisition.tr_s)"),
        ("study.yaml", "motion: 24", "motion: 24\n  csf: true", "no column csf, which the study asks for (nuisance.c"),
        ("study.yaml", "measures: [rating,", "measures: [valence,", "no column valence (behavior.measures)"),
        ("study.yaml", "  measure: craving_after\n  groups", "  measure: wanting\n  groups", "no column wanting"),
        ("study.yaml", "formula: group*session +", "formula: group*time +", "longitudinal.formula: no column time"),
        ("study.yaml", 'tests: ["group:session"]', "tests: [time]", "longitudinal.tests: no term 'time'"),
        ("phenotype/craving.tsv", "sub-iHUD05\tses-1", "sub-iHUD04\tses-1", "sub-iHUD04 stands twice in session 1"),
        ("study.yaml", "savor_food]", "savor_food, look_shapes]", "no trial of look_shapes (cues.levels) in session 1"),
        (CONFOUNDS, "rot_z", "rot_w", "no column rot_z, which the study asks for (nuisance.motion)"),
    ],
)  # fmt: skip
def test_a_fault_is_named(study, tmp_path, file, old, new, said):
    faults = broken(study, tmp_path, file, old, new)
    assert any(said in fault for fault in faults), faults
    if file == "study.yaml":
        assert all(fault.split(":")[1].isdigit() for fault in faults), faults


def test_a_formula_s_fault_has_the_line_of_its_question(study, tmp_path):
    faults = broken(study, tmp_path, "study.yaml", "sex + center(age)", "sex + center(bmi)")
    lines = (tmp_path / "study" / "study.yaml").read_text().splitlines()
    places = [number for number, line in enumerate(lines, 1) if line.startswith("  - name: ")]
    assert [int(fault.split(":")[1]) for fault in faults] == places


def test_a_person_without_a_value_is_left_out_of_that_question_and_counted(study, results, tmp_path):
    files = read_any_study(study)
    assert isinstance(files, PeopleFiles)
    question = files.study.questions[0].model_copy(update={"formula": "group + days_abstinent"})
    people, left_out = asked_people(files, question)  # controls have no days of abstinence
    assert set(people["group"]) == {"iHUD"}
    assert len(left_out) == 8
    assert left_out[0] == "sub-HC05: no days_abstinent"


def test_quality_has_a_page_for_each_person_and_one_of_all_runs(tmp_path):
    text = ONE_GROUP.replace("subjects: {}", "subjects: { exclude: { iHUD06: asleep } }")
    study = write_study(tmp_path / "study", text, rows=[3, 4, 5], sessions=1)
    page = write_quality(study, tmp_path / "out").read_text(encoding="utf-8")
    table = pd.read_csv(tmp_path / "out/quality/scans.tsv", sep="\t", dtype={"session": str})
    assert set(table["session"]) == {"1"}
    assert set(table["group"]) == {"everyone"}
    assert set(table.loc[table["excluded"] == "asleep", "subject"]) == {"iHUD06"}
    for name, own in table.groupby("subject"):
        assert f'href="sub-{name}/index.html"' in page
        pictures = (tmp_path / "out/quality" / f"sub-{name}" / "index.html").read_text().count("data:image/png")
        assert pictures == len(own) > 0
    first = table.iloc[0]
    stem = f"sub-{first['subject']}/ses-1/func/sub-{first['subject']}_ses-1_task-cues_run-{first['run']}_desc-confounds"
    confounds = pd.read_csv(study.parent / f"derivatives/fmriprep/{stem}_timeseries.tsv", sep="\t", na_values="n/a")
    # tables have ten digits
    assert first["framewise_displacement"] == pytest.approx(confounds["framewise_displacement"].mean(), rel=1e-8)


def test_an_animal_command_refuses_people(study):
    with pytest.raises(StudyError, match="a study of people, expected one of operant animals"):
        read_study(study)


def test_the_mask_of_the_study_is_what_was_tested(study, results):
    mask, _ = read_mask(study.parent / "derivatives/template/tpl-MNI152NLin2009cAsym_desc-brain_mask.nii.gz")
    z = volume(results / "group/groups/drug_neutral/contrast-intercept_stat-z_statmap.nii.gz")
    assert (z[~mask] == 0).all()
    assert np.isfinite(z[mask]).all()


def test_a_stage_that_a_kind_of_study_does_not_have_is_refused(study, tmp_path):
    text = study.parent / "study.yaml"
    animals = tmp_path / "animals.yaml"
    animals.write_text(designs()["carmack2019"], encoding="utf-8")
    with pytest.raises(StudyError, match="has no stage longitudinal; expected some of: behavior, firstlevel, group"):
        run_study(animals, tmp_path / "out", stages=("longitudinal",))
    with pytest.raises(StudyError, match="has no stage sessions; expected some of: behavior, firstlevel, group, longi"):
        run_study(text, tmp_path / "out", stages=("sessions",))
