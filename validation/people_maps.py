"""What does the group stage of the human study cost in 2 mm? 53 people, five contrast maps each, written to disk.

Five runs of `cuecircuit compare --formula FORMULA --contrast "iHUD - HC"`, one for each contrast of the response: the
first corrected by 1 000 permutations of every term and of the contrast, the others by 2 000 simulated null fields. Wall
time, processor time and largest resident memory of each, and of all.

    python validation/people_maps.py FOLDER [--formula "group + sex + center(age)"] [--voxel-mm 2] [--n-jobs 2]

FOLDER keeps the maps for further runs; remove it at the end.
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from cohort import measured, write_cohort

PEOPLE, PATIENTS = 53, 32
CONTRASTS = ("drug_neutral", "drug_food", "reappraise_look", "savor_look", "reappraise_savor")


def write_tables(folder):
    """Give each contrast a table of its own: the cohort's sessions are the contrasts."""
    maps = pd.read_csv(folder / "maps.tsv", sep="\t")
    rng = np.random.default_rng(2)
    age, sex = rng.normal(40, 9, PEOPLE).round(1), rng.choice(["F", "M"], PEOPLE, p=[0.3, 0.7])
    for number, contrast in enumerate(CONTRASTS):
        own = maps[maps["session"] == f"s{number}"][["subject", "map"]]
        own = own.assign(group=["iHUD"] * PATIENTS + ["HC"] * (PEOPLE - PATIENTS), sex=sex, age=age)
        own.to_csv(folder / f"{contrast}.tsv", sep="\t", index=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--formula", default="group")
    parser.add_argument("--voxel-mm", type=int, default=2)
    parser.add_argument("--n-jobs", type=int, default=2)
    arguments = parser.parse_args()
    folder = arguments.folder
    start = time.monotonic()
    n_voxels = write_cohort(folder, PEOPLE, len(CONTRASTS), arguments.voxel_mm)
    write_tables(folder)
    print(f"maps written or found in {time.monotonic() - start:.0f} s", flush=True)
    program = [sys.executable, "-c", "from cuecircuit.cli import main; main()", "compare"]
    design = ["--mask", folder / "mask.nii.gz", "--subject", "subject", "--formula", arguments.formula]
    design += ["--contrast", "iHUD - HC", "--cluster-p", 0.00194, "--n-jobs", arguments.n_jobs]
    rules = {"permutation": ["--n-permutations", 1000], "simulation": ["--iterations", 2000]}
    costs = []
    for contrast in CONTRASTS:
        rule = "permutation" if contrast == CONTRASTS[0] else "simulation"
        out = folder / f"out_{contrast}"
        shutil.rmtree(out, ignore_errors=True)
        words = [folder / f"{contrast}.tsv", out, *design, "--inference", rule, *rules[rule]]
        status, *cost = measured([*program, *words])
        if status:
            sys.exit(status)
        costs.append(cost)
        print(
            "{}, {}: {:.0f} s, processor {:.0f} s, at most {:.0f} MB resident".format(contrast, rule, *cost), flush=True
        )
    wall, used, largest = np.transpose(costs)
    print(
        f"{PEOPLE} x {len(CONTRASTS)} maps x {n_voxels} voxels, --n-jobs {arguments.n_jobs}: {wall.sum():.0f} s, "
        f"processor {used.sum():.0f} s, at most {largest.max():.0f} MB resident"
    )


if __name__ == "__main__":
    main()
