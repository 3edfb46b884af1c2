"""What was planted, beside the data: for checking an analysis, never for use in one."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.generators import atlas_places as places
from cuecircuit.generators import bold, breathing
from cuecircuit.generators.experiment import Experiment
from cuecircuit.generators.intake import pairing_means
from cuecircuit.generators.mechanism_truth import write_mechanism
from cuecircuit.generators.planted import HYPOTHESES, TABLE_1
from cuecircuit.io.tables import write_json, write_table

_PERCENT = "% BOLD at the plateau of a block"


def write_truth(folder: Path, experiment: Experiment, block_rates: Float[Array, "subject cue=2 block"]) -> None:
    """Write the tables of planted numbers.

    Args:
        folder: where to.
        experiment: what was simulated.
        block_rates: true mean breathing rate of every block, breaths per minute.

    Raises:
        DataError: the place cannot be written.
    """
    _write_places(folder, experiment)
    _write_cells(folder, experiment)
    _write_responses(folder, experiment)
    _write_slopes(folder, experiment)
    _write_breathing(folder, experiment, block_rates)
    _write_intake(folder, experiment)
    if experiment.native:
        _write_heads(folder, experiment)
    if experiment.lived is not None:
        write_mechanism(folder, experiment, experiment.lived)
    write_json(
        folder / "settings.json",
        {
            "model": experiment.model,
            "hypothesis": experiment.hypothesis,
            "meaning": HYPOTHESES[experiment.hypothesis],
            "scale": experiment.scale,
            "seed": experiment.seed,
            "spread_between_rats": _spread(experiment),
            "noise": {"fwhm_mm": bold.NOISE_FWHM_MM, "ar1": bold.NOISE_AR, "source": "assumed"},
            "breathing": {
                "gray_percent_per_breath": breathing.GRAY_PERCENT_PER_BREATH,
                "white_matter_part": breathing.WHITE_PART,
                "white_matter_lag_s": breathing.WHITE_LAG_S,
                "source": "assumed",
            },
        },
    )


def _write_heads(folder: Path, experiment: Experiment) -> None:
    heads = [experiment.head_of(subject) for subject in range(len(experiment.rats))]
    notes = {
        "participant_id": "Name of the rat",
        **{f"shift_{axis}": {"Description": f"Place of bregma along {axis}", "Units": "mm"} for axis in "xyz"},
        **{
            f"turn_{axis}": {"Description": f"Turn of the head about {axis}, before the shift", "Units": "rad"}
            for axis in "xyz"
        },
    }
    rows = [(rat.participant, *head) for rat, head in zip(experiment.rats, heads, strict=True)]
    write_table(folder / "heads.tsv", pd.DataFrame(rows, columns=list(notes)), notes)


def _spread(experiment: Experiment) -> dict[str, float | str]:
    """SD of the responses between animals and between scans, as far as it is planted."""
    if experiment.lived is None:
        return {**asdict(experiment.design.spread), "source": "assumed"}
    values = experiment.lived.parameters
    # without spread of their own: the same in every animal
    return {"common": float(values["region_sd"][0]), "specific": float(values["scan_sd"][0]), "source": "assumed"}


def _write_places(folder: Path, experiment: Experiment) -> None:
    labels = experiment.brain.atlas.labels
    rows = [
        (number, region, *part.center, *part.half_axes, int((labels == number).sum()), "assumed")
        for number, (region, parts) in enumerate(places.REGIONS.items(), 1)
        for part in parts
    ]
    axes = {"x": "right", "y": "anterior", "z": "up"}
    notes = {
        "label": "Label in the atlas",
        "region": "Name in Table 1; a region made of two solids has two rows",
        **{
            f"{axis}_mm": {"Description": f"Center of the right solid, {way} of bregma", "Units": "mm"}
            for axis, way in axes.items()
        },
        **{f"half_{axis}_mm": {"Description": f"Half axis along {axis}", "Units": "mm"} for axis in axes},
        "voxels": "Voxels of the whole region, both hemispheres",
        "source": "assumed: from general knowledge of Paxinos & Watson's atlas, not measured in it",
    }
    write_table(folder / "regions.tsv", pd.DataFrame(rows, columns=list(notes)), notes)


def _write_cells(folder: Path, experiment: Experiment) -> None:
    design = experiment.design
    planted = "paper" if experiment.hypothesis == "withdrawal" else "hypothesis"
    source = "mechanism" if experiment.lived else planted
    rows = [
        (region, group, cue, experiment.responses.cells[number, level, order], source)
        for number, region in enumerate(TABLE_1)
        for level, group in enumerate(design.groups)
        for order, cue in enumerate(design.cues)
    ]
    notes = {
        "region": "Name in Table 1",
        "group": "Access to the drug",
        "cue": "Cue of the scan",
        "percent": {"Description": f"Planted mean, {_PERCENT}", "Units": "%"},
        "source": "paper: Table 1 of Carmack et al. 2019; hypothesis: nothing is planted under it; "
        "mechanism: the mean of the animals' circuits",
    }
    write_table(folder / "cells.tsv", pd.DataFrame(rows, columns=list(notes)), notes)


def _write_responses(folder: Path, experiment: Experiment) -> None:
    rows = [
        (rat.participant, rat.group, cue, rat.run_of(order), region, percent)
        for rat, planted in zip(experiment.rats, experiment.responses.subjects, strict=True)
        for order, cue in enumerate(experiment.design.cues)
        for region, percent in zip(TABLE_1, planted[:, order], strict=True)
    ]
    notes = {
        "participant_id": "Name of the rat",
        "group": "Access to the drug",
        "cue": "Cue of the scan",
        "run": "Run that shows the cue",
        "region": "Name in Table 1",
        "percent": {"Description": f"Planted in this rat, {_PERCENT}", "Units": "%"},
    }
    write_table(folder / "responses.tsv", pd.DataFrame(rows, columns=list(notes)), notes)


def _write_slopes(folder: Path, experiment: Experiment) -> None:
    slopes = experiment.responses.slopes
    # the mechanism plants no correlation: its slopes are those of its animals
    source, planted_r = ("mechanism", np.nan) if experiment.lived else ("assumed", experiment.design.spread.slope_r)
    rows = [
        (region, slope, planted_r if slope else 0.0, source)
        for region, slope in zip(TABLE_1, slopes.tolist(), strict=True)
    ]
    notes = {
        "region": "Name in Table 1",
        "slope": {
            "Description": "Change of the response for one SD (within group) of mean infusions in naloxone pairings",
            "Units": "%",
        },
        "within_group_r": "Expected correlation of response and infusions within a group, without measurement noise",
        "source": "assumed: the article names the two regions and prints no r; mechanism: found in its animals, "
        "before the differences between regions are added",
    }
    write_table(folder / "slopes.tsv", pd.DataFrame(rows, columns=list(notes)), notes)


def _write_breathing(folder: Path, experiment: Experiment, rates: Float[Array, "subject cue=2 block"]) -> None:
    rows = [
        (rat.participant, rat.group, cue, rat.run_of(order), block, rate, change[order])
        for rat, rat_rates, change in zip(experiment.rats, rates, experiment.rates, strict=True)
        for order, cue in enumerate(experiment.design.cues)
        for block, rate in enumerate(rat_rates[order], 1)
    ]
    notes = {
        "participant_id": "Name of the rat",
        "group": "Access to the drug",
        "cue": "Cue of the scan",
        "run": "Run that shows the cue",
        "block": "Number of the block in the scan, from 1",
        "rate": {"Description": "True mean breathing rate during the block", "Units": "1/min"},
        "planted_change": {
            "Description": "Mean change by the cue (assumed), of the group or the animal",
            "Units": "1/min",
        },
    }
    write_table(folder / "breathing.tsv", pd.DataFrame(rows, columns=list(notes)), notes)


def _write_intake(folder: Path, experiment: Experiment) -> None:
    phase = experiment.design.first("conditioning")
    means = {item.name: pairing_means(list(experiment.counts), phase.name, item.name) for item in phase.treatments}
    rows = [
        (rat.participant, rat.group, treatment, values[subject])
        for subject, rat in enumerate(experiment.rats)
        for treatment, values in means.items()
    ]
    notes = {
        "participant_id": "Name of the rat",
        "group": "Access to the drug",
        "treatment": "Injection before the pairing",
        "infusions": {"Description": "Mean infusions in the half hour of the pairings", "Units": "count"},
    }
    write_table(folder / "pairings.tsv", pd.DataFrame(rows, columns=list(notes)), notes)
    totals = {
        f"{item.phase.name} {item.treatment}".strip(): np.round(item.counts.sum(axis=2).mean(axis=0), 2).tolist()
        for item in experiment.counts
    }
    content: dict[str, object] = {"source": "assumed", "mean_counts_by_session": totals}
    if experiment.intake is not None:
        sizes = asdict(experiment.intake)
        model = {key: list(value) if isinstance(value, tuple) else value for key, value in sizes.items()}
        content = {"parameters": model, **content}
    write_json(folder / "intake.json", content)
