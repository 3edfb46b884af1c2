"""The page of a plan: how many subjects, the power of every question, what is not planned, what was assumed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.figures.numbers import short
from cuecircuit.planning.askable import OF_MAPS
from cuecircuit.planning.outcomes import EQUIVALENCE, fewest_arrangements
from cuecircuit.planning.power import TEST, Plan
from cuecircuit.report.content import Facts, FigureItem, Item, Paragraph, ReportContent, Section, TableItem, TextFile
from cuecircuit.report.marks import counted
from cuecircuit.study.accounting import split_reference

_LONG = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanTables:
    """The tables that are written beside the page."""

    power: pd.DataFrame
    smallest: pd.DataFrame
    assumed: pd.DataFrame
    not_planned: pd.DataFrame
    sequential: pd.DataFrame | None


def title_of(plan: Plan, question: str) -> str:
    """Return the heading of a question."""
    return plan.files.study.questions[question].title or question.replace("_", " ").capitalize()


def effects_from(plan: Plan) -> str:
    """Name the file that states the effects."""
    effects = plan.settings.effects
    return effects.name if effects else f"{plan.files.file.name}, simulation"


def whose_effects(plan: Plan) -> str:
    """Return what power rests on: stated effects and their multiples, or the animals that live through the study."""
    if plan.lived:
        return (
            f"power is that of animals of the mechanism with the parameters of {effects_from(plan)}, which are assumed "
            "and not fitted; other parameters have other power, and real animals their own"
        )
    smaller = ", ".join(f"{multiple:g}" for multiple in plan.multiples if multiple != 1)
    others = f", and of {smaller} times these" if smaller else ", and of no others"
    return (
        f"power is that of the effects stated in {effects_from(plan)}{others}; nobody knows the true ones, and those "
        "that a first study finds are usually too large"
    )


def plan_content(
    plan: Plan,
    tables: PlanTables,
    figures: Mapping[str, Sequence[FigureItem]],
    *,
    preregistration: str,
    rerun: str,
    versions: Mapping[str, str],
    pages: Mapping[str, str],
) -> ReportContent:
    """Put the page together.

    Args:
        plan: what was drawn and found.
        tables: of all hypotheses.
        figures: by question.
        preregistration: Markdown.
        rerun: the command that gives the same plan again.
        versions: of the programs.
        pages: other pages of the study, by address.
    """
    questions = [name for name in plan.files.study.questions if name in figures]
    sections = [
        _summary(plan, tables),
        *(
            Section(id=f"power-{n}", title=title_of(plan, n), items=_question(plan, tables, figures[n], n))
            for n in questions
        ),
        *([] if tables.sequential is None else [_sequential(plan, tables.sequential)]),
        *([_not_planned(tables)] if len(tables.not_planned) else []),
        _assumed(tables),
        _preregistration(preregistration),
        _settings(rerun, versions),
    ]
    totals = plan.totals
    return ReportContent(
        title=f"Plan: {plan.files.study.about.title}",
        subtitle=f"Simulated studies of {totals[0]} to {totals[-1]} subjects; no animal or person was measured.",
        sections=tuple(sections),
        banner=(
            f"(seed {plan.settings.seed}, hypothesis {plan.hypothesis}). Studies were drawn from the numbers under "
            "“What was assumed”; the page shows what a design could find in such a world, not what is so in animals or "
            "people."
        ),
        pages=pages,
        made_by="cuecircuit plan",
    )


def _summary(plan: Plan, tables: PlanTables) -> Section:
    settings = plan.settings
    facts = {
        "Power is wanted for": plan.hypothesis,
        "Power wanted": f"{short(100 * settings.power)} %",
        "Drawn studies": f"{short(settings.draws)} of each size and hypothesis",
        "Effects from": effects_from(plan),
        "True effects, times those stated": ", ".join(f"{multiple:g}" for multiple in plan.multiples),
        "Subjects, all groups": ", ".join(map(str, plan.totals)),
    }
    # equivalence is what one hopes to show where nothing is planted
    vain = np.where(tables.power["kind"] == EQUIVALENCE, "yes", "no")
    planted = tables.power[(tables.power["hypothesis"] == plan.hypothesis) & (tables.power["planted"] != vain)]
    keys = set(planted[TEST].itertuples(index=False, name=None))
    shown = [key in keys for key in tables.smallest[TEST].itertuples(index=False, name=None)]
    note = (
        "Fewest subjects in all groups together, of every test with a planted effect (of equivalence: without one), "
        "where the true effects are as many times those stated as the column says. The file has every test, and low "
        "and high: the same where the power curve is at the upper and the lower end of its 95 % Monte Carlo interval. "
        "Between two sizes the normal quantile of power is taken as linear in the root of the number of subjects; "
        "beyond the sizes nothing is claimed."
    )
    display = by_multiple(tables.smallest[shown], plan.totals)
    table = TableItem(
        id="smallest",
        title=f"Smallest design for a power of {short(100 * settings.power)} %",
        frame=tables.smallest,
        display=display[[name for name in display if (display[name] != "").any()]] if len(display) else display,
        notes=(note,),
        folded=sum(shown) > _LONG,
    )
    whose = Paragraph(text=f"{whose_effects(plan).capitalize()}.")
    items = (Facts(values=facts), whose, table)
    return Section(id="summary", title="How many subjects", items=items)


def by_multiple(smallest: pd.DataFrame, totals: Sequence[int]) -> pd.DataFrame:
    """Put the fewest subjects of a test side by side, a column for each multiple of the effects."""
    subjects = [_fewest(number, totals) for number in smallest["subjects"]]
    columns = [f"{multiple:g} × effects" for multiple in smallest["multiple"]]
    long = smallest[TEST].assign(subjects=subjects, column=columns)
    order = [f"{multiple:g} × effects" for multiple in sorted(set(smallest["multiple"]))]
    wide = long.pivot_table(index=TEST, columns="column", values="subjects", aggfunc="first", sort=False)
    return wide[order].reset_index()


def _fewest(subjects: float, totals: Sequence[int]) -> str:
    if pd.isna(subjects):
        return f"more than {totals[-1]}"
    return f"{subjects:g} or fewer" if subjects <= totals[0] else f"{subjects:g}"


def _question(plan: Plan, tables: PlanTables, figures: Sequence[FigureItem], name: str) -> tuple[Item, ...]:
    of_question = tables.power[(tables.power["question"] == name) & (tables.power["hypothesis"] == plan.hypothesis)]
    table = TableItem(
        id=f"power-table-{name}",
        title=f"{title_of(plan, name)}: power and precision",
        frame=tables.power[tables.power["question"] == name],
        display=of_question.drop(columns=["hypothesis", "question", "by_group", "draws", "found"]),
        folded=True,
    )
    question = plan.files.study.questions[name]
    items: list[Item] = [*figures, table]
    if plan.voxels and name in plan.voxels.questions:
        text = (
            f"Maps were drawn in {short(plan.voxels.place.size)} voxels with noise whose FWHM is "
            f"{short(plan.voxels.smoothness.fwhm_classic_mm)} mm, and corrected as the study corrects. A test finds "
            "something in a region where survivors reach into it; anywhere: where anything survives. The SDs that "
            f"were stated are those of a voxel. Of permutations {fewest_arrangements(10**9, question.alpha)} at most "
            "were done for each test; null fields have the smoothness that was stated, not one estimated anew."
        )
        items.insert(0, Paragraph(text=text))
    elif split_reference(question.of)[0].startswith(OF_MAPS):
        text = (
            "Asked of maps in the study; planned by the mean of each region, corrected over the regions "
            f"({question.adjust}, {short(question.alpha)}). Voxels are not drawn: this stands for finding the effect "
            "somewhere in a region, and is no cluster inference. Noise of scans is in the spreads that were stated, "
            "not added to them."
        )
        items.insert(0, Paragraph(text=text))
    if question.of.startswith("edges."):
        text = (
            "Every pair of regions was drawn, each independently of the others; measured edges that share a region are "
            "not independent. Shown are edges that effects name, and anywhere: any edge."
        )
        items.insert(0, Paragraph(text=text))
    return tuple(items)


def _sequential(plan: Plan, table: pd.DataFrame) -> Section:
    bound = short(plan.settings.stop or 0)
    text = (
        f"A study that looks at the Bayes factor of a test after {', '.join(map(str, plan.totals))} subjects, and "
        f"stops as soon as it is {bound} or more for the effect or {bound} or more against it. Where nothing is "
        "planted, those that stop for the effect are misled; where something is, those that stop against it."
    )
    shown = table.drop(
        columns=["bound", "looks", "draws", "for_effect_low", "for_effect_high", "subjects_median", "planted"]
    )
    item = TableItem(
        id="sequential-table",
        title=f"Stopping at a Bayes factor of {bound}",
        frame=table,
        display=shown,
        notes=("Tests without a Bayes factor (mixed and robust models, comparisons, correlations) are left out.",),
        folded=len(table) > _LONG,
    )
    return Section(id="sequential", title="Stopping by evidence", items=(Paragraph(text=text), item))


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


def _preregistration(text: str) -> Section:
    open_lines = text.count("To be filled in")
    words = (
        "Questions, design, sample size with the power above, and analysis under the headings of OSF's form; "
        f"{counted(open_lines, 'line')} of it {'is' if open_lines == 1 else 'are'} for the authors to write."
    )
    file = TextFile(id="preregistration", ending="md", title="Text to register", text=text, media="text/markdown")
    return Section(id="preregistering", title="Preregistration", items=(Paragraph(text=words), file))


def _settings(rerun: str, versions: Mapping[str, str]) -> Section:
    again = TextFile(id="rerun", ending="sh", title="The same plan again", text=rerun, shown=True)
    programs = pd.DataFrame(versions.items(), columns=["program", "version"])
    table = TableItem(id="versions", title="Programs", frame=programs)
    return Section(id="settings", title="Settings and provenance", items=(again, table))
