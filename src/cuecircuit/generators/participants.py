"""The tables about the animals: participants.tsv and their body weights."""

from pathlib import Path

import pandas as pd

from cuecircuit.generators.experiment import Experiment
from cuecircuit.generators.rats import STRAIN
from cuecircuit.io.tables import write_table


def write_participants(folder: Path, experiment: Experiment) -> None:
    """Write participants.tsv and phenotype/body_weight.tsv, each with its JSON."""
    design = experiment.design
    hours = design.first("self_administration").access_h
    odors = [f"odor_{cue}" for cue in design.cues]
    rows = [
        (
            rat.participant,
            design.species,
            STRAIN,
            "M",
            rat.age_weeks,
            rat.weight_g,
            rat.group,
            *rat.odors,
            design.cues[rat.order],
        )
        for rat in experiment.rats
    ]
    notes = {
        "participant_id": "Name of the rat; the Subject field of the operant logs has it without `sub-`",
        "species": "Binomial name",
        "strain": "Strain",
        "sex": {"Description": "Sex", "Levels": {"M": "male"}},
        "age": {"Description": "Age at the first session", "Units": "week"},
        "weight_g": {"Description": "Body weight at the first session", "Units": "g"},
        design.group_column: {
            "Description": "Daily access to the drug during escalation",
            "Levels": {name: f"{hours[name]:g} h" for name in design.groups},
        },
        **{odor: f"Odor paired with {cue}" for odor, cue in zip(odors, design.cues, strict=True)},
        "first_cue": "Cue of run-1; the other one is that of run-2",
    }
    write_table(folder / "participants.tsv", pd.DataFrame(rows, columns=list(notes)), notes)
    _write_weights(folder / "phenotype" / "body_weight.tsv", experiment)


def _write_weights(path: Path, experiment: Experiment) -> None:
    rows = [
        (rat.participant, day.number, day.phase, day.session, weight)
        for rat, weights in zip(experiment.rats, experiment.weights, strict=True)
        for day, weight in zip(experiment.days, weights, strict=True)
    ]
    notes = {
        "participant_id": "Name of the rat",
        "day": "Day of the experiment, from 1",
        "phase": "Phase of the study",
        "session": "Day of the phase, from 1",
        "weight_g": {"Description": "Body weight before the session", "Units": "g"},
    }
    write_table(path, pd.DataFrame(rows, columns=list(notes)), notes)
