"""`simulate_declared`: bytes, files, edited designs, and what it refuses."""

from hashlib import sha256
from pathlib import Path

import pytest

from cuecircuit.errors import DataError, StudyError
from cuecircuit.io.tables import read_json, read_table
from cuecircuit.simulation.columns import columns_of
from cuecircuit.simulation.declared import plan_world, simulate_declared
from cuecircuit.simulation.faults import study_faults

from .conftest import NAMES, design_text

SMALL = {
    "alcohol_mice": {"simulation.n": {"water": 2, "sucrose": 2, "ethanol": 3}},
    "cocaine_sessions": {"simulation.n": {"cocaine": 2, "yoked": 2}},
    "smokers_two_sessions": {"simulation.n": {"all": 3}},
    "pet_displacement": {"simulation.n": {"light": 2, "heavy": 2}},
}


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_jobs(tmp_path, design, name):
    study, text = design(name, SMALL[name]), design_text(name)
    first, again = (tmp_path / part for part in ("first", "again"))
    simulate_declared(study, text, first, seed=3, scale="tiny")
    simulate_declared(study, text, again, seed=3, scale="tiny", n_jobs=2)
    assert hashes(first) == hashes(again)
    assert (first / "study.yaml").read_text(encoding="utf-8") == text
    about = read_json(first / "dataset_description.json")
    assert about["Simulated"] == {"seed": 3, "hypothesis": next(iter(study.simulation.hypotheses)), "scale": "tiny"}
    assert about["Name"].startswith("Simulated study:")


def test_another_seed_or_hypothesis_gives_other_data(tmp_path, design):
    study = design("alcohol_mice", SMALL["alcohol_mice"])
    made = {}
    for name, settings in (("one", {}), ("two", {"seed": 1}), ("null", {"hypothesis": "null"})):
        simulate_declared(study, "", tmp_path / name, scale="tiny", **settings)
        made[name] = {file: own for file, own in hashes(tmp_path / name).items() if file.startswith("sourcedata")}
    for name in ("two", "null"):
        assert not set(made["one"].values()) & set(made[name].values())
    assert read_json(tmp_path / "null" / "truth" / "settings.json")["effects"] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_the_study_names_is_there(tmp_path, design, name):
    study = design(name, SMALL[name])
    done: list[int] = []
    out = simulate_declared(study, design_text(name), tmp_path / "study", scale="tiny", progress=done.append)
    folder = out.parent
    space = study.space.model_dump() if study.space else {}
    named = [space[key] for key in ("mask", "anatomy", "atlas", "labels") if space.get(key)]
    named += [study.subjects.participants, *study.subjects.tables]
    named += [maps.table for maps in study.maps.values() if maps.kind == "given"]
    assert [file for file in named if not (folder / file).is_file()] == []
    if study.operant is not None:
        assert list(folder.glob(study.operant.logs))
    truth = read_table(folder / "truth" / "questions.tsv")
    assert set(truth["question"]) <= set(study.questions)
    assert "yes" in set(truth["planted"])
    assert sum(done) == settings_scans(folder)


def settings_scans(folder: Path) -> int:
    return read_json(folder / "truth" / "settings.json")["scans"]


EDITED = {
    "another group": (
        "cocaine_sessions",
        {
            "factors.group": {"levels": ["yoked", "cocaine", "heroin"]},
            "drugs.heroin": {"dose_mg_kg": 0.06, "route": "i.v."},
            "operant.phases.training.delivers": {"yoked": "saline", "cocaine": "cocaine", "heroin": "heroin"},
            "operant.phases.training.access_h": {"yoked": 6, "cocaine": 6, "heroin": 12},
            "simulation.n": {"cocaine": 2, "yoked": 2, "heroin": 2},
        },
    ),
    "a fourth cue": (
        "cocaine_sessions",
        {"factors.cue": ["neutral", "sucrose", "cocaine", "novel"], "simulation.n": {"cocaine": 2, "yoked": 2}},
    ),
    "a third session": (
        "smokers_two_sessions",
        {
            "factors.session": ["sated", "abstinent", "relapsed"],
            "simulation.n": {"all": 3},
            "simulation.missing": {"session=relapsed": 0.3},
        },
    ),
    "no atlas": (
        "cocaine_sessions",
        {
            "space.atlas": None,
            "space.labels": None,
            "regions": {},
            "questions.pairs": None,
            "questions.intake_and_response": None,
            "simulation.n": {"cocaine": 2, "yoked": 2},
        },
    ),
    "runs as a key, several echoes": (
        "smokers_two_sessions",
        {"scans.runs": "key", "scans.echo": "2", "simulation.n": {"all": 2}, "simulation.missing": {}},
    ),
    "no tables of visits": ("smokers_two_sessions", {"subjects.tables": [], "simulation.n": {"all": 2}}),
    "a table of scans": (
        "cocaine_sessions",
        {
            "scans": {"task": "cues", "tr_s": 1.5, "table": "lists/scans.tsv"},
            "simulation.n": {"cocaine": 2, "yoked": 2},
        },
    ),
    "finite impulse responses": (
        "cocaine_sessions",
        {"maps.task.hrf": "fir", "nuisance.acompcor": 3, "simulation.n": {"cocaine": 2, "yoked": 2}},
    ),
}


@pytest.mark.parametrize("edit", EDITED)
def test_edited_designs_are_written_as_well(tmp_path, design, edit):
    name, edits = EDITED[edit]
    study = design(name, edits)
    out = simulate_declared(study, design_text(name), tmp_path / "study", scale="tiny", seed=0)
    people = read_table(out.parent / "participants.tsv")
    assert len(people) == sum(study.simulation.n.values())
    truth = out.parent / "truth" / "cells" / "maps.task.tsv"
    cells = read_table(truth)
    if edit == "another group":
        assert set(cells["group"]) == {"yoked", "cocaine", "heroin"}
    if edit == "a fourth cue":
        assert set(cells["cue"]) == set(study.factors["cue"].levels)
        assert not cells.query("cue == 'novel'")["expected"].any()
    if edit == "a third session":
        assert set(cells["session"]) == set(study.factors["session"].levels)
    if edit == "no atlas":
        assert not (out.parent / "templates" / "atlas.tsv").exists()
        assert "Insula" in set(cells["region"])  # planted all the same
    if edit == "runs as a key, several echoes":
        assert len(list(out.parent.glob("derivatives/fmriprep/**/*_echo-2_*desc-preproc_bold.nii.gz"))) == 8
    if edit == "no tables of visits":
        own = read_table(out.parent / "sub-01" / "sub-01_sessions.tsv")
        assert list(own) == ["session_id", "urge"]
    if edit == "a table of scans":
        from cuecircuit.io.bids import read_scan_table

        assert len(read_scan_table(out.parent / "lists" / "scans.tsv")) == 8


def test_what_was_given_at_a_visit_takes_turns_and_fits_the_order(design):
    edits = {
        "factors.session": ["1", "2"],
        "factors.given": {"levels": ["placebo", "naltrexone"], "names": "session"},
        "factors.order": ["placebo_first", "naltrexone_first"],
        "simulation.n": {"all": 8},
        "simulation.missing": {},
        "simulation.effects": {"blunts": {"in": "trials.craving", "by": "given", "add": {"naltrexone": -1}}},
        "simulation.hypotheses": {"blunting": ["blunts"]},
    }
    world = plan_world(design("smokers_two_sessions", edits), seed=0, scale="tiny")
    cohort = world.planting.cohort
    first = cohort.visits.query("session == '1'").set_index("subject")["given"]
    order = cohort.subjects.set_index("subject")["order"]
    assert (first + "_first" == order).all()
    assert order.value_counts().tolist() == [4, 4]
    craving = world.drawn.responses["trials.craving"]
    assert set(craving.query("given == 'naltrexone'")["expected"]) == {4.0}


FAULTS = [
    (
        "alcohol_mice",
        {"simulation.n": {"water": 10, "juice": 3}},
        r"simulation\.n: no factor has the levels water, juice",
    ),
    ("alcohol_mice", {"simulation.n": {"water": 1, "ethanol": 3}}, r"simulation\.n\.water: 1 subjects have no spread"),
    ("alcohol_mice", {"simulation.missing": {"visit=2": 0.2}}, r"'visit' is no key of a table"),
    (
        "alcohol_mice",
        {"simulation.missing": {"phase=drink": 0.2}},
        r"'drink' is no level of phase; did you mean drinking",
    ),
    ("alcohol_mice", {"simulation.base": []}, r"derived\.drunk: asks about operant\.infusions, which has no base"),
    ("alcohol_mice", {"operant.source": "source.yaml"}, r"operant\.source: MED-PC files are written"),
    ("alcohol_mice", {"subjects.exclude": {"017": "braces"}}, r"subjects\.exclude: 017 is no simulated subject"),
    (
        "alcohol_mice",
        {"simulation.hypotheses": {"a": ["tast"]}},
        r"hypotheses\.a: 'tast' is no effect; did you mean taste",
    ),
    (
        "alcohol_mice",
        {"simulation.effects.taste.where": {"phase": "drunk"}},
        r"taste\.where\.phase: 'drunk' is no level",
    ),
    (
        "alcohol_mice",
        {"simulation.effects.taste.by": "flavor"},
        r"effects\.taste: 'flavor' is no key of operant\.infusions",
    ),
    (
        "alcohol_mice",
        {"simulation.effects.taste.add": {"watr": 2}},
        r"taste\.add: 'watr' is no level of group here; did you",
    ),
    ("alcohol_mice", {"simulation.effects.taste.add": {"water": -2}}, r"-2 multiplies a count; give 0 or more"),
    (
        "alcohol_mice",
        {"simulation.effects.taste.add": {"water": {"1": 2}}},
        r"expected a tree with a level for each of by",
    ),
    ("alcohol_mice", {"simulation.effects.taste.add": "taste.tsv"}, r"'taste\.tsv' is no table beside the study file"),
    (
        "alcohol_mice",
        {"simulation.effects.seekers.add": 0.99},
        r"takes more variance than lies between subjects; at most 0\.8",
    ),
    (
        "alcohol_mice",
        {"simulation.effects.relapse.where": {"phase": "drinking"}},
        r"'drinking' is no level of phase here",
    ),
    (
        "pet_displacement",
        {"simulation.effects.follows.slope_on": "subjects.iq"},
        r"goes back to subjects\.iq, which has no",
    ),
    (
        "smokers_two_sessions",
        {
            "derived.first": {"of": "regions.atlas", "where": {"region": "SMA"}, "over": "session", "how": "first"},
            "simulation.effects.follows.slope_on": "derived.first",
        },
        r"slope_on regions\.atlas: goes back to contrasts\.task, which is not drawn",
    ),
    ("cocaine_sessions", {"preprocess": {}}, r"preprocess: simulated scans lie in the space of the maps"),
    ("cocaine_sessions", {"scans": None}, r"scans: missing; maps\.task is made from scans"),
    ("cocaine_sessions", {"simulation": None}, r"simulation: missing"),
]


@pytest.mark.parametrize(("name", "edits", "message"), FAULTS)
def test_what_cannot_be_simulated_is_named_before_anything_is_written(tmp_path, design, name, edits, message):
    study = design(name, edits)
    with pytest.raises(StudyError, match=message):
        simulate_declared(study, "", tmp_path / "out", scale="tiny")
    assert not (tmp_path / "out").exists()


def test_all_faults_come_at_once(tmp_path, design):
    edits = {"simulation.base": [], "subjects.exclude": {"1": "x"}, "simulation.missing": {"visit=2": 0.1}}
    with pytest.raises(StudyError) as caught:
        simulate_declared(design("alcohol_mice", edits), "", tmp_path / "out", scale="tiny")
    assert len(caught.value.faults) == 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hypothesis": "rivals"}, "hypothesis 'rivals' is unknown; expected one of: seeking, taste_alone, null"),
        ({"scale": "huge"}, "scale 'huge' is unknown; expected one of: tiny, paper"),
        ({"seed": -1}, "seed -1 is negative"),
    ],
)
def test_unknown_settings_are_refused(tmp_path, design, settings, message):
    with pytest.raises(StudyError, match=message):
        simulate_declared(design("alcohol_mice"), "", tmp_path / "out", **({"scale": "tiny"} | settings))


def test_a_folder_with_files_is_kept(tmp_path, design):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="exists and is not an empty folder"):
        simulate_declared(design("alcohol_mice"), "", tmp_path, scale="tiny")


def test_what_a_killed_simulation_left_is_swept(tmp_path, design):
    (tmp_path / ".unfinished-a1b2c3d4" / "study").mkdir(parents=True)
    simulate_declared(design("alcohol_mice", SMALL["alcohol_mice"]), "", tmp_path / "study", scale="tiny")
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_a_table_of_effects_is_read_beside_the_study_file_and_goes_along(tmp_path, design):
    (tmp_path / "effects.tsv").write_text("group\tday\tadd\nethanol\t12\t3\n")
    edits = SMALL["alcohol_mice"] | {"simulation.effects.rise.add": "effects.tsv", "simulation.effects.rise.by": []}
    study = design("alcohol_mice", edits)
    out = simulate_declared(study, "", tmp_path / "out", scale="tiny", beside=tmp_path)
    cells = read_table(out.parent / "truth" / "cells" / "operant.infusions.tsv")
    assert cells.query("effect_rise != 1")[["group", "day", "expected"]].to_numpy().tolist() == [["ethanol", 12, 90.0]]
    assert (out.parent / "effects.tsv").is_file()


def test_numbers_are_levels_of_effects_by_several_keys(design):
    rise = {"in": "operant.infusions", "where": {"phase": "drinking"}, "by": ["group", "day"]}
    added = {"simulation.effects.rise": {**rise, "add": {"ethanol": {2: 1.5, 3: 2.0}}}}
    drawn = plan_world(design("alcohol_mice", {**SMALL["alcohol_mice"], **added}), seed=1, scale="tiny").drawn
    rows = drawn.responses["operant.infusions"].query("phase == 'drinking' and group == 'ethanol'")
    means = rows.groupby("day")["expected"].mean()
    assert (means / means.iloc[0]).iloc[:4].tolist() == pytest.approx([1, 1.5, 2, 1])


def test_another_set_of_maps_of_the_same_scans_needs_no_base(design):
    blocks = {"kind": "blocks", "cells": ["cue"], "baseline_s": [-6, 0], "window_s": [3, 15]}
    question = {"of": "maps.blocks", "between": "group", "within": ["cue", "session"]}
    study = design("cocaine_sessions", {"maps.blocks": blocks, "questions.blocks": question})
    assert list(study_faults(study, columns_of(study))) == []
    study = design("cocaine_sessions", {"maps.blocks": blocks, "questions.blocks": question, "simulation.base": []})
    assert any("maps.blocks, which has no base" in fault for fault in study_faults(study, columns_of(study)))
