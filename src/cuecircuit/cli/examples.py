"""What people type first: one or more examples (`examples.txt`) under the `--help` of each command."""

from importlib.resources import files

from typer import Typer


def examples() -> dict[str, list[str]]:
    """Read the example command lines, by their command."""
    lines: dict[str, list[str]] = {}
    for line in files("cuecircuit.cli").joinpath("examples.txt").read_text(encoding="utf-8").splitlines():
        lines.setdefault(line.split()[1], []).append(line)
    return lines


def add_examples(app: Typer) -> None:
    """Print its examples below the options of every command that has some."""
    lines = examples()
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        if name in lines:
            command.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines[name])
