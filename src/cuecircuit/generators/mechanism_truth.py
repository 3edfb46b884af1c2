"""What the animals of the mechanism were and became, beside the data."""

from pathlib import Path

import pandas as pd

from cuecircuit.generators.animals import OUTCOMES
from cuecircuit.generators.circuit import PATHS, TAU_S
from cuecircuit.generators.experiment import Experiment
from cuecircuit.generators.mechanism import WORLDS, Lived
from cuecircuit.generators.parameters import PARAMETERS
from cuecircuit.io.tables import write_json, write_table


def write_mechanism(folder: Path, experiment: Experiment, lived: Lived) -> None:
    """Write parameters, animals, cue values and paths.

    Raises:
        DataError: the place cannot be written.
    """
    _write_parameters(folder / "parameters.tsv", experiment)
    _write_animals(folder / "animals.tsv", experiment, lived)
    _write_values(folder / "cue_values.tsv", experiment, lived)
    world = WORLDS[experiment.hypothesis]
    write_json(
        folder / "mechanism.json",
        {
            "policy": lived.policy,
            "learning": lived.learning,
            "world": {name: getattr(world, name) for name in world.__slots__},
            "paths_between_regions": [
                {"from": source, "to": target, "size": size, "source": "assumed"}
                for (source, target), size in PATHS.items()
            ],
            "paths_from_inputs": "from Table 1 of Carmack et al. 2019 (paper), by inputs that are assumed",
            "time_constant_s": TAU_S,
        },
    )


def _write_parameters(path: Path, experiment: Experiment) -> None:
    given = experiment.design.parameters
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


def _write_animals(path: Path, experiment: Experiment, lived: Lived) -> None:
    rows = [
        (rat.participant, life.scan_dependence, *(float(values[number]) for values in lived.parameters.values()))
        for number, (rat, life) in enumerate(zip(experiment.rats, lived.lives, strict=True))
    ]
    notes = {
        "participant_id": "Name of the rat",
        "dependence": "Dependence on the day of the scans, 0 to 1",
        **{one.name: {"Description": one.meaning, "Units": one.unit} for one in PARAMETERS},
    }
    write_table(path, pd.DataFrame(rows, columns=list(notes)), notes)


def _write_values(path: Path, experiment: Experiment, lived: Lived) -> None:
    rows = [
        (rat.participant, session.day, cue, *values[:, number].tolist())
        for rat, life in zip(experiment.rats, lived.lives, strict=True)
        for session, values in zip(life.sessions, life.values, strict=True)
        for number, cue in enumerate(experiment.design.cues)
    ]
    notes = {
        "participant_id": "Name of the rat",
        "day": "Day of the experiment, from 1",
        "cue": "Cue whose odor it is",
        **{name: f"V of the odor as a sign of {name}, after the day" for name in OUTCOMES},
    }
    write_table(path, pd.DataFrame(rows, columns=list(notes)), notes)
