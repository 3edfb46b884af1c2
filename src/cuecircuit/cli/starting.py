"""Commands that begin a study from files that are there: init, behavior, schema."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cuecircuit.cli.app import Jobs, app, collect_seldom

if TYPE_CHECKING:
    from cuecircuit.starting.draft_parts import Answers, Choice
    from cuecircuit.starting.inventory import Inventory
    from cuecircuit.starting.start import Started

Programs = Annotated[Path | None, typer.Option(help="Folder of own MED-PC program declarations.")]


@app.command()
def init(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="[FOLDER]...", help="Of the study; this one where none is named.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The study file to write.")] = Path("study.yaml"),
    design: Annotated[str, typer.Option(metavar="NAME", help="Write a shipped design instead (see `designs`).")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take the likeliest, list it as assumed.")] = False,
    programs: Programs = None,
    dataset: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The raw BIDS data set, one more folder.")
    ] = None,
    derivatives: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Preprocessed scans (fMRIPrep, RABIES), one more folder.")
    ] = None,
) -> None:
    """Draft a study file from data sets, logs and tables: what they state, and what is yours to decide."""
    collect_seldom()
    from cuecircuit.starting.draft_parts import Answers
    from cuecircuit.starting.start import find_study, start_study, write_design, write_study

    if design:
        write_design(design, out)
        print(out)
        return
    named = [*(folders or ()), *(place for place in (dataset, derivatives) if place is not None)]
    inventory = find_study(named or [Path()], out, programs=programs)
    answers = _answers(inventory, out) if not yes and sys.stdin.isatty() else Answers()
    started = start_study(inventory, out, answers=answers, assume=yes)
    write_study(started, out)
    _report(started, "assumed" if yes else "decide")
    print(out)


def _report(started: "Started", taken: str) -> None:
    """Report what was taken, what is open, and what `check` will find."""
    from cuecircuit.pipeline.progress import say

    for what, lines in ((taken, started.taken), ("decide", started.left_open), ("check will say", started.faults)):
        for line in lines:
            say(f"cuecircuit: {what}: {line}")


@app.command()
def behavior(
    logs: Annotated[list[Path], typer.Argument(help="Operant logs of any kind, or folders of them.")],
    participants: Annotated[Path, typer.Option(help="Table by participant_id, with a column of groups if any.")],
    out: Annotated[Path, typer.Option(help="Folder of the results.")],
    programs: Programs = None,
    n_jobs: Jobs = 2,
) -> None:
    """Take operant logs alone to figures, tests and a page."""
    from cuecircuit.starting.start import run_logs

    print(run_logs(logs, participants, out, programs=programs, n_jobs=n_jobs))


@app.command()
def schema() -> None:
    """Print the JSON schema of the study file, by which editors check and complete it."""
    import json

    from cuecircuit.starting.json_schema import study_json_schema

    print(json.dumps(study_json_schema(), indent=2, ensure_ascii=False))


def _answers(inventory: "Inventory", out: Path) -> "Answers":
    """Ask for every choice, one after another: an answer may open or close others."""
    from cuecircuit.starting.draft import draft_study
    from cuecircuit.starting.draft_parts import Answers
    from cuecircuit.starting.place import Place

    answers = Answers()
    while choices := draft_study(inventory, Place(folder=out.absolute().parent), answers).unanswered:
        answers = Answers(given={**answers.given, choices[0].path: _ask(choices[0])})
    return answers


def _ask(choice: "Choice") -> str:
    typer.echo(f"\n{choice.path}: {choice.why}", err=True)
    while True:
        if choice.options:
            typer.echo(f"one of: {', '.join(choice.options)}", err=True)
        answer = typer.prompt(choice.question, default=choice.likeliest, err=True)
        if not choice.options or answer in choice.options:
            return answer
