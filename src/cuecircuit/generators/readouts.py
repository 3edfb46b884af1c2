"""What an observer reads off an animal in each phase: signs of withdrawal, breathing, overdose.

They are columns of a table of animals, so that a study file can ask about them as about any number of subjects.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.generators.animal_kernel import RECORD
from cuecircuit.generators.animals import Life, LivedSession
from cuecircuit.io.tables import ColumnNote
from cuecircuit.study.experiment import Operant

DANGER, DANGER_MIN = 0.2, 5
"""An overdose: less than this share of ventilation for as many minutes; assumed, no threshold of rats was found."""
READOUTS: Mapping[str, dict[str, str]] = {
    "aversive": {"Description": "Lowest felt state below 0 in the session, or in its counted window", "Units": "1"},
    "ventilation": {"Description": "Lowest minute of ventilation, of that without drugs", "Units": "%"},
    "overdose": {"Description": f"1: ventilation below {DANGER:.0%} for {DANGER_MIN} min (assumed); 0: not"},
}
"""Columns are named READOUT_PHASE, or READOUT_PHASE_TREATMENT."""


def read_out(lives: Sequence[Life], operant: Operant) -> tuple[pd.DataFrame, dict[str, ColumnNote]]:
    """Return a row of readouts for each animal, NaN in phases without sessions of its own, and notes on the columns.

    Args:
        lives: of the animals.
        operant: section of the study.
    """
    columns: dict[str, list[float]] = {}
    notes: dict[str, ColumnNote] = {}
    for name, phase in operant.phases.items():
        for treatment in phase.treatments or ("",):
            where = "_".join(filter(None, (name, treatment)))
            rows = [_of_phase(life, name, treatment) for life in lives]
            for readout, values in zip(READOUTS, zip(*rows, strict=True), strict=True):
                columns[f"{readout}_{where}"] = list(values)
                notes[f"{readout}_{where}"] = READOUTS[readout]
    return pd.DataFrame(columns), notes


def _of_phase(life: Life, phase: str, treatment: str) -> tuple[float, ...]:
    mine = [one for one in life.sessions if (one.plan.phase, one.plan.treatment) == (phase, treatment)]
    if not mine:
        return (np.nan,) * len(READOUTS)
    breathing = [_column(one, "ventilation") for one in mine]
    lowest_felt = min(float(_in_window(one, _column(one, "felt")).min()) for one in mine)
    overdose = any(is_overdose(readout) for readout in breathing)
    return max(-lowest_felt, 0.0), 100 * min(float(breaths.min()) for breaths in breathing), float(overdose)


def _column(session: LivedSession, name: str) -> Float[Array, "minute"]:
    return session.record[:, RECORD.index(name)]


def _in_window(session: LivedSession, values: Float[Array, "minute"]) -> Float[Array, "kept"]:
    if session.plan.window_s is None:
        return values
    start, stop = session.plan.window_s
    return values[start // 60 : -(-stop // 60)]


def is_overdose(ventilation: Float[Array, "minute"]) -> bool:
    """Return whether ventilation, minute by minute, is in danger for long enough."""
    below = np.concatenate([[0], (ventilation < DANGER).astype(int), [0]])
    edges = np.flatnonzero(np.diff(below))
    return bool((edges[1::2] - edges[::2] >= DANGER_MIN).any())
