"""The README of a package: links that work on PyPI."""

import importlib.util
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def readme_of_package(homepage: str) -> str:
    spec = importlib.util.spec_from_file_location("readme", ROOT / "release" / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    metadata = {"urls": {"Homepage": homepage}}
    module.Readme(str(ROOT), {}).update(metadata)
    return metadata["readme"]["text"]


def test_links_into_the_checkout_are_links_into_the_repository_at_the_homepage():
    links = re.findall(r"\]\(([^)]+)\)", readme_of_package("https://example.org/here"))

    assert all(link.startswith("https://") for link in links)
    assert "https://example.org/here/blob/main/docs/operant.md" in links
    assert "https://example.org/here/raw/main/docs/images/demo_fig1c.png" in links


def test_addresses_of_the_project_are_written_in_one_file():
    repository, site = "github.com/cuecircuit", "cuecircuit.readthedocs.io"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert repository in project["urls"]["Homepage"]
    assert site in project["urls"]["Documentation"]

    texts = {path: path.read_text(encoding="utf-8") for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]}
    texts |= {path: path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")}
    assert [path for path, text in texts.items() if repository in text or site in text] == []
