"""Examples under `--help`: every command has some, and each is a command line that its command takes."""

import shlex

import pytest
import typer
from typer.testing import CliRunner

from cuecircuit.cli import app
from cuecircuit.cli.examples import examples

EXAMPLES = examples()
COMMANDS = typer.main.get_command(app).commands
LINES = [line for lines in EXAMPLES.values() for line in lines]


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_ends_with_examples(command):
    said = CliRunner().invoke(app, [command, "--help"], prog_name="cuecircuit").output
    assert "Examples:" in said
    for line in EXAMPLES[command]:
        assert f"  {line}\n" in said


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_says_what_every_argument_and_option_is(command):
    assert [word.name for word in COMMANDS[command].params if not getattr(word, "help", "")] == []


@pytest.mark.parametrize("line", LINES)
def test_each_example_is_a_command_line_that_is_understood(line):
    program, command, *words = shlex.split(line)
    assert program == "cuecircuit"
    # parses and converts every word, and runs nothing
    COMMANDS[command].make_context(command, words)
