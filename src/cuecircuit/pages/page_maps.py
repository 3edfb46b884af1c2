"""What the page shows of maps: figures, the interactive brain, tests and clusters, agreement, and their scans."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from cuecircuit.figures.numbers import effect_text, short
from cuecircuit.io.tables import read_json, read_table
from cuecircuit.pages.figures import SHARED_MASK, VIEWER
from cuecircuit.pages.map_pictures import level_text, map_folders, positive_direction, shown_effect
from cuecircuit.pages.sentences import (
    evidence_sentence,
    left_out_sentence,
    map_sentence,
    method_sentence,
    note_sentence,
)
from cuecircuit.report.content import FigureItem, Item, Paragraph, RowPlace, TableItem, ViewerItem
from cuecircuit.report.marks import listed
from cuecircuit.study.questions import AnyQuestion
from cuecircuit.tables.shared_mask import shared_mask_sentence

LONG = 30
"""Rows above which a table is folded."""
# columns of clusters that are in the file alone
_IN_FILES = ("prefix", "center_x", "center_y", "center_z", "voxels_tested")
_TABLES = {
    "terms": "tests",
    "clusters": "clusters",
    "peaks": "local maxima",
    "cluster_regions": "regions of the clusters",
    "corrections": "corrections side by side",
    "smoothness": "smoothness of the noise",
    "coverage": "who has which voxels",
}
_CURSE = (
    "The effect at a peak is that of a voxel chosen for being strong: a new sample would show a smaller one (the "
    "winner's curse)."
)
_HELD_OUT = (
    " The held-out effect is free of it: half of the subjects choose the strongest voxel, the other half measures it."
)


def figure_item(
    out: Path, name: str, title: str, caption: str, alt: str, *, wide: bool = False, folder: str = "figures"
) -> Iterator[FigureItem]:
    """Yield a figure of the results with the table it was drawn from, where it is there."""
    figure = out / folder / f"{name}.svg"
    if figure.is_file():
        yield FigureItem(
            id=f"figure-{name}",
            title=title,
            caption=caption,
            alt=alt,
            svg=figure.read_bytes(),
            tsv=figure.with_suffix(".tsv").read_text(encoding="utf-8"),
            wide=wide,
        )


def map_items(out: Path, name: str, question: AnyQuestion, viewed: str | None) -> Iterator[Item]:
    """Yield what maps show: a sentence, then for each level of `each` its figure, tests and clusters."""
    title = question.title or name.replace("_", " ").capitalize()
    yield Paragraph(heading=title, text=" ".join(filter(None, (question.why, method_sentence(question)))))
    for number, (level, folder) in enumerate(map_folders(out / "questions" / name)):
        heading = f"{title}, {level_text(folder)}" if level else title
        stem = f"{name}_{level}" if level else name
        if not (folder / "terms.tsv").is_file():
            yield from _number_maps(out, stem, heading, folder)
            continue
        terms = read_table(folder / "terms.tsv", text=("term", "prefix", "stratum"))
        path = folder / "clusters.tsv"
        clusters = read_table(path, text=("term", "prefix")) if path.is_file() else None
        sentence = map_sentence(terms, clusters)
        note = note_sentence(read_json(folder / "settings.json"))
        yield Paragraph(text=" ".join(filter(None, (f"{heading}. {sentence}", note))))
        effect = shown_effect(question, terms)
        positive = effect_text(positive_direction(folder, str(effect["prefix"])))
        under = f"Under it the effect itself: {positive}. " if positive else ""
        caption = (
            f"{effect_text(str(effect['term']))}, z: what survives the correction is outlined, the rest fades with the "
            f"square of z (Taylor et al. 2023); a slice through the peak of every cluster. {under}{sentence}"
        )
        yield from figure_item(out, stem, heading, caption, f"{heading}. {sentence}", wide=True)
        leads = name == viewed and number == 0 and (out / "figures" / VIEWER).is_file()
        if leads:
            yield from _viewer(out)
        if (folder / "evidence.tsv").is_file():
            weighed = read_table(folder / "evidence.tsv", text=("term", "prefix"))
            yield Paragraph(text=f"{heading}, evidence. {evidence_sentence(weighed)}")
        for file, kind in _TABLES.items():
            if (folder / f"{file}.tsv").is_file():
                yield _table(
                    f"{stem}-{file}",
                    f"{heading}: {kind}",
                    folder / f"{file}.tsv",
                    leads=leads,
                    folded=bool(level) and file == "terms",
                )


def _table(name: str, title: str, path: Path, *, leads: bool, folded: bool) -> TableItem:
    """Show a table of an answer; its places lead into the interactive brain where that shows the question."""
    frame = read_table(path, text=("term", "prefix", "stratum", "regions", "region"))
    shown = _with_peaks(frame)
    columns = [name for name in shown if name not in _IN_FILES and shown[name].notna().any()]
    if "peak_t" in columns and frame["peak_t"].notna().all():
        columns.remove("peak_f")
    columns.sort(key=lambda name: name not in ("term", "regions"))  # where a cluster is comes first
    mm = [name for name in (["x", "y", "z"], ["peak_x", "peak_y", "peak_z"]) if set(name) <= set(frame)]
    places = frame[[*mm[0], "prefix"]].itertuples(index=False, name=None) if leads and mm else ()
    return TableItem(
        id=name,
        title=title,
        frame=frame,
        display=shown[columns] if len(frame) else None,
        notes=(_CURSE + _HELD_OUT * ("held_out_inside" in columns),) if path.stem == "clusters" and len(frame) else (),
        folded=folded or len(frame) > LONG or path.stem not in ("terms", "clusters"),
        places=tuple(RowPlace(mm=(float(x), float(y), float(z)), test=str(test)) for x, y, z, test in places),
    )


def _with_peaks(frame: pd.DataFrame) -> pd.DataFrame:
    """Put the three coordinates of a peak into one column; a number of maxima is no statistic, as `peak` is else."""
    frame = frame.rename(columns={"f": "F", "peak": "maximum"})
    for start, title in (("peak_", "Peak x, y, z (mm)"), ("", "x, y, z (mm)")):
        x, y, z = (f"{start}{axis}" for axis in "xyz")
        if x in frame:
            places = [", ".join(map(short, place)) for place in frame[[x, y, z]].to_numpy()]
            frame = frame.rename(columns={x: title}).drop(columns=[y, z]).assign(**{title: places})
    return frame


def _viewer(out: Path) -> Iterator[ViewerItem]:
    data = (out / "figures" / VIEWER).read_text(encoding="utf-8").strip()
    left_out = json.loads(data)["leftOut"]
    caption = (
        "Every test over the anatomy, coronal, sagittal and axial. White outlines enclose what survives correction, "
        "and colors fade below the slider, which starts at the height that forms clusters. Click or drag in a slice "
        "or use arrow and Page keys to move; two fingers, + and − zoom; the wheel goes through the slices of the plane "
        "that was chosen. A row of the tables of clusters and peaks leads to its place."
    )
    if left_out:
        caption += f" For the size of the page the maps of {listed(left_out)} are in the files alone."
    yield ViewerItem(title="Interactive brain", caption=caption, data=data)


def _number_maps(out: Path, stem: str, title: str, folder: Path) -> Iterator[Item]:
    """Yield a map of agreement or of correlated changes: its figure and what it is like in each region."""
    facts, summary = read_json(folder / "settings.json"), read_table(folder / "summary.tsv", text=("region",))
    whole = summary.iloc[0]
    agreement = whole["statistic"] == "icc"
    what = "intraclass correlation" if agreement else "correlation of the changes"
    shown = (
        "the 95 % interval lies above 0" if agreement else "p is at most .05, not corrected for the number of voxels"
    )
    sentence = f"{title}: {what} of {facts['n_subjects']} subjects, median over voxels {short(float(whole['median']))}."
    yield Paragraph(text=" ".join(filter(None, (sentence, left_out_sentence(facts.get("left_out", ()))))))
    yield from figure_item(out, stem, title, f"{sentence} Drawn where {shown}.", sentence, wide=True)
    yield TableItem(id=f"{stem}-summary", title=f"{title}: by region", frame=summary, folded=True)


def scans_entered(out: Path) -> int | None:
    """Return the number of scans that entered; None of a study without scans."""
    inputs = out / "inputs.tsv"
    return int((read_table(inputs)["used"] == "yes").sum()) if inputs.is_file() else None


def scan_items(out: Path) -> Iterator[Item]:
    """Yield what is known of each scan: whether it entered, and its quality."""
    inputs = out / "inputs.tsv"
    if inputs.is_file():
        frame = read_table(inputs, text=("subject", "session", "run"))
        left_out = frame[frame["used"] != "yes"]
        yield Paragraph(text=f"{len(frame) - len(left_out)} of {len(frame)} scans entered.")
        if len(left_out):
            columns = ["subject", "session", "run", "reason"]
            yield TableItem(id="scans-left-out", title="Scans left out", frame=left_out[columns])
    table = out / "figures" / f"{SHARED_MASK}.tsv"
    if table.is_file():
        frame = read_table(table, text=("subject",))
        sentence = shared_mask_sentence(frame)
        yield from figure_item(
            out,
            SHARED_MASK,
            "Mask of the study",
            f"{sentence} Color: part of the subjects that have a voxel.",
            sentence,
        )
        yield TableItem(id=SHARED_MASK, title="Brain masks of the subjects", frame=frame, folded=True)
    paths = sorted(out.glob("sub-*/func/*_quality.tsv"))
    if paths:
        parts = [
            read_table(path, text=("session", "run")).assign(subject=path.name.split("_")[0][4:]) for path in paths
        ]
        frame = pd.concat(parts, ignore_index=True).drop(columns="volumes_hashed")
        frame = frame[["subject", *frame.columns.drop("subject")]].drop_duplicates()
        yield TableItem(id="quality", title="Quality of every scan", frame=frame, folded=True)
