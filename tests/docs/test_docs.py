"""What README, ARCHITECTURE and docs/ name is there: settings, commands, options, files, names of Python."""

import ast
import importlib
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter
from typer.main import get_command

import cuecircuit
from cuecircuit.cli import app
from cuecircuit.study.accounting import SESSION_MEASURES
from cuecircuit.study.reading import parse_study
from cuecircuit.study.schema import Study

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {page.name: page.read_text(encoding="utf-8") for page in PAGES}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS = {
    name: {option for parameter in command.params for option in parameter.opts}
    for name, command in get_command(app).commands.items()  # pyright: ignore[reportAttributeAccessIssue]
}
OF_ALL = {"--help", "--verbose", "--version", "--variance"}
ENDINGS = ("py", "md", "json", "tsv", "yaml", "html", "svg", "txt", "bib", "sh", "nii", "gz")

every_page = pytest.mark.parametrize("page", TEXTS)


def settings_module():
    spec = importlib.util.spec_from_file_location("settings", ROOT / "docs" / "settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SETTINGS = [path.split(".") for path, _, _ in settings_module().settings()]


def blocks(page: str, *languages: str) -> list[str]:
    return [text for language, text in BLOCK.findall(TEXTS[page]) if language in languages]


def in_backticks(page: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", BLOCK.sub("", TEXTS[page]))


def is_setting(path: str) -> bool:
    parts = path.split(".")
    return any(
        all(want in ("NAME", part) for part, want in zip(parts, known, strict=False))
        for known in SETTINGS
        if len(known) >= len(parts)
    )


def command_lines(page: str) -> Iterator[str]:
    code = "\n".join(blocks(page, "", "sh", "bash")) + "\n" + "\n".join(in_backticks(page))
    yield from re.findall(r"^(?:\$ )?(cuecircuit \w.*)$", code.replace("\\\n", ""), re.MULTILINE)


@every_page
def test_settings_exist(page):
    named = (re.match(r"([a-z_]+(?:\.\w+)+)", text) for text in in_backticks(page))
    paths = {found[1] for found in named if found and found[1].split(".")[0] in Study.model_fields}
    responses = {f"operant.{name}" for name in SESSION_MEASURES}
    settings = {path for path in paths - responses if path.rpartition(".")[2] not in ENDINGS}

    assert [path for path in sorted(settings) if not is_setting(path)] == []


@every_page
def test_commands_and_their_options_exist(page):
    unknown = []
    for line in command_lines(page):
        # a BIDS App is called with a folder first
        name = line.split()[1].replace("BIDS", "bids-app")
        options = {word.split("=")[0] for word in line.split() if re.fullmatch(r"--[a-z][a-z-]+", word)}
        unknown += [name] if name not in COMMANDS else sorted(options - COMMANDS[name] - OF_ALL)

    assert unknown == []


@every_page
def test_sections_of_a_study_file_are_read(page):
    for text in blocks(page, "yaml"):
        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            pytest.fail(f"{page}: {error}")
        if {"about", "questions"} <= set(data):
            parse_study(text)
        elif set(data) <= set(Study.model_fields):
            for name, section in data.items():
                TypeAdapter(Study.model_fields[name].rebuild_annotation()).validate_python(section)


@every_page
def test_names_of_python_exist(page):
    for text in blocks(page, "python"):
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cuecircuit"):
                module = importlib.import_module(node.module or "")
                assert [name.name for name in node.names if not hasattr(module, name.name)] == []
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "cc":
                assert node.attr in cuecircuit.__all__


@every_page
def test_files_and_pages_exist(page):
    scripts = {word for text in in_backticks(page) for word in shlex.split(text.replace("'", "")) if "/" in word}
    places = ("validation/", "tests/", "examples/", "benchmarks/", "docs/", "src/")
    files = {ROOT / word for word in scripts if word.startswith(places) and not set(word) & set("*[<{")}
    links = re.findall(r"\]\(((?!https?:)[^)#\s]+)\)|^```\{literalinclude\} (\S+)", TEXTS[page], re.MULTILINE)
    files |= {(ROOT if (ROOT / page).is_file() else ROOT / "docs") / (a or b) for a, b in links}

    assert [str(path) for path in sorted(files) if not path.exists()] == []
    sources = [path.as_posix() for path in (ROOT / "src").rglob("*.py")]
    modules = {text for text in in_backticks(page) if re.fullmatch(r"[\w/]+\.py", text) and not text.startswith(places)}
    assert [name for name in sorted(modules) if not any(path.endswith(f"/{name}") for path in sources)] == []


def test_every_page_is_in_the_table_of_contents():
    listed = re.findall(r"^\w+$", TEXTS["index.md"].split("{toctree}", 1)[1], re.MULTILINE)

    assert sorted(listed) == sorted(page.stem for page in PAGES if page.parent.name == "docs" and page.stem != "index")


def test_modules_and_members_of_the_api_page_are_there():
    for name, members in re.findall(r"automodule:: (\S+)\n   :members:(.*)", TEXTS["api.md"]):
        module = importlib.import_module(name)
        assert [one for one in members.split(",") if one.strip() and not hasattr(module, one.strip())] == []
