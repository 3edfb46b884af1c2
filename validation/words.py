"""Words that a native reader stumbles over: `python validation/words.py` lists them; `make check` allows none.

Looked at: README, docs, and in the package messages, docstrings and comments. The docstring of a function begins with
what it does (Return, Compute, Check, Read, Write).
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/*.md")
INSTEAD = {
    r"\bparted\b": "separated",
    r"\bstands? twice\b": "is duplicated",
    r"\bforet(ell|old)": "predict",
    r"\bmend(s|ed|ing)?\b": "fix, repair, correct",
    r"\brooms\b": "packages",
    r"\bendless\b": "infinite",
    r"\b(is|are|was|were) told(?! apart| to | from| by)\b": "is reported",
    r"\blies its own way\b": "differs between",
}
_FIRST = ("Give", "Tell", "Say", "Whether", "What", "Which", "Who")


def faults(path: Path) -> Iterator[str]:
    """Yield a line for each word of the list in a file."""
    text = path.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        for word, better in INSTEAD.items():
            if found := re.search(word, line):
                yield f"{path.relative_to(ROOT)}:{number}: '{found[0]}'; better: {better}"
    for node in ast.walk(ast.parse(text)) if path.suffix == ".py" else ():
        if isinstance(node, ast.FunctionDef) and not any("property" in ast.dump(one) for one in node.decorator_list):
            first = (ast.get_docstring(node) or " ").split(" ")[0]
            if first in _FIRST:
                yield f"{path.relative_to(ROOT)}:{node.lineno}: '{first}' begins a docstring; better: Return, Check"


def main() -> int:
    """Print every fault and count them."""
    paths = [path for pattern in PAGES for path in ROOT.glob(pattern)] + sorted((ROOT / "src").rglob("*.py"))
    lines = [line for path in paths for line in faults(path)]
    print(*lines, f"words: {len(lines)} to change in {len(paths)} files", sep="\n")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
