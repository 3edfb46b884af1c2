"""Mean inputs of the circuit over simulated studies: the numbers of `simulation.circuit.REFERENCE_INPUTS`.

python validation/mechanism_inputs.py [SEEDS]
"""

import sys

import numpy as np

from cuecircuit.generators.circuit import INPUTS
from cuecircuit.generators.experiment import plan_experiment
from cuecircuit.generators.rat_design import rat_design
from cuecircuit.generators.rats import levels_of
from cuecircuit.nodes.designs import design_text
from cuecircuit.study.reading import parse_study


def main(seeds: int) -> None:
    design = rat_design(parse_study(design_text("carmack2019")))
    cells = []
    for seed in range(seeds):
        experiment = plan_experiment(design, hypothesis="withdrawal", scale="tiny", seed=seed, model="mechanism")
        assert experiment.lived is not None
        group = levels_of(experiment.rats)
        inputs = experiment.lived.inputs
        cells.append([inputs[group == level, cue].mean(axis=0) for level in (0, 1) for cue in (0, 1)])
    mean, sd = np.mean(cells, axis=0), np.std(cells, axis=0, ddof=1)
    print(f"mean (SD between {seeds} studies): ShA saline, ShA naloxone, LgA saline, LgA naloxone")
    for name, values, spreads in zip(INPUTS, mean.T, sd.T, strict=True):
        print(f"{name:12}" + "".join(f"{v:9.4f} ({s:.4f})" for v, s in zip(values, spreads, strict=True)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
