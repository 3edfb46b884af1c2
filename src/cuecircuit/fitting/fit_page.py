"""The page of `cuecircuit fit`: what was fitted to what, which model predicts best, the figures and the tables."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from cuecircuit.behavior.pharmacokinetics import Kinetics
from cuecircuit.figures.numbers import number, short
from cuecircuit.fitting.fit_source import FitSource
from cuecircuit.io.tables import read_json
from cuecircuit.pages.origin import banner
from cuecircuit.report.content import Facts, FigureItem, Item, Paragraph, ReportContent, Section, TableItem
from cuecircuit.report.marks import counted, listed, words
from cuecircuit.report.neighbors import pages_near
from cuecircuit.report.tables import tsv

_FIGURES = {
    "comparison": "Models compared",
    "intervals": "Intervals between infusions",
    "thresholds": "Threshold of each session",
    "elimination": "Half-lives",
}
_TABLES = {
    "population": "The population",
    "parameters": "Every animal",
    "thresholds": "Thresholds",
    "elimination": "Factors of the half-lives",
}
FIT_PAGE = "fit.html"
_LONG = 20


def fit_content(
    out: Path, source: FitSource, tables: Mapping[str, pd.DataFrame], settings: Mapping[str, object]
) -> ReportContent:
    """Put the page together.

    Args:
        out: where the figures and figures.json are.
        source: what was fitted.
        tables: what was written, by name.
        settings: those of settings.json.
    """
    sections = [
        Section(id="fit", title="Models", items=tuple(_models(out, source, tables, settings))),
        Section(id="animals", title="Animals", items=tuple(_animals(out, source, tables))),
        Section(id="drug", title="Drug", items=(_kinetics(source.kinetics),)),
    ]
    return ReportContent(
        title=f"Fit: {source.title}",
        subtitle="Models of self-administration",
        sections=tuple(sections),
        banner=banner(source.simulated),
        pages=pages_near(out / FIT_PAGE, source.title),
        made_by="cuecircuit fit",
    )


def _models(
    out: Path, source: FitSource, tables: Mapping[str, pd.DataFrame], settings: Mapping[str, object]
) -> Iterator[Item]:
    comparison = tables["comparison"]
    animals = settings["animals"], settings["left_out"]
    fitted, left_out = (list(each) if isinstance(each, list) else [] for each in animals)
    yield Facts(
        values={
            "Animals": str(len(fitted)),
            "Sessions": short(sum(len(source.sessions[subject]) for subject in fitted)),
            "Held out": _held_out(str(settings["hold_out"])),
        }
    )
    yield Paragraph(text=_best(comparison))
    if left_out:
        yield Paragraph(text=f"Left out, with too few infusions to have intervals: {listed(map(str, left_out))}.")
    yield from _figure(out, "comparison", comparison)
    yield TableItem(id="comparison", title="Models, the best first", frame=comparison)


def _held_out(choice: str) -> str:
    kind, _, number = choice.partition(":")
    if kind == "last":
        return f"last {counted(int(number), 'session')} of each animal"
    return f"one interval in {number}" if kind == "every" else "nothing"


def _best(comparison: pd.DataFrame) -> str:
    """Return which model predicts best, and by how much it does so better than the next."""
    best = comparison.iloc[0]
    text = f"Of {counted(len(comparison), 'model')} {best['model']}"
    if pd.isna(best["difference"]):
        return f"{text} has the highest marginal likelihood; nothing was held out, so nothing was predicted."
    text += f" predicts the {counted(int(best['intervals']), 'interval')} held out best"
    if len(comparison) == 1:
        return f"{text}: it is the only one."
    second = comparison.iloc[1]
    limits = f"{number(second['difference'], 3)} [{number(second['low'], 3)}, {number(second['high'], 3)}]"
    doubt = "; the interval includes 0: the data do not tell the two apart" if second["high"] >= 0 else ""
    return f"{text}; the next, {second['model']}, has a log score that differs by {limits} nat per interval{doubt}."


def _animals(out: Path, source: FitSource, tables: Mapping[str, pd.DataFrame]) -> Iterator[Item]:
    gaps = [
        pd.DataFrame({"subject": subject, "start": one.start, "infusion_min": one.infusions_s / 60})
        for subject, sessions in source.sessions.items()
        for one in sessions
    ]
    yield from _figure(out, "intervals", pd.concat(gaps, ignore_index=True))
    for name, title in _TABLES.items():
        if name in tables:
            if name != "parameters":
                yield from _figure(out, name, tables[name])
            frame = tables[name]
            yield TableItem(id=name, title=title, frame=frame, folded=len(frame) > _LONG)


def _figure(out: Path, name: str, table: pd.DataFrame) -> Iterator[FigureItem]:
    path = out / f"{name}.svg"
    if path.is_file():
        caption = str(read_json(out / "figures.json")[name])
        yield FigureItem(
            id=f"figure-{name}",
            title=_FIGURES[name],
            caption=caption,
            alt=caption,
            svg=path.read_bytes(),
            tsv=tsv(table),
            wide=name != "comparison",
        )


def _kinetics(kinetics: Kinetics) -> TableItem:
    rows = [
        {
            "compound": compound.name,
            "half_life_min": compound.half_life_min,
            "potency": compound.potency,
            "assumed": "yes" if compound.assumed else "no",
            "source": compound.source,
        }
        for compound in kinetics.compounds
    ]
    return TableItem(id="kinetics", title=f"Kinetics of {words(kinetics.drug)}", frame=pd.DataFrame(rows))
