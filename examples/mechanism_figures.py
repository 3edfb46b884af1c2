"""What the animals of the mechanism go through: drug level, set point, cue value, and one animal's day.

    python examples/mechanism_figures.py FOLDER [SEED]

Writes four pictures into FOLDER: mechanism_drug.png, mechanism_set_point.png, mechanism_cue.png, mechanism_day.png.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from cuecircuit.figures.style import DOUBLE_MM, FAINT, INK, SINGLE_MM, color_of, sheet, style
from cuecircuit.generators.animal_kernel import RECORD
from cuecircuit.generators.animals import OUTCOMES, LivedSession
from cuecircuit.generators.experiment import Experiment, plan_experiment
from cuecircuit.generators.mechanism import Lived
from cuecircuit.generators.rat_design import rat_design
from cuecircuit.generators.rats import levels_of
from cuecircuit.nodes.designs import design_text
from cuecircuit.study.reading import parse_study

MINUTES_OF_DRUG = 60
PANEL_MM = 60.0


def main(folder: Path, seed: int) -> None:
    design = rat_design(parse_study(design_text("carmack2019")))
    experiment = plan_experiment(design, hypothesis="withdrawal", scale="tiny", seed=seed, model="mechanism")
    assert experiment.lived is not None
    figures: dict[str, tuple[float, Callable[[Axes, Experiment, Lived], None]]] = {
        "drug": (SINGLE_MM, draw_drug),
        "opponent": (SINGLE_MM, draw_opponent),
        "cue": (SINGLE_MM, draw_cue),
        "day": (DOUBLE_MM, draw_day),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, (width, draw) in figures.items():
        with style():
            figure = sheet(width, PANEL_MM)
            draw(figure.add_subplot(), experiment, experiment.lived)
            figure.savefig(folder / f"mechanism_{name}.png", dpi=200, metadata={"Software": None})


def column(session: LivedSession, name: str) -> np.ndarray:
    return session.record[:, RECORD.index(name)]


def session_of(lived: Lived, rat: int, phase: str, treatment: str, day: int) -> LivedSession:
    plans = ((session.plan, session) for session in lived.lives[rat].sessions)
    return next(one for plan, one in plans if (plan.phase, plan.treatment, plan.day) == (phase, treatment, day))


def draw_drug(axes: Axes, experiment: Experiment, lived: Lived) -> None:
    """One hour of the first short-access animal: the effect of the drug, its opponent, its infusions."""
    session = session_of(lived, 0, "escalation", "", 1)
    draw_session(axes, session, MINUTES_OF_DRUG)
    axes.set_xlabel("Time in session (min)")
    axes.set_title("Short access, first session")


def draw_day(axes: Axes, experiment: Experiment, lived: Lived) -> None:
    """The last naloxone pairing of the first long-access animal."""
    first_long = int(np.argmax(levels_of(experiment.rats) == 1))
    session = session_of(lived, first_long, "conditioning", "naloxone", 4)
    axes.axvspan(30, 60, color="#f0e442", alpha=0.35, linewidth=0)
    axes.text(64, 0.97, "naloxone and odor", transform=axes.get_xaxis_transform(), va="top")
    draw_session(axes, session, len(session.record))
    axes.set_xlabel("Time in session (min)")
    axes.set_title("Long access, fourth pairing with naloxone")


def draw_session(axes: Axes, session: LivedSession, minutes: int) -> None:
    time = np.arange(minutes)
    axes.plot(time, column(session, "effect")[:minutes], color=INK, linewidth=0.9, label="effect of the drug")
    axes.plot(time, column(session, "opponent")[:minutes], color="#D55E00", linewidth=0.9, label="opponent process")
    infusions = session.infusion[session.infusion < 60 * minutes] / 60
    axes.eventplot(infusions, lineoffsets=-0.03, linelengths=0.04, colors="#0072B2", linewidths=0.8)
    axes.text(minutes, -0.03, " infusions", color="#0072B2", va="center", fontsize=5.5)
    axes.set_ylabel("Effect (1: all receptors)")
    axes.set_xlim(0, minutes)
    axes.set_ylim(bottom=-0.06)
    axes.spines["left"].set_bounds(0, axes.get_ylim()[1])
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= axes.get_ylim()[1]])
    axes.legend(loc="upper right", ncols=2)
    axes.set_ylim(top=1.2 * axes.get_ylim()[1])


def draw_opponent(axes: Axes, experiment: Experiment, lived: Lived) -> None:
    """Strength of the opponent process at the end of each session; bands are ± 1 SEM."""
    groups = experiment.design.groups
    course = np.array([[column(one, "strength")[-1] for one in life.sessions[:10]] for life in lived.lives])
    days = np.arange(1, 11)
    for level, name in enumerate(groups):
        own = course[levels_of(experiment.rats) == level]
        mean, sem = own.mean(axis=0), own.std(axis=0, ddof=1) / np.sqrt(len(own))
        axes.plot(days, mean, color=color_of(name, groups), label=f"{name} (n = {len(own)})")
        axes.fill_between(days, mean - sem, mean + sem, color=color_of(name, groups), alpha=0.2, linewidth=0)
    axes.set_xlabel("Session of escalation")
    axes.set_ylabel("Strength of the opponent process")
    axes.legend(loc="upper left")


def draw_cue(axes: Axes, experiment: Experiment, lived: Lived) -> None:
    """Value of each odor as a sign of withdrawal; mean of each group, thin lines are animals."""
    groups = experiment.design.groups
    days = [session.plan.date for session in lived.lives[0].sessions]
    values = np.array([life.values[:, OUTCOMES.index("withdrawal")] for life in lived.lives])
    for level, name in enumerate(groups):
        mine = values[levels_of(experiment.rats) == level]
        for cue, (odor, dash) in enumerate(zip(experiment.design.cues, ("--", "-"), strict=True)):
            axes.plot(days, mine[:, :, cue].T, color=color_of(name, groups), linewidth=0.25, alpha=0.5, linestyle=dash)
            axes.plot(
                days, mine[:, :, cue].mean(axis=0), dash, color=color_of(name, groups), label=f"{name}, {odor} odor"
            )
    axes.axvline(lived.scan_date, color=FAINT, linewidth=0.6)
    axes.text(lived.scan_date, 0.98, " scans", transform=axes.get_xaxis_transform(), color=FAINT, va="top")
    axes.set_xlabel("Day")
    axes.set_ylabel("V of withdrawal")
    axes.legend(loc="upper left")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
