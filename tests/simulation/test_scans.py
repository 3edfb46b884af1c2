"""Scans, events and confounds of a simulated study, read by the program's readers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cuecircuit.imaging.first_level import fit_first_level
from cuecircuit.imaging.respiration import block_rates, find_breaths, plausible_rates
from cuecircuit.io.bids import find_derivatives, find_scans, read_motion
from cuecircuit.io.confounds import read_confounds
from cuecircuit.io.events import read_events
from cuecircuit.io.nifti import read_atlas, read_mask, read_series, read_volume
from cuecircuit.io.physio import read_respiration
from cuecircuit.io.rabies import find_rabies
from cuecircuit.io.tables import read_table
from cuecircuit.records.scan import Block, Series
from cuecircuit.simulation.declared import plan_world
from cuecircuit.simulation.places import amplitude_volume, draw_place
from cuecircuit.simulation.series import seed_percent, task_percent
from cuecircuit.simulation.trial_plan import draw_events, timing_of
from cuecircuit.simulation.write import write_dataset


def written(folder, study, seed=2):
    world = plan_world(study, seed=seed, scale="tiny")
    write_dataset(folder, world, "", n_jobs=1, progress=lambda done: None)
    return world


@pytest.fixture(scope="module")
def rats(tmp_path_factory, design):
    folder = tmp_path_factory.mktemp("rats")
    return folder, written(folder, design("cocaine_sessions", {"simulation.n": {"cocaine": 2, "yoked": 2}}))


@pytest.fixture(scope="module")
def smokers(tmp_path_factory, design):
    folder = tmp_path_factory.mktemp("smokers")
    return folder, written(folder, design("smokers_two_sessions", {"simulation.n": {"all": 3}}))


@pytest.mark.parametrize("name", ["cocaine_sessions", "smokers_two_sessions"])
def test_without_noise_the_first_level_gives_the_amplitudes_back(worlds, name):
    world = worlds(name)
    plan, place = world.scans, world.place
    maps, tr_s = plan.study.maps["task"], plan.study.scans.tr_s
    events = plan.trials[world.keys[0].words].query("number == number")
    cells = list(dict.fromkeys(events["trial_type"]))
    rng = np.random.default_rng(0)
    sizes = [dict(zip(place.regions, rng.normal(1, 1, len(place.regions)), strict=True)) for _ in cells]
    number = events["trial_type"].map({cell: k for k, cell in enumerate(cells)}).to_numpy(int)
    percent = task_percent(place, events, number, sizes, hrf=maps.hrf, tr_s=tr_s, volumes=plan.volumes)
    data = np.zeros((*place.brain.mask.shape, plan.volumes))
    data[place.brain.mask] = 1000 * (1 + percent / 100)
    series = Series(data=data.astype(np.float32), grid=place.brain.grid, tr_s=tr_s)
    found = fit_first_level(
        series,
        events,
        {cell: cell for cell in cells},
        mask=place.brain.mask,
        hrf=maps.hrf,
        noise="ols",
        drift_period_s=None,
    )
    for cell, size in zip(cells, sizes, strict=True):
        wanted = amplitude_volume(place, size, 0.0)
        # percent of each voxel's own mean, which the responses raise: found / planted is 1000 / mean
        mean = data[place.brain.mask].mean(axis=1) / 1000
        np.testing.assert_allclose(found[cell].effect * mean, wanted, atol=2e-3)


def test_rabies_outputs_are_found_with_motion_tissue_means_and_events(rats):
    folder, world = rats
    scans = find_rabies(folder, folder / "derivatives" / "rabies", task="cues")
    assert {(scan.subject, scan.session, scan.run) for scan in scans} == {
        (key.subject, key.session, None) for key in world.keys
    }
    assert {scan.tr_s for scan in scans} == {1.5}
    mask, grid = read_mask(folder / "templates" / "mask.nii.gz")
    for scan in scans[:2]:
        series = read_series(scan.bold)
        assert series.grid.same_as(grid)
        assert series.tr_s == pytest.approx(1.5)
        assert len(read_motion(scan.confounds)) == series.data.shape[3] == world.scans.volumes
        table = pd.read_csv(scan.confounds)
        white = series.data[world.place.brain.white_matter].mean(axis=0)
        np.testing.assert_allclose(table["WM_signal"], white, rtol=1e-6)
        assert "CSF_signal" in table
        events = read_events(scan.events, scan_s=world.scans.volumes * 1.5)
        assert events["trial_type"].value_counts()[["neutral", "sucrose", "cocaine"]].tolist() == [4, 4, 4]
        assert (events["onset"].diff().dropna() > 0).all()
        end = events["onset"] + events["duration"]
        assert (events["onset"][1:].to_numpy() >= end[:-1].to_numpy()).all()
    labels = read_table(folder / "templates" / "atlas.tsv")
    atlas = read_atlas(folder / "templates" / "atlas.nii.gz", dict(zip(labels["index"], labels["name"], strict=True)))
    assert "Insula" in atlas.names.values()
    assert ((atlas.labels > 0) <= mask).all()


def test_fmriprep_outputs_are_found_by_space_and_resolution(smokers):
    folder, world = smokers
    scans = find_derivatives(folder, folder / "derivatives" / "fmriprep", task="pictures")
    assert {(scan.entities["space"], scan.entities["res"]) for scan in scans} == {("MNI152NLin2009cAsym", "2")}
    assert len(scans) == len(world.keys) == 2 * (3 + 2)  # two runs; one subject has one session
    assert {scan.run for scan in scans} == {1, 2}
    drawn = world.drawn.responses["trials.craving"]
    for scan in scans[:3]:
        confounds = read_confounds(scan.confounds)
        assert {"trans_x", "rot_z", "framewise_displacement", "csf", "white_matter"} <= set(confounds)
        assert len(confounds["trans_x"]) == read_series(scan.bold).data.shape[3]
        events = read_events(scan.events)
        own = drawn.query("subject == @scan.subject and session == @scan.session and run == @scan.run")
        np.testing.assert_allclose(events["craving"].dropna(), own["value"], atol=6e-5)
        assert events.loc[events["trial_type"] == "button", "craving"].isna().all()
    urge = read_table(folder / "phenotype" / "urge.tsv")
    assert len(urge) == 5
    np.testing.assert_allclose(urge["urge"], world.drawn.responses["visits.urge"]["value"], atol=6e-5)


def test_raw_scans_have_breathing_at_the_rate_of_each_trial(tmp_path, design):
    edits = {
        "simulation.n": {"cocaine": 2, "yoked": 2},
        "factors.block": ["early", "late"],
        "trials": {"cells": "cue", "breathing": "respiration", "parts": {"block": {"early": [1], "late": [2]}}},
        "scans": {"task": "cues", "tr_s": 1.5},
        "nuisance": {"motion": 6},
        "maps": {
            "task": {
                "kind": "blocks",
                "cells": ["cue", "block"],
                "baseline_s": [-20, 0],
                "window_s": [4, 30],
                "carry": ["respiration"],
            }
        },
        "questions": {
            "breathing": {
                "of": "trials.respiration",
                "average": ["trial", "session"],
                "between": "group",
                "within": ["cue", "block"],
            }
        },
        "regions": {},
        "derived": {},
        "figures": {},
        "simulation.base": [
            {"in": "trials.respiration", "mean": 85, "between_sd": 6, "within_sd": 3},
            {"in": "maps.task", "mean": 0, "between_sd": 0.5, "within_sd": 0.3},
        ],
        "simulation.effects": {"faster": {"in": "trials.respiration", "where": {"cue": "cocaine"}, "add": 12}},
        "simulation.hypotheses": {"breath": ["faster"]},
    }
    world = written(tmp_path, design("cocaine_sessions", edits))
    scans = find_scans(tmp_path, task="cues")
    assert len(scans) == 8
    drawn = world.drawn.responses["trials.respiration"]
    off = []
    for scan in scans:
        assert scan.confounds is not None
        events = read_events(scan.events)
        trace = read_respiration(scan.physio, tmp_path)
        blocks = [Block(onset_s=row.onset, duration_s=row.duration, cue=row.trial_type) for row in events.itertuples()]
        rates = block_rates(find_breaths(trace, plausible_rates("rat")), blocks).per_min
        own = drawn.query("subject == @scan.subject and session == @scan.session")["value"]
        off += (rates - own.to_numpy()).tolist()
    # wander of 3 % of 85 per minute, with a memory of 40 s, over blocks of 30 s
    assert np.mean(off) == pytest.approx(0, abs=1.5)
    assert np.std(off) < 4


def test_a_scan_of_a_stated_length_is_filled_and_one_too_short_is_refused(design):
    from cuecircuit.errors import StudyError

    study = design("cocaine_sessions", {"scans.volumes": 300})
    timing = timing_of(study, "rodent", "tiny")
    events = draw_events(study, timing, np.random.default_rng(0))
    assert timing.volumes == 300
    assert 0.8 * 450 < events["onset"].max() + events["duration"].iloc[-1] <= 450 - timing.tail_s + 1e-6
    with pytest.raises(StudyError, match=r"scans\.volumes: 12 volumes"):
        timing_of(design("cocaine_sessions", {"scans.volumes": 12}), "rodent", "tiny")


def test_seeds_correlate_with_their_region_as_planted(design):
    place = draw_place(design("cocaine_sessions"), "tiny")
    z = {"Insula": dict.fromkeys(place.regions, 0.0) | {"Hippocampus": 0.8, "Habenula": -0.5}}
    rng = np.random.default_rng(3)
    percent = seed_percent(place, z, 20_000, rng)
    labels, names = place.voxel_labels(), {name: number for number, name in place.brain.atlas.names.items()}
    sd = 100 / place.brain.tsnr[place.brain.mask]
    noisy = percent + sd[:, None] * rng.standard_normal(percent.shape, dtype=np.float32)
    seed = noisy[labels == names["Insula"]].mean(axis=0)
    for region, wanted in (("Hippocampus", 0.8), ("Habenula", -0.5), ("S1/S2", 0.0)):
        found = [np.arctanh(np.corrcoef(seed, voxel)[0, 1]) for voxel in noisy[labels == names[region]][:10]]
        # the mean of the seed's voxels still holds a little noise of its own, which shrinks z by about a hundredth
        assert np.mean(found) == pytest.approx(wanted, abs=0.03)


def test_given_maps_hold_the_drawn_value_of_each_region(tmp_path, design):
    world = written(tmp_path, design("pet_displacement", {"simulation.n": {"light": 2, "heavy": 2}}))
    table = read_table(tmp_path / "derivatives" / "pet" / "maps.tsv", text=("subject",))
    assert list(table) == ["subject", "challenge", "map"]
    labels = world.place.brain.atlas
    drawn = world.drawn.responses["maps.binding"].set_index(["subject", "challenge", "region"])["value"]
    number = {name: label for label, name in labels.names.items()}["ventral striatum"]
    inside = labels.labels == number
    off = [
        read_volume(tmp_path / "derivatives" / "pet" / row.map)[0][inside].mean()
        - drawn[row.subject, row.challenge, "ventral striatum"]
        for row in table.itertuples()
    ]
    assert np.abs(off).max() < 0.3  # smooth noise of SD .12 over few voxels
    people = read_table(tmp_path / "participants.tsv")
    assert {"group", "sex", "age"} <= set(people)
    assert list(read_table(tmp_path / "phenotype" / "audit.tsv")) == ["participant_id", "audit"]


def test_regions_that_no_atlas_knows_get_a_place_of_their_own(design):
    study = design("cocaine_sessions")
    effects = study.simulation.effects["incubation"].model_copy(update={"where": {"region": ("claustrum", "Insula")}})
    simulation = study.simulation.model_copy(update={"effects": {"one": effects}})
    place = draw_place(study.model_copy(update={"simulation": simulation}), "tiny")
    plain = draw_place(study, "tiny")
    assert place.regions == (*plain.regions, "claustrum")
    own = place.brain.atlas.labels == len(place.regions)
    assert own.sum() >= 2
    assert not (own & (plain.brain.atlas.labels > 0)).any()
    assert replace(plain, brain=plain.brain).regions == plain.regions


def test_the_mean_of_a_person_shows_ventricles_white_matter_and_sulci(smokers):
    folder, world = smokers
    brain = world.place.brain
    scan = find_derivatives(folder, folder / "derivatives" / "fmriprep", task="pictures")[0]
    mean = read_series(scan.bold).data.mean(axis=3)
    gray = brain.mask & ~brain.white_matter & ~brain.ventricles

    assert mean[brain.white_matter].mean() < 0.9 * mean[gray].mean()
    assert mean[brain.ventricles].mean() > 1.25 * mean[gray].mean()
    assert mean[gray].std() > 0.03 * mean[gray].mean()
