"""The pictures of docs/gallery.md, drawn anew from simulated studies.

    python examples/gallery.py docs/images/gallery [WORK]

Runs the commands of `RUNS` in the folder WORK (kept, so that a second call redoes only what is stale; a temporary one
where none is given), takes the figures of `PICTURES` and makes them small enough for a page. Takes some ten
minutes on two cores.
"""

import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

WIDEST = 1100  # pixels
COLORS = 128  # as many a drawn figure needs
RUNS = (
    ("rats", "simulate carmack2019 rats --seed 1"),
    ("", "run rats/study.yaml results"),
    ("mice", "simulate alcohol_mice mice --scale tiny"),
    ("plan", "plan mice/study.yaml plan --test reinstatement"),
    ("tiny", "simulate carmack2019 tiny --scale tiny"),
    ("", "run tiny/study.yaml choices --alternatives"),
    ("people", "simulate huang2023 people --scale tiny"),
    ("", "run people/study.yaml human"),
)
PICTURES = {
    "escalation": "results/figures/fig1a.png",
    "conditioning": "results/figures/fig1b.png",
    "event_raster": "results/figures/event_raster.png",
    "drug_level": "results/figures/drug_level.png",
    "map": "results/figures/fig1c.png",
    "corrections": "results/figures/corrections_map.png",
    "region": "results/figures/fig2a.png",
    "cells": "results/figures/fig2b.png",
    "scatter": "results/figures/fig2c.png",
    "alternatives": "choices/alternatives/alternatives.png",
    "plan": "plan/figures/power_reinstatement.png",
    "people_map": "human/figures/groups_drugneutral.png",
    "people_ratings": "human/figures/ratings.png",
    "people_craving": "human/figures/region_craving.png",
    "people_sessions": "human/figures/region_weeks.png",
}


def main(out: Path, work: Path) -> None:
    """Run what is missing, and write every picture."""
    program = str(Path(sys.executable).with_name("cuecircuit"))
    for made, line in RUNS:
        if not made or not (work / made).exists():
            subprocess.run([program, *shlex.split(line)], cwd=work, check=True)
    out.mkdir(parents=True, exist_ok=True)
    for name, source in PICTURES.items():
        with Image.open(work / source) as picture:
            small = picture.convert("RGB")
            small.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
            small.quantize(COLORS).save(out / f"{name}.png", optimize=True)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        with TemporaryDirectory() as folder:
            main(Path(sys.argv[1]).absolute(), Path(folder))
    else:
        work_folder = Path(sys.argv[2]).absolute()
        work_folder.mkdir(parents=True, exist_ok=True)
        main(Path(sys.argv[1]).absolute(), work_folder)
