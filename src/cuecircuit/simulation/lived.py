"""`simulate_lived`: a study file, a seed and a hypothesis to a data set whose animals lived through its phases.

Logs, participants and readouts (`generators.readouts`, in the first of `subjects.tables`) are written; scans are not.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from cuecircuit.arrays import Array
from cuecircuit.errors import StudyError
from cuecircuit.generators.animals import Life, LivedSession, live
from cuecircuit.generators.mechanism import WORLDS
from cuecircuit.generators.mechanism_truth import write_lives, write_parameters
from cuecircuit.generators.parameters import draw_parameters
from cuecircuit.generators.protocol import check_protocol, cues_of, program_of
from cuecircuit.generators.readouts import read_out
from cuecircuit.io.atomic import check_unused, replacing
from cuecircuit.io.bids_ignore import write_bidsignore
from cuecircuit.io.lock import writing
from cuecircuit.simulation.cohort import Cohort, draw_cohort
from cuecircuit.simulation.columns import columns_of
from cuecircuit.simulation.faults import size_faults
from cuecircuit.simulation.operant_counts import session_rows
from cuecircuit.simulation.operant_logs import experiment_words, log_path, sorted_by_box
from cuecircuit.simulation.planting import stream
from cuecircuit.simulation.write import write_logs, write_people, write_raw_description
from cuecircuit.study.expected import expected_rows
from cuecircuit.study.schema import Study

HYPOTHESES = tuple(name for name in WORLDS if name != "respiration")
_READOUTS = "phenotype/readouts.tsv"
_NOT_LIVED = ("trials", "scans", "maps", "preprocess")


@writing
def simulate_lived(study: Study, text: str, out: Path, *, seed: int = 0, hypothesis: str | None = None) -> Path:
    """Write a data set of animals that lived through a study and return its study file.

    Args:
        study: with sections `operant` and `simulation`.
        text: the study file, written as it is.
        out: folder to make; must not hold anything yet.
        seed: the same seed gives the same bytes.
        hypothesis: one of `HYPOTHESES`; withdrawal where none is named.

    Raises:
        StudyError: what the study lacks or the mechanism does not know, all at once; no such hypothesis.
        DataError: `out` holds files already or cannot be written.
    """
    hypothesis = hypothesis or HYPOTHESES[0]
    check_lived(study, hypothesis)
    check_unused(out)
    assert study.operant is not None
    assert study.simulation is not None
    cohort = draw_cohort(study, columns_of(study), stream(seed, "cohort"))
    parameters = draw_parameters(len(cohort.subjects), study.simulation.parameters, stream(seed, "parameters"))
    lives = live_cohort(study, cohort, parameters, seed=seed, hypothesis=hypothesis)
    with replacing(out.resolve(), folder=True) as new:
        (new / "study.yaml").write_text(text, encoding="utf-8")
        _write_description(new, study, {"seed": seed, "hypothesis": hypothesis, "model": "mechanism"})
        write_people(new / study.subjects.participants, cohort.subjects, study.subjects.species)
        readouts, notes = read_out(list(lives.values()), study.operant)
        readouts.insert(0, "subject", list(lives))
        table = new / (study.subjects.tables or (_READOUTS,))[0]
        write_people(table, readouts.round(6), study.subjects.species, notes)
        _write_sessions(new, study, cohort, lives, seed)
        participants = {f"sub-{subject}": life for subject, life in lives.items()}
        write_lives(new / "truth", participants, parameters, cues_of(study.operant))
        write_parameters(new / "truth" / "parameters.tsv", study.simulation.parameters)
        write_bidsignore(new)
    return out / "study.yaml"


def check_lived(study: Study, hypothesis: str) -> None:
    """Refuse a study that animals cannot live through.

    Raises:
        StudyError: as `simulate_lived`.
    """
    StudyError.raise_any([*_faults(study, hypothesis)])
    check_protocol(study)


def live_cohort(
    study: Study, cohort: Cohort, parameters: Mapping[str, Array], *, seed: int, hypothesis: str
) -> dict[str, Life]:
    """Let every animal of a cohort live through a study; lives by subject.

    Args:
        study: checked.
        cohort: its animals.
        parameters: of each.
        seed: of every random stream.
        hypothesis: a key of `WORLDS`.
    """
    assert study.operant is not None
    groups = cohort.subjects.get(study.operant.by, [None] * len(cohort.subjects))
    lives = {}
    for box, (subject, group) in enumerate(zip(cohort.subjects["subject"], groups, strict=True)):
        animal = {name: float(values[box]) for name, values in parameters.items()}
        rng = stream(seed, "lives", str(box))
        lives[subject] = live(animal, program_of(study, group, box), rng, world=WORLDS[hypothesis])
    return lives


def _faults(study: Study, hypothesis: str) -> Iterator[str]:
    if study.operant is None or study.simulation is None:
        missing = "operant" if study.operant is None else "simulation"
        yield f"{missing}: the mechanism lives the sessions of `operant` with the animals of `simulation.n`"
        return
    if hypothesis not in HYPOTHESES:
        yield f"hypothesis '{hypothesis}' is unknown; expected one of: {', '.join(HYPOTHESES)}"
    for name in _NOT_LIVED:
        if getattr(study, name):
            yield f"{name}: the mechanism writes no scans; simulation.generator: carmack2019 does (--model mechanism)"
    for name in ("base", "effects", "hypotheses", "missing"):
        if getattr(study.simulation, name):
            yield f"simulation.{name}: nothing is planted in animals that live through a study; leave it out"
    for name in ("source", "sessions", "weights"):
        if getattr(study.operant, name) is not None:
            yield f"operant.{name}: MED-PC files are written, and no file that it could name; leave it out to simulate"
    yield from (
        f"subjects.exclude: {subject} is no simulated subject; leave it out" for subject in study.subjects.exclude
    )
    yield from size_faults(study, columns_of(study))
    try:
        experiment_words(study.operant)
        log_path(study.operant.log_patterns[0], "day")
    except StudyError as error:
        yield from error.faults


def _write_sessions(folder: Path, study: Study, cohort: Cohort, lives: Mapping[str, Life], seed: int) -> None:
    assert study.operant is not None
    rows = cohort.resolved(expected_rows(study, "operant", cohort.subjects))
    rows = sorted_by_box(session_rows(study.operant, rows, "any", deliveries=True), list(lives))
    times = {
        (subject, one.plan.phase, one.plan.treatment, one.plan.day): _times(one)
        for subject, life in lives.items()
        for one in life.sessions
    }
    write_logs(folder, study.operant, rows, times, stream(seed, "logs"))


def _times(session: LivedSession) -> dict[str, Array]:
    shocks = session.infusion if session.plan.shock_ma else np.empty(0)
    return {
        "active": session.active,
        "inactive": session.inactive,
        "infusion": session.infusion,
        "shock": shocks,
    }


def _write_description(folder: Path, study: Study, marks: Mapping[str, object]) -> None:
    title = f"Simulated study: {study.about.title}"
    write_raw_description(folder, title, marks)
    (folder / "README").write_text(
        f"{title}\n\nNo animal was used: virtual animals lived through the phases of study.yaml ({marks}).\n"
        "What they do is a model's prediction from numbers that are assumed, and no data.\n\n"
        "study.yaml              what was planned, and how it is analyzed: cuecircuit run study.yaml OUT\n"
        "phenotype/              signs of withdrawal, breathing and overdose of each animal, phase by phase\n"
        "truth/                  parameters and animals; for checking an analysis, never for use in one\n",
        encoding="utf-8",
    )
