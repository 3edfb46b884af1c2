"""What the animals of the mechanism were and became, beside the data."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.generators.animals import OUTCOMES, Life
from cuecircuit.generators.circuit import CLASSES, INPUTS, LARGEST, PATHS, circuit_of
from cuecircuit.generators.experiment import Experiment
from cuecircuit.generators.mechanism import WORLDS, Lived
from cuecircuit.generators.parameters import PARAMETERS
from cuecircuit.io.tables import write_json, write_table


def write_mechanism(folder: Path, experiment: Experiment, lived: Lived) -> None:
    """Write parameters, animals, cue values and paths.

    Raises:
        DataError: the place cannot be written.
    """
    names = [rat.participant for rat in experiment.rats]
    write_lives(folder, dict(zip(names, lived.lives, strict=True)), lived.parameters, lived.cues)
    write_parameters(folder / "parameters.tsv", experiment.design.parameters)
    world, circuit = WORLDS[experiment.hypothesis], circuit_of(experiment.hypothesis)
    write_json(
        folder / "mechanism.json",
        {
            "world": {name: getattr(world, name) for name in world.__slots__},
            "gain_of_paths": circuit.gain,
            "paths": [
                {"from": source, "to": target, "rank": rank, "source": by}
                for (source, target), (rank, by) in PATHS.items()
            ],
            "drives": {
                name: dict(zip(INPUTS, row, strict=True))
                for name, row in zip(CLASSES, circuit.drives.tolist(), strict=True)
            },
            "drives_source": "fitted to Table 1 of Carmack et al. 2019",
            "largest_response_percent": LARGEST,
        },
    )


def write_parameters(path: Path, given: Mapping[str, float]) -> None:
    """Write the median and spread of every parameter; `given` are those of the study file.

    Raises:
        DataError: the place cannot be written.
    """
    rows = [
        (
            one.name,
            one.unit,
            given.get(one.name, one.value),
            one.sd,
            "study file" if one.name in given else "assumed",
            one.meaning,
            one.by,
        )
        for one in PARAMETERS
    ]
    notes = {
        "parameter": "Name in the study file, under simulation.parameters",
        "unit": "Unit of the median",
        "median": "Median of the animals",
        "sd": "SD of the logarithm between animals",
        "source": "Who says so",
        "meaning": "What it is",
        "by": "What the number or its role follows",
    }
    write_table(path, pd.DataFrame(rows, columns=list(notes)), notes)


def write_lives(
    folder: Path,
    lives: Mapping[str, Life],
    parameters: Mapping[str, Float[Array, "subject"]],
    cues: Sequence[str],
) -> None:
    """Write what the animals are, and what odors and sessions came to mean to them.

    Args:
        folder: where to.
        lives: of each animal, by participant_id.
        parameters: of the animals.
        cues: in the order of the odors' values.

    Raises:
        DataError: the place cannot be written.
    """
    animals = [
        (name, life.scan_strength, *(float(values[number]) for values in parameters.values()))
        for number, (name, life) in enumerate(lives.items())
    ]
    notes = {
        "participant_id": "Name of the rat",
        "strength": "Strength of the opponent process on the day of the scans, 0 to 1",
        **{one.name: {"Description": one.meaning, "Units": one.unit} for one in PARAMETERS},
    }
    write_table(folder / "animals.tsv", pd.DataFrame(animals, columns=list(notes)), notes)
    values = [
        (name, session.plan.date, cue, *values[:, number].tolist())
        for name, life in lives.items()
        for session, values in zip(life.sessions, life.values, strict=True)
        for number, cue in enumerate(cues)
    ]
    notes = {
        "participant_id": "Name of the rat",
        "day": "Day of the experiment, from 1",
        "cue": "Cue whose odor it is",
        **{name: f"V of the odor as a sign of {name}, after the day" for name in OUTCOMES},
    }
    write_table(folder / "cue_values.tsv", pd.DataFrame(values, columns=list(notes)), notes)
