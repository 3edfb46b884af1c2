"""The page of a plan: how many subjects, the power of every question, what is not planned, what was assumed."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from cuecircuit.figures.numbers import short
from cuecircuit.planning.askable import OF_MAPS
from cuecircuit.planning.power import TEST, Plan
from cuecircuit.report.content import Facts, FigureItem, Item, Paragraph, ReportContent, Section, TableItem, TextFile
from cuecircuit.report.marks import counted, effect_text
from cuecircuit.study.accounting import split_reference

_LONG = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanTables:
    """The tables that are written beside the page."""

    power: pd.DataFrame
    smallest: pd.DataFrame
    assumed: pd.DataFrame
    not_planned: pd.DataFrame


def title_of(plan: Plan, question: str) -> str:
    """Return the heading of a question."""
    return plan.files.study.questions[question].title or question.replace("_", " ").capitalize()


def plan_content(
    plan: Plan,
    tables: PlanTables,
    figures: Mapping[str, FigureItem],
    *,
    rerun: str,
    versions: Mapping[str, str],
) -> ReportContent:
    """Put the page together.

    Args:
        plan: what was drawn and found.
        tables: of all hypotheses.
        figures: by question.
        rerun: the command that gives the same plan again.
        versions: of the programs.
    """
    questions = [name for name in plan.files.study.questions if name in figures]
    sections = [
        _summary(plan, tables),
        *(
            Section(id=f"power-{n}", title=title_of(plan, n), items=_question(plan, tables, figures[n], n))
            for n in questions
        ),
        *([_not_planned(tables)] if len(tables.not_planned) else []),
        _assumed(tables),
        _settings(rerun, versions),
    ]
    totals = plan.totals
    return ReportContent(
        title=f"Plan: {plan.files.study.about.title}",
        subtitle=f"Simulated studies of {totals[0]} to {totals[-1]} subjects; no animal or person was measured.",
        sections=tuple(sections),
        made_by="cuecircuit plan",
    )


def _summary(plan: Plan, tables: PlanTables) -> Section:
    settings = plan.settings
    warning = Markup('<strong class="simulated">SIMULATED DATA</strong> {}').format(
        f"(seed {settings.seed}, hypothesis {plan.hypothesis}). Studies were drawn from the numbers under What was "
        "assumed; the page shows what a design could find in such a world, not what is so in animals or people."
    )
    facts = {
        "Power is wanted for": plan.hypothesis,
        "Power wanted": f"{short(100 * settings.power)} %",
        "Drawn studies": f"{short(settings.draws)} of each size and hypothesis",
        "Effects from": settings.effects.name if settings.effects else f"{plan.files.file.name}, simulation",
        "Subjects, all groups": ", ".join(map(str, plan.totals)),
    }
    planted = tables.power[(tables.power["hypothesis"] == plan.hypothesis) & (tables.power["planted"] == "yes")]
    keys = set(planted[TEST].itertuples(index=False, name=None))
    shown = [key in keys for key in tables.smallest[TEST].itertuples(index=False, name=None)]
    note = (
        "Fewest subjects in all groups together, of every test with a planted effect; the file has every test. Low and "
        "high: the same where the power curve is at the upper and the lower end of its 95 % Monte Carlo interval. "
        "Between two sizes the normal quantile of power is taken as linear in the root of the number of subjects; "
        "beyond the sizes nothing is claimed."
    )
    table = TableItem(
        id="smallest",
        title=f"Smallest design for a power of {short(100 * settings.power)} %",
        frame=tables.smallest,
        display=_printed(tables.smallest[shown].drop(columns="wanted_power")),
        notes=(note,),
        folded=sum(shown) > _LONG,
    )
    return Section(id="summary", title="How many subjects", items=(Paragraph(text=warning), Facts(values=facts), table))


def _question(plan: Plan, tables: PlanTables, figure: FigureItem, name: str) -> tuple[Item, ...]:
    own = tables.power[(tables.power["question"] == name) & (tables.power["hypothesis"] == plan.hypothesis)]
    table = TableItem(
        id=f"power-table-{name}",
        title=f"{title_of(plan, name)}: power and precision",
        frame=tables.power[tables.power["question"] == name],
        display=_printed(own.drop(columns=["hypothesis", "question", "by_group", "draws", "found"])),
        folded=True,
    )
    question = plan.files.study.questions[name]
    items: list[Item] = [figure, table]
    if split_reference(question.of)[0].startswith(OF_MAPS):
        text = (
            "Asked of maps in the study; planned by the mean of each region, corrected over the regions "
            f"({question.adjust}, {short(question.alpha)}). Voxels are not drawn: this stands for finding the effect "
            "somewhere in a region, and is no cluster inference. Noise of scans is in the spreads that were stated, "
            "not added to them."
        )
        items.insert(0, Paragraph(text=text))
    return tuple(items)


def _not_planned(tables: PlanTables) -> Section:
    text = f"{counted(len(tables.not_planned), 'question')} of the study cannot be planned from drawn numbers."
    table = TableItem(id="not-planned-table", title="Why, and what to do", frame=tables.not_planned)
    return Section(id="not-planned", title="What is not planned", items=(Paragraph(text=text), table))


def _assumed(tables: PlanTables) -> Section:
    text = (
        "The drawn studies rest on these numbers; a plan with others gives other sizes. The section simulation of the "
        "study file, or a file with --effects, states them."
    )
    table = TableItem(id="numbers", title="What was put in", frame=tables.assumed)
    return Section(id="assumed", title="What was assumed", items=(Paragraph(text=text), table))


def _settings(rerun: str, versions: Mapping[str, str]) -> Section:
    again = TextFile(id="rerun", ending="sh", title="The same plan again", text=rerun, shown=True)
    programs = pd.DataFrame(versions.items(), columns=["program", "version"])
    table = TableItem(id="versions", title="Programs", frame=programs)
    return Section(id="settings", title="Settings and provenance", items=(again, table))


def _printed(frame: pd.DataFrame) -> pd.DataFrame:
    """Print effects with the field's sign for interactions."""
    return frame.assign(term=[effect_text(term) for term in frame["term"]])
