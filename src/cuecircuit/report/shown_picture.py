"""A figure as the page embeds it: it looks the same in fewer bytes; the file of the results is not touched.

Pictures of voxels have 120 dots per inch and 256 colors, equal styles are one class, paths go in steps of hundredths,
and what is not seen is left out: comments, metadata, spaces between elements, names that nothing refers to.
"""

import base64
import io
import re
from collections.abc import Mapping, Set
from itertools import count
from urllib.parse import quote

import numpy as np
from markupsafe import Markup
from PIL import Image

# letters of figures, 7 to 8 pt, are then as large as those of captions
_ENLARGED = 1.5
# of 300 dots per inch: maps were upsampled, two dots a voxel are left
_PART = 0.4
_PICTURE = re.compile(r"(data:image/png;base64,)([^\"']+)")
_UNSEEN = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>|(?<=>)\s+(?=<)", re.DOTALL)
_TAG, _ATTRIBUTE = re.compile(r"<[^>]*>"), re.compile(r'\s+([\w:-]+)="([^"]*)"')
_SPACE = re.compile(r"(?<=[:;]) +")
_STEP = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_NUMBERS = {"M": 2, "L": 2, "Q": 4, "C": 6, "z": 0}
# what an address may hold (WHATWG URL), less the & of HTML
_PLAIN = "!$'()*+,-./:;=?@_~"


def shown_picture(svg: bytes) -> Markup:
    """Pack a figure into an address."""
    text = _UNSEEN.sub("", _PICTURE.sub(_with_palette, svg.decode("utf-8"))).strip()
    styles = {style: f"s{n}" for style, n in zip(dict.fromkeys(re.findall(r'\sstyle="([^"]*)"', text)), count())}
    rules = "".join(f".{name}{{{_SPACE.sub('', style)}}}" for style, name in styles.items())
    classes = styles if "</style>" in text else {}
    named = set(re.findall(r"#([\w.-]+)", text))
    text = _TAG.sub(
        lambda tag: _ATTRIBUTE.sub(lambda one: _attribute(one[1], one[2], classes, named), tag[0]),
        text.replace("</style>", f"{rules}</style>", 1),
    )
    return Markup("data:image/svg+xml," + quote(text, safe=_PLAIN))


def _attribute(name: str, value: str, classes: Mapping[str, str], named: Set[str]) -> str:
    """Write an attribute shortly, in single quotes, which an address may hold; nothing for a name that none uses."""
    if name == "id" and value not in named:
        return ""
    if name == "style" and value in classes:
        name, value = "class", classes[value]
    if name == "d":
        value = _in_steps(value)
    if name == "transform":
        value = re.sub(r"(\.\d\d)\d+", r"\1", value)
    value = value.replace("'", "&apos;")
    return f" {name}='{value}'"


def _in_steps(path: str) -> str:
    """Write absolute points as steps from each to the next; a path with other commands stays as it is."""
    steps = [(letter, numbers.split()) for letter, numbers in _STEP.findall(path)]
    if any(len(numbers) != _NUMBERS.get(letter) for letter, numbers in steps):
        return path
    words, at, start = list[str](), np.zeros(2, int), np.zeros(2, int)
    for letter, numbers in steps:
        points = np.rint(np.array(numbers, float) * 100).astype(int).reshape(-1, 2)
        words.append(letter.lower() + ",".join(map(_hundredths, (points - at).ravel().tolist())).replace(",-", "-"))
        at = points[-1] if letter != "z" else start
        start = at if letter == "M" else start
    return "".join(words)


def _hundredths(number: int) -> str:
    return re.sub(r"^(-?)0(?=\.)", r"\1", f"{number / 100:.2f}".rstrip("0").rstrip("."))


def _with_palette(picture: re.Match[str]) -> str:
    with Image.open(io.BytesIO(base64.b64decode(picture[2]))) as whole:
        small = io.BytesIO()
        fewer = whole.convert("RGBA").resize([max(round(_PART * n), 1) for n in whole.size], Image.Resampling.LANCZOS)
        fewer.quantize(256, method=Image.Quantize.FASTOCTREE).save(small, "PNG", optimize=True)
    return picture[1] + min(base64.b64encode(small.getvalue()).decode(), re.sub(r"\s", "", picture[2]), key=len)


def shown_width(svg: bytes) -> int | None:
    """Return the width in pixels that makes letters of all figures one size; None where the SVG names none in pt."""
    width = re.search(rb'<svg[^>]* width="([0-9.]+)pt"', svg)
    return None if width is None else round(float(width[1]) * 4 / 3 * _ENLARGED)
