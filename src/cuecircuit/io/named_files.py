"""Files that other packages keep on this machine, by name: `nilearn:NAME` and `templateflow:NAME`. Nothing is fetched.

NAME is that of a file, with or without its folder, and without .nii.gz where only one file is called so. nilearn ships
the MNI152 template and keeps atlases in its data folders (NILEARN_SHARED_DATA, NILEARN_DATA, ~/nilearn_data);
TemplateFlow keeps templates and atlases in TEMPLATEFLOW_HOME (~/.cache/templateflow), where files without content stand
for those that were not fetched.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from cuecircuit.errors import DataError

_MOST_SHOWN = 12
_VOLUMES, _TABLES = (".nii.gz", ".nii"), (".tsv", ".csv", ".txt", ".xml", ".label", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Library:
    folders: Callable[[], Iterator[Path]]
    fetch: str


def _nilearn() -> Iterator[Path]:
    from nilearn import datasets  # slow to import
    from nilearn.datasets.utils import get_data_dirs

    yield Path(datasets.__file__).parent / "data"
    yield from map(Path, get_data_dirs())


def _templateflow() -> Iterator[Path]:
    yield Path(os.environ.get("TEMPLATEFLOW_HOME") or Path.home() / ".cache" / "templateflow")


_LIBRARIES: Mapping[str, _Library] = {
    "nilearn": _Library(
        folders=_nilearn, fetch='such as python -c "from nilearn import datasets; datasets.fetch_atlas_schaefer_2018()"'
    ),
    "templateflow": _Library(
        folders=_templateflow,
        fetch="such as python -c \"from templateflow import api; api.get('MNI152NLin2009cAsym', resolution=2)\" "
        "(pip install templateflow)",
    ),
}
_BRAINGLOBE = (
    "an atlas of BrainGlobe is named in preprocess.template; `cuecircuit preprocess` writes its mask, atlas and "
    "tissues on the grid of the scans, as files for `space`"
)


def is_named(setting: str) -> bool:
    """Return whether a setting names a file of a package, not a path."""
    return setting.partition(":")[0] in (*_LIBRARIES, "brainglobe")


def named_file(setting: str, root: Path) -> Path:
    """Return the file that a setting names: one that a package keeps, such as `nilearn:NAME`, or a path from `root`.

    Raises:
        DataError: the package has no such file on this machine, or several, or its files cannot be named here.
    """
    package, _, name = setting.partition(":")
    if not is_named(setting):
        return root / setting
    if package not in _LIBRARIES:
        raise DataError(f"{setting}: {_BRAINGLOBE}")
    files = {place: path for folder in _LIBRARIES[package].folders() for place, path in _files(folder)}
    hits = [place for place in files if name in (place, _stem(place), Path(place).name, _stem(Path(place).name))]
    if len(hits) == 1:
        return files[hits[0]]
    if hits:
        raise DataError(f"{setting}: {len(hits)} files are called so: {', '.join(hits)}; name one with its folder")
    names = [_stem(Path(place).name) for place in files if not place.endswith(_TABLES)]
    shown = list(dict.fromkeys([*get_close_matches(name, names, _MOST_SHOWN, 0.3), *names]))[:_MOST_SHOWN]
    there = ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")
    raise DataError(
        f"{setting}: no such file of {package} on this machine; found: {there or 'none'}; correct the name, or fetch "
        f"the file once where there is a network, {_LIBRARIES[package].fetch}"
    )


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.name.endswith((*_VOLUMES, *_TABLES)) and path.is_file() and path.stat().st_size:
            yield path.relative_to(folder).as_posix(), path


def _stem(place: str) -> str:
    return next((place.removesuffix(end) for end in _VOLUMES if place.endswith(end)), place)
