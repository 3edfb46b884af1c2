"""What a set of maps estimates: weights of contrasts over cells, slopes, names, and which scans enter."""

import pandas as pd
import pytest
import yaml

from cuecircuit.errors import DesignError
from cuecircuit.study.accounting import Accounting
from cuecircuit.study.acquisition import Blocks, Glm, Seed
from cuecircuit.study.expected import expected_rows
from cuecircuit.study.schema import Study
from cuecircuit.tables.map_plan import condition, conditions_of, held_conditions, runs_of, wanted_maps, word_of

STUDY = """
about: { title: Maps }
subjects: { species: Homo sapiens }
factors:
  strategy: [look, reappraise]
  picture: [neutral, food, drug]
  half: [early, late]
  dose: [low, high, none]
trials:
  cells:
    look_neutral: { strategy: look, picture: neutral }
    look_food: { strategy: look, picture: food }
    look_drug: { strategy: look, picture: drug }
    reappraise_food: { strategy: reappraise, picture: food }
    reappraise_drug: { strategy: reappraise, picture: drug }
    breath: { dose: low }
  parts: { half: { early: [1, 2], late: [3, 4] } }
  others: [button]
  measures: [craving]
scans: { task: t, tr_s: 2 }
space: { mask: mask.nii.gz, origin: MNI }
maps:
  task:
    kind: glm
    cells: [strategy, picture]
    hrf: spm
    contrasts:
      drug_food: drug - food
      change: "reappraise - look: drug"
      difference: "reappraise - look: drug - food"
      mean: 0.5*drug + 0.5*food - neutral
      drug: drug
    modulators: craving
questions:
  q: { of: contrasts.task, each: contrast, formula: "1", method: ols, tests: ["(Intercept)"] }
"""


def study(**changes: object) -> Study:
    """The study above with sections replaced."""
    return Study.model_validate(yaml.safe_load(STUDY)).model_copy(update=changes)


def glm(**settings: object) -> Glm:
    return Glm.model_validate({"kind": "glm", "cells": ["strategy", "picture"], "hrf": "spm", **settings})


def weights(text: str, **settings: object) -> dict[str, float]:
    made = wanted_maps(study(), "task", glm(contrasts={"one": text}, **settings))
    return dict(next(each.weights for each in made if each.keys == {"contrast": "one"}))


def test_maps_are_the_cells_that_occur_then_contrasts_then_slopes():
    maps = study().maps["task"]
    assert isinstance(maps, Glm)
    made = wanted_maps(study(), "task", maps)
    cells = ["look:neutral", "look:food", "look:drug", "reappraise:food", "reappraise:drug"]
    slopes = [f"{cell.replace(':', '_')}.craving" for cell in cells]
    assert [each.label for each in made[:5]] == cells
    assert made[2].keys == {"strategy": "look", "picture": "drug"}
    assert made[2].weights == {"look_drug": 1.0}
    assert [each.keys["contrast"] for each in made[5:]] == [*maps.contrasts, *slopes]
    assert made[-1].weights == {"reappraise_drug__craving": 1.0}
    assert made[-1].cells == ("reappraise_drug",)
    assert {each.table for each in made[5:]} == {"contrasts.task"}


def test_a_factor_that_is_not_named_is_averaged_over_the_cells_that_occur():
    assert weights("drug - food") == {
        "look_drug": 0.5,
        "reappraise_drug": 0.5,
        "look_food": -0.5,
        "reappraise_food": -0.5,
    }
    # nobody reappraises neutral pictures: the mean of one cell is that cell
    assert weights("drug - neutral") == {"look_drug": 0.5, "reappraise_drug": 0.5, "look_neutral": -1.0}
    thirds = pytest.approx(dict.fromkeys(["look_neutral", "look_food", "look_drug"], -1 / 3))
    assert {name: weight for name, weight in weights("reappraise - look").items() if weight < 0} == thirds


def test_levels_of_several_factors_multiply():
    assert weights("reappraise - look: drug") == {"reappraise_drug": 1.0, "look_drug": -1.0}
    assert weights("reappraise - look: drug - food") == {
        "reappraise_drug": 1.0,
        "look_drug": -1.0,
        "reappraise_food": -1.0,
        "look_food": 1.0,
    }


def test_coefficients_and_a_level_alone():
    assert weights("look: 0.5*drug + 0.5*food - neutral") == {"look_drug": 0.5, "look_food": 0.5, "look_neutral": -1.0}
    assert weights("drug") == {"look_drug": 0.5, "reappraise_drug": 0.5}
    assert weights("look") == pytest.approx(dict.fromkeys(["look_neutral", "look_food", "look_drug"], 1 / 3))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("reappraise - look: neutral", "no trial is reappraise and neutral"),
        ("high - low", "high"),
        ("drug - alcohol", "alcohol"),
    ],
)
def test_what_never_occurs_is_refused(text: str, why: str):
    with pytest.raises(DesignError, match=why):
        weights(text)


def test_a_level_that_no_trial_type_has_is_refused():
    maps = glm(cells=["dose"], contrasts={"one": "high - low"})
    with pytest.raises(DesignError, match="high"):
        wanted_maps(study(), "task", maps)


def test_trial_types_without_a_level_make_no_map():
    made = wanted_maps(study(), "task", glm(cells=["dose"]))
    assert [each.label for each in made] == ["low"]
    expected = expected_rows(study(), "maps.task", pd.DataFrame({"subject": ["01"]}))
    assert len(expected) == 5
    assert not expected.isna().any(axis=None)


def test_parts_of_a_scan_are_crossed_with_trial_types():
    made = wanted_maps(study(), "task", glm(cells=["half", "picture"], contrasts={"wane": "early - late: drug"}))
    assert len(made) == 7
    assert made[-1].weights == {"early_drug": 1.0, "late_drug": -1.0}
    rows = pd.DataFrame({"half": ["early", None], "picture": ["drug", "drug"]})
    within, beyond = conditions_of(rows, glm(cells=["half", "picture"]))
    assert within == "early_drug"
    assert beyond not in {name for each in made for name in each.weights}


def test_tables_list_slopes_as_contrasts_by_the_names_that_maps_have():
    whole = study()
    made = wanted_maps(whole, "task", whole.maps["task"])  # pyright: ignore[reportArgumentType]
    names = [each.keys["contrast"] for each in made if "contrast" in each.keys]
    assert list(Accounting(whole).levels("contrasts.task", "contrast")) == names
    expected = expected_rows(whole, "contrasts.task", pd.DataFrame({"subject": ["01"]}))
    assert list(expected["contrast"]) == names
    only = study(maps={"task": glm(modulators=["craving"])})
    assert "contrasts.task" in Accounting(only).tables


@pytest.mark.parametrize(
    ("cells", "contrasts", "why"),
    [
        ({"a": {"cue": "a-b"}, "b": {"cue": "a b"}}, {}, "map a-b and map a b would have the same files"),
        ({"a": {"cue": "a-b"}, "b": {"cue": "a_b"}}, {}, "the same columns of the model"),
        ({"a": {"cue": "drug"}, "b": {"cue": "food"}}, {"drug": "drug - food"}, "map drug and contrast drug"),
        ({"a": {"cue": "other_key"}}, {}, "map other_key and trial type key"),
    ],
)
def test_names_that_would_share_a_file_or_a_column_are_refused(cells, contrasts, why):
    levels = [levels["cue"] for levels in cells.values()]
    whole = study()
    assert whole.trials is not None
    trials = whole.trials.model_copy(update={"cells": cells, "others": ("key",), "parts": {}})
    cue = whole.factors["dose"].model_copy(update={"levels": tuple(levels)})
    with pytest.raises(DesignError, match=why):
        wanted_maps(
            whole.model_copy(update={"trials": trials, "factors": {"cue": cue}}),
            "task",
            glm(cells=["cue"], contrasts=contrasts),
        )


def test_regions_are_seeds_whatever_their_name():
    maps = Seed.model_validate({"kind": "seed", "seeds": ["Amygdala nuclei", "Insula"]})
    assert [each.keys for each in wanted_maps(study(), "rest", maps)] == [
        {"seed": "Amygdala nuclei"},
        {"seed": "Insula"},
    ]
    assert held_conditions(pd.DataFrame(), maps) == {"Amygdala nuclei", "Insula"}


def test_labels_become_words_that_begin_with_a_letter():
    assert word_of("CS+") == "CS_"
    assert word_of("2-back") == "c2_back"
    assert condition(["saline", "early"]) == "saline_early"


def test_a_scan_holds_slopes_of_measures_that_vary():
    rows = pd.DataFrame(
        {
            "strategy": "look",
            "picture": ["drug", "drug", "food", "food", "neutral"],
            "craving": [1.0, 4.0, 0.1, 0.1, None],
        }
    )
    assert held_conditions(rows, glm(modulators=["craving"])) == {
        "look_drug",
        "look_food",
        "look_neutral",
        "look_drug__craving",
    }
    blocks = Blocks.model_validate({"kind": "blocks", "cells": "picture", "baseline_s": [-4, 0], "window_s": [4, 8]})
    assert held_conditions(rows, blocks) == {"drug", "food", "neutral"}


@pytest.mark.parametrize(
    ("held", "enter"),
    [
        (["ab", "ab"], (True, True)),
        (["ab", "a", "abc"], (True, False, True)),
        (["a", "b", "c"], (True, True, False)),
        (["a", "b", "a"], (True, True, True)),
        (["a", "a"], (False, False)),
        (["", "b"], (False, False)),
        ([], ()),
    ],
)
def test_scans_enter_whole_or_as_parts_that_add_up(held, enter):
    assert runs_of("ab", held) == enter


def test_parts_that_overlap_are_not_added():
    assert runs_of("abc", ["ab", "bc"]) == (False, False)
