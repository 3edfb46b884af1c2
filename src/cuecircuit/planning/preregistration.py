"""A preregistration of a planned study: what its file and its plan state, under the headings of OSF's template.

The headings are those of the form OSF Preregistration (version 3; template by Bowman et al. 2020). What neither the
file nor the plan holds is a line to be filled in, so that authors see what is left to write.
"""

import re
from collections.abc import Hashable, Mapping

import pandas as pd

from cuecircuit.figures.numbers import effect_text, short
from cuecircuit.pages.methods import design_texts
from cuecircuit.planning import analysis_plan
from cuecircuit.planning.analysis_plan import OPEN, Lines, markdown_table, named, one_line, tested
from cuecircuit.planning.plan_content import PlanTables, by_multiple, effects_from, whose_effects
from cuecircuit.planning.power import TEST, Plan
from cuecircuit.report.marks import counted, words
from cuecircuit.report.page import beside_page
from cuecircuit.report.references import library, printed_reference
from cuecircuit.study.schema import Study

_MOST_NAMES = 6  # levels of `each` that are named


def preregistration_text(plan: Plan, tables: PlanTables, *, rerun: str, versions: Mapping[str, str]) -> str:
    """Write the preregistration as Markdown; the same plan gives the same text.

    Args:
        plan: with the study as its file states it.
        tables: of the plan.
        rerun: the command that gives the same plan again.
        versions: of the programs.
    """
    study = plan.stated_study
    written = {
        "hypotheses": _hypotheses(plan, tables),
        "design": _design(plan),
        "collection": _collection(study),
        "sample_size": _sample_size(plan),
        "rationale": _rationale(plan, tables, rerun),
        "stopping": [_stopping(plan)],
        "factors": analysis_plan.factors(study),
        "measured": analysis_plan.measured(study),
        "indices": analysis_plan.indices(study),
        "models": analysis_plan.models(study),
        "transformations": analysis_plan.transformations(study),
        "inference": analysis_plan.inference(study),
        "exclusion": analysis_plan.exclusion(study),
        "missing": analysis_plan.missing(study),
        "exploratory": analysis_plan.exploratory(study),
        "other": _other(plan, versions),
    }
    texts = {heading: "\n".join(lines) for heading, lines in written.items()}
    text = beside_page("preregistration.md.j2", about=study.about, title=one_line(study.about.title), **texts)
    return re.sub(r"\n{3,}", "\n\n", text)


def _hypotheses(plan: Plan, tables: PlanTables) -> Lines:
    power = tables.power
    planned = power[(power["hypothesis"] == plan.hypothesis) & (power["multiple"] == 1)]
    planned = planned[planned["subjects"] == plan.totals[plan.stated]]
    yield (
        f"Effects are predicted as the hypothesis `{plan.hypothesis}` of the plan states them; tests have two sides "
        "where Inference criteria names no other."
    )
    yield ""
    for number, (name, question) in enumerate(tested(plan.stated_study).items(), 1):
        asks = f" {one_line(question.why)}" if question.why else ""
        if name in plan.reasons:
            sentence = f"No power is stated: {one_line(plan.reasons[name])}."
        elif name not in plan.files.study.questions:
            sentence = "No power is stated: not asked of this plan."
        else:
            sentence = _predicted(planned[planned["question"] == name])
        yield f"{number}. **{named(name, question)}.**{asks} {sentence}"
    yield OPEN.format("each hypothesis in words, with its direction")


def _predicted(tests: pd.DataFrame) -> str:
    """State the effects of a question that are planted, with their size where it is one number."""
    parts = []
    for (_, term), rows in tests[tests["planted"] == "yes"].groupby(["kind", "term"], sort=False):
        levels = [level for level in rows["level"].fillna("") if level]
        true = rows["true"].dropna()
        size = f" of {short(float(true.iloc[0]))}" if len(rows) == len(true) == 1 else ""
        where = f" in {counted(len(levels), 'level')}" if len(levels) > _MOST_NAMES else f" in {', '.join(levels)}"
        parts.append(f"{effect_text(str(term))}{size}{where if levels else ''}")
    if parts:
        return f"Predicted: {'; '.join(parts)}."
    if (tests["planted"] == "unknown").any():
        return "What is predicted follows from the effects under Sample size rationale."
    return "No effect is predicted."


def _design(plan: Plan) -> Lines:
    study = plan.stated_study
    yield f"Species: {study.subjects.species}. {_sizes(plan)}"
    for name, factor in study.factors.items():
        yield f"- {words(name)}: {', '.join(factor.levels)} (the first is the reference)"
    for text in design_texts(study):
        yield ""
        yield one_line(text)
    yield ""
    yield OPEN.format("which factors are between and which within subjects by design, and counterbalancing")


def _sizes(plan: Plan) -> str:
    stated = plan.sizes[plan.stated]
    return f"{counted(sum(stated.values()), 'subject')}: {', '.join(f'{n} {group}' for group, n in stated.items())}."


def _collection(study: Study) -> Lines:
    yield OPEN.format("source of subjects, criteria of inclusion, timeline, ethics")
    if study.operant:
        phases = ", ".join(f"{words(name)} ({counted(one.days, 'day')})" for name, one in study.operant.phases.items())
        yield f"Sessions in their order: {phases}."


def _sample_size(plan: Plan) -> Lines:
    yield f"{_sizes(plan)}"
    if len(plan.sizes) > 1:
        yield ""
        yield from markdown_table(
            ["Designs of the plan, subjects", "By group"],
            [(str(sum(size.values())), ", ".join(f"{n} {group}" for group, n in size.items())) for size in plan.sizes],
        )


def _rationale(plan: Plan, tables: PlanTables, rerun: str) -> Lines:
    settings = plan.settings
    yield (
        f"Power by simulation: {short(settings.draws)} drawn studies of each size and hypothesis (seed "
        f"{settings.seed}), each analyzed as under Statistical models; wanted is {short(100 * settings.power)} %. In "
        "brackets the exact "
        "95 % Monte Carlo interval. Power is the share of drawn studies in which the p that decides is at most alpha; "
        f"without a planted effect it is the error rate. {whose_effects(plan).capitalize()}."
    )
    power = tables.power[(tables.power["hypothesis"] == plan.hypothesis) & (tables.power["kind"] != "comparison")]
    at_size = power[power["subjects"] == plan.totals[plan.stated]]
    for what, column, rows in (
        (f"Power with {_sizes(plan)[:-1]}, by the size of the true effects", "multiple", at_size),
        ("Power of effects as stated, by the number of subjects", "subjects", power[power["multiple"] == 1]),
    ):
        yield from ["", f"{what}:", "", *_power(rows, column)]
    yield "Of tests with several levels the range over these; `power.tsv` has each, and comparisons of means."
    yield ""
    planted = power[power["planted"] != "no"][TEST].drop_duplicates()
    fewest = tables.smallest.merge(planted, on=TEST)
    if len(fewest):
        yield f"Fewest subjects, all groups, for a power of {short(100 * settings.power)} %:"
        yield ""
        yield from _fewest(by_multiple(fewest, plan.totals))
    yield f"Assumed ({effects_from(plan)}):"
    yield ""
    yield from markdown_table(
        ["What", "Name", "Response", "Value", "Where"],
        tables.assumed[["what", "name", "in", "value", "where"]].astype(str).to_numpy().tolist(),
    )
    yield f"The same plan again: `{rerun.strip()}`"


def _stopping(plan: Plan) -> str:
    bound = plan.settings.stop
    if bound is None:
        return OPEN.format("when collection ends; the plan above looks at the data once")
    looks = ", ".join(map(str, plan.totals))
    return (
        f"The Bayes factor is looked at after {looks} subjects; collection ends as soon as it is {short(bound)} or "
        f"more for the effect or for none, and with {plan.totals[-1]} subjects at the latest (`sequential.tsv`). "
        f"{OPEN.format('the test whose Bayes factor decides')}"
    )


def _power(rows: pd.DataFrame, column: str) -> Lines:
    """Yield power of every test (rows) over multiples or subjects (columns)."""
    at = sorted(set(rows[column]))
    unit = " × effects" if column == "multiple" else " subjects"
    lines = []
    for names, test in rows.groupby(["question", "kind", "term"], sort=False):
        cells = [_share(test[test[column] == value]) for value in at]
        planted = ", ".join(dict.fromkeys(test["planted"]))
        lines.append([*_test(names, test), short(float(test["alpha"].iloc[0])), planted, *cells])
    yield from markdown_table(
        ["Question", "Test", "Alpha", "Planted", *(f"{short(float(x))}{unit}" for x in at)], lines
    )


def _share(rows: pd.DataFrame) -> str:
    """Print the power of a test with its interval, of several levels its range."""
    if len(rows) == 1:
        row = rows.iloc[0]
        return f"{row['power']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
    return f"{rows['power'].min():.2f} to {rows['power'].max():.2f}" if len(rows) else "–"


def _test(names: Hashable, rows: pd.DataFrame) -> list[str]:
    """Name the question and a test of it: its level, or how many it has."""
    question, _, term = map(str, names)  # pyright: ignore[reportArgumentType]
    levels = list(dict.fromkeys(level for level in rows["level"].fillna("") if level))
    where = f" ({counted(len(levels), 'level')})" if len(levels) > 1 else "".join(f" ({level})" for level in levels)
    return [f"`{question}`", f"{effect_text(term)}{where}"]


def _fewest(side: pd.DataFrame) -> Lines:
    columns = [column for column in side if column not in TEST]
    lines = []
    for names, test in side.groupby(["question", "kind", "term"], sort=False):
        ranges = [sorted(set(test[column]), key=_number) for column in columns]
        lines.append([*_test(names, test), *(" to ".join(dict.fromkeys((ends[0], ends[-1]))) for ends in ranges)])
    yield from markdown_table(["Question", "Test", *columns], lines)


def _number(subjects: str) -> float:
    return float(subjects.split()[0]) if subjects[0].isdigit() else float("inf")


def _other(plan: Plan, versions: Mapping[str, str]) -> Lines:
    programs = ", ".join(f"{name} {version}" for name, version in versions.items())
    yield f"Software: {programs}. Seed {plan.stated_study.seed}."
    yield "The study file `study.yaml` beside this text states every setting and is part of the registration."
    yield ""
    yield printed_reference(library()["bowman2020"])
