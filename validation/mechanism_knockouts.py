"""What each part of the mechanism is for: a picture of the article's study with one part after the other left out.

    python validation/mechanism_knockouts.py PICTURE [SEEDS]

Dots are medians over simulated studies, lines go from the lowest to the highest study.
"""

import sys
from pathlib import Path

import numpy as np
from mechanism_signatures import numbers

from cuecircuit.figures.style import DOUBLE_MM, FAINT, color_of, sheet, style
from cuecircuit.generators.experiment import plan_experiment
from cuecircuit.generators.rat_design import rat_design
from cuecircuit.nodes.designs import design_text
from cuecircuit.study.reading import parse_study

PARTS = {
    "full model": "",
    "withdrawal is not felt": "felt: 0",
    "no opponent process": "opponent_gain: 0",
    "it does not grow": "growth_use: 0, growth_withdrawal: 0",
    "withdrawal does not strengthen it": "growth_withdrawal: 0",
    "no value of relief": "ill_half: 1.0e+9",
    "relief unlearned as fast": "unlearning: 1",
    "odors are not learned": "salience: 0",
    "a state below 0 counts like others": "aversion: 1",
    "abstinence brings nothing": "incubation: 0",
}
GROUPS = ("ShA", "LgA")
PANELS = {
    "last three sessions over the first": "Escalation,\nlast 3 over first",
    "presses over the days of extinction": "Presses in\nextinction",
    "REINST naloxone less saline odor (share: p < .05)": "Presses, naloxone\nless saline odor",
}


def measure(parameters: str, seeds: int) -> dict[str, np.ndarray]:
    """Return each number of each study."""
    text = design_text("carmack2019").replace(
        "generator: carmack2019", f"generator: carmack2019\n  parameters: {{ {parameters} }}"
    )
    design = rat_design(parse_study(text))
    studies = [
        numbers(plan_experiment(design, hypothesis="withdrawal", scale="tiny", seed=seed, model="mechanism"))
        for seed in range(seeds)
    ]
    names = [f"{group}: {name}" for name in PANELS for group in GROUPS]
    return {name: np.array([one[name][0] for one in studies]) for name in names}


def main(picture: Path, seeds: int) -> None:
    found = {name: measure(parameters, seeds) for name, parameters in PARTS.items()}
    rows = np.arange(len(PARTS))
    with style():
        figure = sheet(DOUBLE_MM, 62.0)
        panels = figure.subplots(1, len(PANELS), sharey=True)
        for axes, (name, title) in zip(panels, PANELS.items(), strict=True):
            for group, shift in zip(GROUPS, (-0.12, 0.12), strict=True):
                values = np.array([own[f"{group}: {name}"] for own in found.values()])
                color = color_of(group, GROUPS)
                axes.hlines(rows + shift, values.min(axis=1), values.max(axis=1), color=color, linewidth=0.6)
                axes.plot(np.median(values, axis=1), rows + shift, "o", color=color, markersize=3, label=group)
            axes.axhline(0.5, color=FAINT, linewidth=0.5)
            axes.set_xlabel(title)
        panels[0].set_yticks(rows, PARTS)
        panels[0].invert_yaxis()
        panels[-1].legend(loc="center right")
        figure.savefig(picture, dpi=200, metadata={"Software": None})
    for part, own in found.items():
        print(f"{part:36}" + "".join(f"{np.median(values):8.2f}" for values in own.values()), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 6)
