"""The page of a plan: how many animals, how precise, which hypotheses it separates, and what was assumed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from cuecircuit.figures.numbers import short
from cuecircuit.report.content import Facts, FigureItem, Item, Paragraph, ReportContent, Section, TableItem, TextFile
from cuecircuit.report.marks import counted, effect_text, settings_table
from cuecircuit.study.study import Study


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanFacts:
    """What the page says of the plan in words; `animals` of each design, all groups."""

    truth: str
    meaning: str
    hypotheses: tuple[str, ...]
    model: str
    studies: int
    power: float
    animals: tuple[int, ...]
    permutations: int
    rerun: str
    limits: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanTables:
    """The tables as they lie beside the page."""

    power: pd.DataFrame
    precision: pd.DataFrame
    smallest: pd.DataFrame
    separation: pd.DataFrame
    confusion: pd.DataFrame
    assumed: pd.DataFrame


def plan_content(
    study: Study,
    facts: PlanFacts,
    tables: PlanTables,
    figures: Mapping[str, FigureItem],
    versions: Mapping[str, str],
) -> ReportContent:
    """Put the page together; `figures` by file name, those that there are."""
    sections = [
        _summary(facts, tables),
        Section(id="power", title="Power", items=(*_figures(figures, "power"), _power(facts, tables))),
        Section(id="precision", title="Precision", items=(*_figures(figures, "precision"), _precision(tables))),
        *([_separation(facts, tables, figures)] if len(facts.hypotheses) > 1 else []),
        _assumed(facts, tables),
        _settings(study, facts, versions),
    ]
    return ReportContent(
        title=f"Plan: {study.about.title}",
        subtitle=f"Simulated studies of {facts.animals[0]} to {facts.animals[-1]} animals; no animal was used.",
        sections=tuple(sections),
        made_by="cuecircuit plan",
    )


def _figures(figures: Mapping[str, FigureItem], start: str) -> list[FigureItem]:
    return [item for name, item in figures.items() if name.startswith(start)]


def _summary(facts: PlanFacts, tables: PlanTables) -> Section:
    values = {
        "Power is wanted for": facts.truth,
        "Power wanted": f"{short(100 * facts.power)} %",
        "Simulated studies": f"{short(facts.studies)} of each size and hypothesis",
        "Effects from": facts.model,
        "Animals, all groups": ", ".join(map(str, facts.animals)),
    }
    text = (
        "How many animals a study needs to find, with the power that is wanted, what is true in the simulated studies: "
        f"{facts.meaning}. Every study was tested by the functions that analyze a real one. The numbers hold for the "
        "effects and spreads that were put in (What was assumed): they say what a design could find in such a world, "
        "not what is so in animals."
    )
    note = (
        "Fewest animals in all groups together. Low and high: the same where the power curve is at the upper and the "
        "lower end of its 95 % Monte Carlo interval. Between two sizes the normal quantile of power is taken as "
        "linear in the root of the number of animals; beyond the sizes nothing is said."
    )
    largest = tables.power[tables.power["hypothesis"] == facts.truth]
    largest = largest[largest["animals"] == largest["animals"].max()]
    above = set(largest["test"][largest["ci_low"] > largest["alpha"]])
    worth = tables.smallest["test"].isin(above)
    left_out = (
        f"{counted(int((~worth).sum()), 'test')} that the largest design finds no more often than their level are left "
        "out here; the file has them."
    )
    item = TableItem(
        id="smallest",
        title=f"Smallest design for a power of {short(100 * facts.power)} %",
        frame=tables.smallest,
        display=_printed(tables.smallest[worth].drop(columns="wanted_power")),
        notes=(note, left_out),
    )
    return Section(id="summary", title="How many animals", items=(Facts(values=values), Paragraph(text=text), item))


def _power(facts: PlanFacts, tables: PlanTables) -> TableItem:
    wide = tables.power.assign(
        power=[
            f"{100 * p:.0f} ({100 * low:.0f}–{100 * high:.0f})"
            for p, low, high in zip(tables.power["power"], tables.power["ci_low"], tables.power["ci_high"], strict=True)
        ]
    )
    wide = wide[wide["hypothesis"] == facts.truth]
    shown = wide.pivot(index="test", columns="animals", values="power").loc[list(dict.fromkeys(wide["test"]))]
    rules = wide.drop_duplicates("test").set_index("test")["rule"]
    shown.columns = [f"{n} animals" for n in shown.columns]
    return TableItem(
        id="power-table",
        title=f"Power under {facts.truth}, % (95 % Monte Carlo interval)",
        frame=tables.power,
        display=_printed(shown.reset_index().assign(decided_by=[rules[name] for name in shown.index])),
        notes=(
            "The file has every hypothesis; where one holds no effect, the share is the rate of false findings.",
            "Cluster detection is stated by regions: each region's mean, corrected over the regions. That any region "
            "is found stands for finding a cluster; the voxels of a cluster were not simulated.",
            f"Within-group correlations: {facts.permutations} permutations inside the groups.",
        ),
        folded=True,
    )


def _precision(tables: PlanTables) -> TableItem:
    return TableItem(
        id="precision-table",
        title="Expected 95 % intervals",
        frame=tables.precision,
        display=_printed(tables.precision),
        notes=(
            "Of a factor with several levels the last less the first, of an interaction the difference of these "
            "differences, with the contrast's own error; of correlations Fisher's interval.",
        ),
        folded=True,
    )


def _separation(facts: PlanFacts, tables: PlanTables, figures: Mapping[str, FigureItem]) -> Section:
    text = (
        "For each pair of hypotheses the one test whose power differs most between them, chosen in every other study "
        "and judged in the rest. A design separates a pair if that test finds something in at least "
        f"{_both(facts)}."
    )
    told = (
        "The pattern of all tests together (found below 0, not found, found above) tells one hypothesis for each "
        "study: naive Bayes, learned from every other study. It knows the hypotheses exactly, as nobody does of real "
        "animals: the shares are the most that can be hoped for."
    )
    percent = tables.confusion.assign(share=100 * tables.confusion["share"])
    order, least = list(facts.hypotheses), percent["animals"].min()
    wide = percent[percent["animals"] == least].pivot(index="truth", columns="told", values="share")
    right = percent[percent["truth"] == percent["told"]].pivot(index="truth", columns="animals", values="share")
    right.columns = [f"{n} animals" for n in right.columns]
    confusion = TableItem(
        id="confusion-table",
        title=f"Told from the pattern of all tests, {least} animals, % of studies",
        frame=tables.confusion,
        display=pd.DataFrame(wide.loc[order, order]).reset_index(),
        notes=(told,),
        headings={"truth": "True", **{name: f"Told {name}" for name in order}},
    )
    rightly = TableItem(
        id="told-table",
        title="Told rightly, % of studies",
        frame=right.loc[order].reset_index(),
        headings={"truth": "True"},
    )
    pairs = TableItem(
        id="separation-table",
        title="Pairs of hypotheses",
        frame=tables.separation,
        display=_printed(tables.separation),
        folded=True,
    )
    items: tuple[Item, ...] = (Paragraph(text=text), *_figures(figures, "separation"), pairs, confusion, rightly)
    return Section(id="separation", title="Which hypotheses it separates", items=items)


def _assumed(facts: PlanFacts, tables: PlanTables) -> Section:
    assumed = int((tables.assumed["source"] == "assumed").sum())
    text = Markup(
        'The simulated studies rest on {}; {} of them are <span class="assumed-mark">assumed</span>: no source prints '
        "them, and a plan with others gives other sizes. A table of one's own (--effects) takes their place. {}"
    ).format(counted(len(tables.assumed), "number"), assumed, facts.limits)
    table = TableItem(id="numbers", title="What was put in", frame=tables.assumed)
    return Section(id="assumed", title="What was assumed", items=(Paragraph(text=text), table))


def _settings(study: Study, facts: PlanFacts, versions: Mapping[str, str]) -> Section:
    rerun = TextFile(id="rerun", ending="sh", title="The same bytes again", text=facts.rerun, shown=True)
    programs = pd.DataFrame(versions.items(), columns=["program", "version"])
    table = TableItem(id="settings-table", title="Every setting of the study", frame=settings_table(study), folded=True)
    return Section(
        id="settings",
        title="Settings and provenance",
        items=(rerun, TableItem(id="versions", title="Programs", frame=programs), table),
    )


def _printed(frame: pd.DataFrame) -> pd.DataFrame:
    """Say effects with the field's sign."""
    return frame.assign(test=[effect_text(name) for name in frame["test"]])


def power_caption(facts: PlanFacts, background: Sequence[str] = ()) -> str:
    """Caption of the power curves."""
    rest = f" Gray: {background[0]}." if background else ""
    return (
        f"Share of {short(facts.studies)} simulated studies in which the test finds something, under {facts.truth}; "
        f"bands: exact 95 % Monte Carlo intervals; dashed: the power wanted, {short(100 * facts.power)} %.{rest}"
    )


def precision_caption(facts: PlanFacts) -> str:
    """Caption of the precision curves."""
    studies = short(facts.studies)
    return f"Mean width of the 95 % confidence interval over {studies} simulated studies, under {facts.truth}."


def separation_caption(facts: PlanFacts) -> str:
    """Caption of the pairs of hypotheses."""
    return (
        "Difference between the shares of studies in which the best test of a pair finds something under the one and "
        f"the other hypothesis; * at least {_both(facts)}."
    )


def _both(facts: PlanFacts) -> str:
    wanted, rest = short(100 * facts.power), short(100 * (1 - facts.power))
    return f"{wanted} % of studies under one and at most {rest} % under the other"
