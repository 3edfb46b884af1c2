"""Every setting of the study file, from the schema itself, and what columns of results mean."""

from collections.abc import Iterator
from typing import Any

from cuecircuit.io.tables import notes_of_tables
from cuecircuit.study.schema import Study

SCHEMA = Study.model_json_schema()


def _sections(node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the sections that may be written at a node, after `.NAME` where they are named."""
    if "$ref" in node:
        node = SCHEMA["$defs"][node["$ref"].rpartition("/")[2]]
    if "properties" in node:
        yield "", node
    for part in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _sections(part)
    if isinstance(node.get("items"), dict):
        yield from _sections(node["items"])
    for named in (node.get("additionalProperties"), *node.get("patternProperties", {}).values()):
        if isinstance(named, dict):
            yield from ((f".NAME{names}", section) for names, section in _sections(named))


def settings(node: dict[str, Any] = SCHEMA, path: str = "") -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield the dotted path of every setting, what the schema says of it, and whether it must be written."""
    for names, section in _sections(node):
        for key, setting in section["properties"].items():
            here = f"{path}{names}.{key}".strip(".")
            yield here, setting, key in section.get("required", ())
            yield from settings(setting, here)


def tables() -> str:
    """Return a heading and a table for each section, in Markdown."""
    lines: list[str] = []
    kinds: dict[str, list[tuple[dict[str, Any], bool]]] = {}
    for path, setting, required in settings():
        kinds.setdefault(path, []).append((setting, required))
    for path, ((setting, required), *others) in kinds.items():
        # the correction of one question has the settings of `correction`
        if path.startswith("questions.NAME.correction."):
            continue
        if "." not in path:
            lines += ["", f"## `{path}`", "", "| setting | default | what it is |", "|---|---|---|"]
        default = "required" if required else _shown(setting.get("default"))
        assumed = " *Assumed.*" if setting.get("source") == "assumed" else ""
        said = "; ".join(dict.fromkeys(_described(one) for one in (setting, *(one for one, _ in others))))
        lines.append(f"| `{path}` | {default} | {said.replace('|', '&#124;')}{assumed} |")
    return "\n".join(lines)


def _described(setting: dict[str, Any]) -> str:
    """Return what a setting is, with the words that it takes."""
    text = setting.get("description", "")
    if "const" in setting:
        return f"`{setting['const']}`: {text}"
    words = dict.fromkeys(map(str, _words(setting)))
    return f"{text}; takes {', '.join(f'`{word}`' for word in words)}" if words else text


def _words(node: dict[str, Any]) -> list[Any]:
    parts = [*node.get("anyOf", ()), *([node["items"]] if isinstance(node.get("items"), dict) else [])]
    return [*node.get("enum", ()), *(word for part in parts for word in _words(part))]


def columns() -> str:
    """Return a heading and a table for each kind of results, in Markdown."""
    lines: list[str] = []
    for table, notes in notes_of_tables().items():
        lines += ["", f"## {table.replace('_', ' ')}", "", "| column | unit | what it is |", "|---|---|---|"]
        for column, note in notes.items():
            described: dict[str, Any] = {"Description": note} if isinstance(note, str) else dict(note)
            levels = "; ".join(
                f"`{level}`: {text}" if text else f"`{level}`" for level, text in described.get("Levels", {}).items()
            )
            text = ". ".join(filter(None, (described.get("Description", ""), levels))).replace("|", "&#124;")
            lines.append(f"| `{column}` | {described.get('Units', '')} | {text} |")
    return "\n".join(lines)


def _shown(default: Any) -> str:
    if default is None or default in ([], {}, ""):
        return "none"
    return "those below" if isinstance(default, dict) else f"`{default}`"
