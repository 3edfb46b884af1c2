"""The one study file: designs that are read, and what is said of those that are not."""

import copy
import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cuecircuit.errors import StudyError
from cuecircuit.nodes.designs import design_text
from cuecircuit.study.accounting import Accounting
from cuecircuit.study.questions import Simulation
from cuecircuit.study.reading import alternative_studies, parse_study

DESIGNS = sorted((Path(__file__).parents[3] / "shared" / "prototypes" / "study").glob("*.yaml"))
# sentences of a library, which mean nothing to who wrote the file
RAW = re.compile(r"Input should|valid |pydantic|NoneType|Traceback|function-|tuple\[|Field required|dict\[", re.I)

needs_designs = pytest.mark.skipif(not DESIGNS, reason="the nine study files are not beside this checkout")

MINIMAL = """
about: { title: Intake }
subjects: { species: Mus musculus }
factors: { group: [water, ethanol] }
drugs:
  water: { route: oral }
  ethanol: { route: oral, concentration_percent: 10, volume_ml: 0.01 }
operant:
  logs: "logs/*"
  phases:
    drinking:
      kind: self_administration
      experiment: FR1
      days: 3
      access_h: 1
      delivers: { water: water, ethanol: ethanol }
questions:
  intake: { of: operant.infusions, where: { phase: drinking }, between: group, within: day }
"""


COUNTS = {"of": "operant.infusions", "where": {"phase": "drinking"}, "trend": "day"}
DRUNK = {"of": "operant.infusions", "where": {"phase": "drinking", "day": [3, 1]}}


def faults_of(text: str) -> list[str]:
    with pytest.raises(StudyError) as error:
        parse_study(text, "s.yaml")
    return list(error.value.faults)


def minimal(**changes: Any) -> str:
    return changed(yaml.safe_load(MINIMAL), changes)


def changed(data: dict[str, Any], changes: dict[str, Any]) -> str:
    for path, value in changes.items():
        here = data
        *above, last = path.split("__")
        for key in above:
            here = here.setdefault(key, {})
        here[last] = value
    return yaml.safe_dump(data, sort_keys=False)


@needs_designs
@pytest.mark.parametrize("path", DESIGNS, ids=lambda path: path.stem)
def test_designs_are_read(path: Path) -> None:
    assert parse_study(path.read_text(), path.name).questions


@needs_designs
def test_tables_and_keys_follow_from_the_sections() -> None:
    tables = Accounting(parse_study(next(d for d in DESIGNS if d.stem == "carmack2019").read_text())).tables
    assert tables["maps.responses"].keys == ("subject", "cue", "block")
    assert tables["regions.cluster"].keys == ("subject", "cue", "block", "region")
    assert tables["derived.reinstated"].keys == ("subject", "treatment")
    assert "visits" not in tables


@needs_designs
def test_a_second_session_must_be_accounted_for_by_every_question_on_scans() -> None:
    data = yaml.safe_load(next(d for d in DESIGNS if d.stem == "carmack2019").read_text())
    data.pop("alternatives")
    data["factors"]["session"] = ["early", "late"]
    faults = faults_of(yaml.safe_dump(data, sort_keys=False))
    assert faults
    assert all("nothing accounts for session" in fault and "average" in fault for fault in faults)
    assert any(": questions.access_by_cue:" in fault for fault in faults)


@needs_designs
def test_alternatives_are_studies_of_their_own() -> None:
    studies = alternative_studies(next(d for d in DESIGNS if d.stem == "carmack2019").read_text())
    assert studies["connectivity_26"].correction is not None
    assert studies["connectivity_26"].correction.connectivity == 26
    assert not studies["permutation"].alternatives


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"questions__intake__within": []}, "nothing accounts for day"),
        ({"questions__intake__between": "grop"}, "did you mean group?"),
        ({"questions__intake__of": "operant.infusion"}, "did you mean infusions?"),
        ({"questions__intake__of": "maps.task"}, "nothing makes table maps.task"),
        ({"questions__intake__where": {"phase": "drinkin"}}, "did you mean drinking?"),
        ({"operant__phases__drinking__delivers": {"water": "water"}}, "says nothing of ethanol"),
        ({"operant__phases__drinking__delivers": "wine"}, "'wine' is no drug"),
        ({"operant__phases__drinking__access_h": 25}, "expected 0 (no sessions) to 24"),
        ({"factors__sex": ["f", "m"]}, "factors.sex: no question or section uses it"),
        ({"drugs__ethanol": {"route": "oral", "dose_mg_kg": 1e6}}, "impossible"),
        ({"group": {"effect": "x"}}, "moved: a question of maps"),
        ({"nuisance__smoothing_fwhm_mm": 1}, "moved: maps.NAME.smoothing_fwhm_mm"),
        ({"operant__phases__drinking__kind": "drinking"}, "expected 'self_administration'"),
        ({"questions__more": {"of": "operant.infusions"}}, "nothing accounts for day"),
        ({"questions__intake__comparisons": [{"factor": "day", "adjust": "dunnett"}]}, "needs error: pooled"),
        ({"alternatives": {"a": {"why": "w", "settings": {"operant.log": "x"}}}}, "did you mean logs?"),
        ({"alternatives": {"a": {"why": "w", "settings": {"operant.by": "group"}}}}, "makes the same study"),
        ({"alternatives": {"a": {"why": "w", "settings": {"about.title": "x"}}}}, "cannot change 'about'"),
        ({"assumed": {"scans.tr_s": "why"}}, "no such setting"),
        ({"factors": {"solution": ["water", "ethanol"]}}, "name the one whose levels water, ethanol are"),
        (
            {"questions__more": {"of": "operant.intake_mg_kg", "by": ["group", "day"]}},
            "name its column in subjects.weight",
        ),
        (
            {"questions__more": {"of": "subjects.age", "by": "group", "covariates": "sex"}},
            "goes with between and within",
        ),
        ({"questions__more": {**COUNTS, "between": ["group", "sex"]}}, "expected fewer values"),
        ({"questions__more": {**COUNTS, "within": "day"}}, "counts have a trend"),
        ({"questions__more": {**COUNTS, "trend": "phase"}}, "expected one of: day"),
        ({"questions__more": {**COUNTS, "each": "phase"}}, "it is one model of all rows"),
        ({"questions__more": {**DRUNK, "between": "group", "change": "day"}}, "write day: [1, 3]"),
        ({"questions__more": {**DRUNK, "between": ["group", "day"]}}, "name it in `within`"),
        (
            {"questions__more": {**DRUNK, "formula": "day", "tests": "day", "method": "ols", "df": "kenward-roger"}},
            "no rule",
        ),
        ({"derived__d": {**DRUNK, "over": "day", "how": "mean", "relative": "share"}}, "relative: share of what?"),
    ],
)
def test_each_fault_says_what_would_be_right(changes: dict[str, Any], words: str) -> None:
    faults = faults_of(minimal(**changes))
    assert any(words in fault for fault in faults), faults
    assert all(re.match(r"s\.yaml:\d+: ", fault) for fault in faults)


def test_all_faults_come_at_once_by_line() -> None:
    faults = faults_of(minimal(questions__intake__between="grop", operant__phases__drinking__access_h=25))
    assert len(faults) == 2
    lines = [int(fault.split(":")[1]) for fault in faults]
    assert lines == sorted(lines)


def test_a_value_of_a_wrong_kind_hides_no_other_fault() -> None:
    named = ["questions.intake.alpha", "questions.other.of", "copies"]
    other = {"of": "operant.infusion", "where": {"phase": "drinking"}, "within": "day"}
    faults = faults_of(minimal(questions__intake__alpha="few", questions__other=other, copies="no"))
    assert [fault.split(": ")[1] for fault in faults] == named


@pytest.mark.parametrize("part", [{"window_min": [30, 90]}, {"every_min": 90}], ids=["window", "bin"])
def test_a_part_of_a_session_that_is_over_before_it_is_refused(part: dict[str, Any]) -> None:
    rows = {"of": "bins.late", "within": "bin"} if "every_min" in part else {"of": "operant.late"}
    question = rows | {"where": {"phase": "drinking", "day": 1}, "between": "group"}
    (fault,) = faults_of(minimal(operant__measures__late={"count": "lick"} | part, questions__late=question))
    assert "reaches minute 90, and these sessions last 60 min" in fault


def test_a_second_atlas_is_that_of_a_set_of_regions() -> None:
    space = {"mask": "m.nii", "origin": "bregma", "atlas": ["a.nii", "b.nii"], "labels": ["a.tsv", "b.tsv"]}
    faults = [fault for fault in faults_of(minimal(space=space)) if "space.atlas: found 2 files, expected one" in fault]
    assert "regions.NAME: {of: TABLE, atlas: FILE, labels: TABLE}" in faults[0]
    alone = faults_of(minimal(regions={"fine": {"of": "maps.task", "atlas": "fine.nii.gz"}}))
    assert any("regions.fine: give both atlas and labels, or neither" in fault for fault in alone)


def test_numbers_and_words_of_yaml_are_labels() -> None:
    assert parse_study(minimal(factors__group=["water", "ethanol"])).factors["group"].levels == ("water", "ethanol")
    assert len(faults := faults_of(minimal(factors__group=[True, False]))) == 2
    assert all("put it in quotes" in fault for fault in faults)


def test_labels_are_read_as_they_are_written() -> None:
    labels = ("01", "010", "1:30", "20240115", "2024-01-15", "0x10", "1_000", "7")
    text = MINIMAL.replace("[water, ethanol]", f"[water, ethanol], session: [{', '.join(labels)}]")
    study = parse_study(text + "  mood: { of: visits.mood, within: session }")
    assert study.factors["session"].levels == labels
    assert study.operant is not None
    assert study.operant.phases["drinking"].days == 3


def test_a_drug_that_cannot_be_read_is_one_fault() -> None:
    faults = faults_of(minimal(operant__phases__drinking__delivers={"water": "water", "ethanol": ["ethanol", "water"]}))
    assert len(faults) == 1
    assert "delivers.ethanol: found ['ethanol', 'water'], expected text" in faults[0]


def test_who_has_no_session_in_a_phase_needs_no_drug_there() -> None:
    changes = {"access_h": {"water": 0, "ethanol": 1}, "delivers": {"ethanol": "ethanol"}}
    phases = {f"operant__phases__drinking__{key}": value for key, value in changes.items()}
    assert parse_study(minimal(**phases, drugs={"ethanol": {"route": "oral"}})).operant


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"questions__displacement__adjust": "holm"}, "voxels are corrected by `correction`"),
        ({"questions__displacement__alpha": 0.01}, "correction.alpha"),
        ({"questions__displacement__comparisons": [{"factor": "challenge"}]}, "give `contrasts`"),
        ({"questions__displacement__average": "challenge"}, "put the key in `within`"),
        ({"questions__displacement__change": "challenge"}, "put the key in `within`"),
        ({"questions__severity__of": "maps.binding"}, "severity.inside: is of numbers, not of maps; ask it of regions"),
        ({"questions__severity__of": "maps.binding"}, "severity.with.change: the map is of a change"),
        ({"correction__compare": ["fdr"], "questions__displacement__shown": []}, "name it in `shown`"),
        ({"correction__method": "simulation"}, "statistic: tfce goes with method: permutation"),
        ({"correction": {"method": "fdr", "alpha": 0.05, "variance": "groups"}}, "set method: permutation"),
    ],
)
def test_settings_that_tests_of_maps_would_pass_over_are_refused(changes: dict[str, Any], words: str) -> None:
    faults = faults_of(changed(yaml.safe_load(design_text("pet_displacement")), changes))
    assert any(words in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: *b", "put a pattern that begins with * in quotes"),
        ("a: [1", "s.yaml:"),
        ("- a", "found no keys"),
        ("[" * 5000, "levels deep"),
        ("about: {title: x}\nabout: {title: y}", "written twice (first on line 1)"),
    ],
)
def test_text_that_is_no_study_file_is_one_clear_line(text: str, words: str) -> None:
    assert any(words in fault for fault in faults_of(text))


def _paths(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path for key, value in pairs for path in ((*at, key), *_paths(value, (*at, key)))]


MUTATIONS = {
    "removed": lambda here, key: here.pop(key),
    "null": lambda here, key: here.__setitem__(key, None),
    "word": lambda here, key: here.__setitem__(key, "xyz"),
    "list": lambda here, key: here.__setitem__(key, ["xyz", 3]),
    "negative": lambda here, key: here.__setitem__(key, -1),
    "mapping": lambda here, key: here.__setitem__(key, {"xyz": {"of": 3}}),
}


@needs_designs
@pytest.mark.parametrize("how", MUTATIONS)
@pytest.mark.parametrize("path", DESIGNS, ids=lambda path: path.stem)
def test_a_mutated_file_is_read_or_refused_in_words_of_the_file(path: Path, how: str) -> None:
    data = yaml.safe_load(path.read_text())
    data.pop("alternatives", None)
    keys = _paths(data)
    for keys_of_one in random.Random(f"{path.stem} {how}").sample(keys, min(8, len(keys))):
        mutated = copy.deepcopy(data)
        here = mutated
        for key in keys_of_one[:-1]:
            here = here[key]
        MUTATIONS[how](here, keys_of_one[-1])
        try:
            parse_study(yaml.safe_dump(mutated, sort_keys=False), "s.yaml")
        except StudyError as error:
            for fault in error.faults:
                assert re.match(r"s\.yaml:\d+: ", fault), (keys_of_one, fault)
                assert not RAW.search(fault), (keys_of_one, fault)


def test_colors_are_of_levels_that_the_study_has() -> None:
    assert parse_study(minimal(style__colors={"ethanol": "#0072B2"})).style.colors == {"ethanol": "#0072B2"}
    (line,) = faults_of(minimal(style__colors={"etanol": "#0072B2"}))
    assert "'etanol'" in line
    assert "ethanol" in line
    (line,) = faults_of(minimal(style__colors={"ethanol": "blue"}))
    assert "expected a color as #RRGGBB" in line


def test_effects_that_no_hypothesis_names_are_planted_together() -> None:
    effect = {"in": "operant.infusions", "by": "group", "add": {"a": 1.0}}

    plain = Simulation.model_validate({"n": {"a": 4}, "effects": {"one": effect, "other": effect}})
    named = Simulation.model_validate({"n": {"a": 4}, "effects": {"one": effect}, "hypotheses": {}})

    assert plain.hypotheses == {"stated": ("one", "other")}
    assert named.hypotheses == {}


@pytest.mark.parametrize("name", ["low", "high", "level", "value"])
def test_a_factor_that_is_called_like_a_column_of_results_is_refused(name: str) -> None:
    data = yaml.safe_load(MINIMAL.replace("group", name))
    data["operant"]["by"] = name
    faults = faults_of(yaml.safe_dump(data, sort_keys=False))
    assert any(f"{name} is also a column of results" in fault for fault in faults)


def test_factors_of_an_effect_may_be_written_in_any_order() -> None:
    data = yaml.safe_load(design_text("pet_displacement"))
    data["questions"]["displacement"] |= {"between": ["group", "sex"], "shown": "challenge:sex", "contrasts": []}
    formula = "group*sex + center(age)*group"
    data["questions"]["questionnaire"] |= {"formula": formula, "tests": ["sex:group", "group:center(age)", "F - M"]}
    data["regions"]["inside"] = {"of": "maps.binding"}
    data["regions"]["inside"] |= {"within": {"question": "displacement", "effect": "challenge:group"}}
    data["questions"]["inside"] = {"of": "regions.inside", "each": "region", "by": ["group", "challenge"]}
    study = parse_study(yaml.safe_dump(data))
    assert study.questions["displacement"].shown == ("sex:challenge",)
    assert study.questions["questionnaire"].tests == ("group:sex", "center(age):group", "F - M")
    assert study.regions["inside"].within.effect == "group:challenge"


def test_a_factor_that_is_called_like_a_key_is_refused() -> None:
    text = re.sub(r"\bgroup\b", "treatment", minimal(operant__by="group"))
    assert any("treatment tells rows of operant apart already; call the factor" in fault for fault in faults_of(text))


def test_sections_of_scans_without_maps_are_named_at_once() -> None:
    sections = {
        "space": {"mask": "mask.nii.gz", "origin": "bregma"},
        "scans": {"task": "cues", "tr_s": 2.0},
        "nuisance": {"motion": 6},
        "correction": {"method": "fdr", "alpha": 0.05},
    }
    faults = faults_of(minimal(**sections))
    assert [fault.split(": ")[1] for fault in faults] == list(sections)


def test_a_contrast_of_a_formula_names_levels_that_its_factors_have() -> None:
    question = {"of": "subjects.weight", "formula": "group*center(age)", "method": "ols"}
    assert parse_study(minimal(questions__odd=question | {"tests": ["ethanol - water: age"]})).questions
    unlisted = {"formula": "group + sex", "tests": ["male - female"]}  # sex may be labels: its file tells
    assert parse_study(minimal(questions__odd=question | unlisted)).questions
    (fault,) = faults_of(minimal(questions__odd=question | {"tests": ["sucrose - water"]}))
    assert "questions.odd.tests: contrast 'sucrose - water'" in fault
    assert "group: water, ethanol" in fault
