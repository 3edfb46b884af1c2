"""What names of BIDS files say: entities (`sub-01`), suffix and ending."""

import re
from collections import defaultdict
from glob import glob
from pathlib import Path, PurePath
from typing import Any

BidsFile = defaultdict[str, Any]

# entities whose values are whole numbers (BIDS 1.10, format index)
_NUMBERED = ("chunk", "echo", "flip", "inv", "run", "split")
_SUBJECT = re.compile(r"sub-[a-zA-Z0-9]+")
_FILE = {"suffix", "ext"}


def parse_entities(path: PurePath) -> dict[str, str]:
    """Return the entities of a file name as written, its `suffix` and its `ext`, where it has them.

    Examples:
        >>> parse_entities(PurePath("sub-01_run-02_bold.nii.gz"))
        {'sub': '01', 'run': '02', 'suffix': 'bold', 'ext': '.nii.gz'}
    """
    *parts, last = path.name.split("_")
    suffix, _, ending = last.partition(".")
    if "-" in suffix:
        parts, suffix = [*parts, suffix], ""
    entities = dict(part.split("-", maxsplit=1) for part in parts if "-" in part)
    return entities | ({"suffix": suffix} if suffix else {}) | ({"ext": f".{ending}"} if ending else {})


def index_files(root: Path) -> list[BidsFile]:
    """List the files of a data set that name a subject, except sidecars, in order of their paths.

    Args:
        root: the data set; a derivative in it is a data set of its own.

    Returns:
        What each name says, and `path`: text, but run, echo and their like int, and None for all it does not say.
        `unread` holds what should be such a number and is none.
    """
    files = []
    # `Path.glob` does not follow links before Python 3.13
    for name in sorted(glob("sub-*/**/sub-*", root_dir=root, recursive=True)):  # noqa: PTH207
        path = PurePath(name)
        entities = parse_entities(path)
        # a folder may be named as a file is (`sub-01_meg.ds`): what is in it is no file of its own
        whole = entities.keys() >= _FILE and not parse_entities(path.parent).keys() >= _FILE
        if whole and entities["ext"] != ".json" and _SUBJECT.fullmatch(path.parts[0]):
            unread = {key: entities.pop(key) for key in _NUMBERED if not entities.get(key, "0").isdecimal()}
            numbers = {key: int(entities[key]) for key in _NUMBERED if key in entities}
            files.append(BidsFile(type(None), entities | numbers, unread=unread, path=root / path))
    return files
