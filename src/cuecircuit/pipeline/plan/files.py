"""What a plan writes: tables with their sidecars, curves, the page, and the settings it came from."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cuecircuit.figures.plan import Curve, Panel, curves_figure, separation_figure
from cuecircuit.figures.saving import save
from cuecircuit.io.derivatives import write_description
from cuecircuit.io.tables import ColumnNote, read_table, write_json, write_table
from cuecircuit.pipeline.plan.tables import (
    CONFUSION_NOTES,
    POWER_NOTES,
    PRECISION_NOTES,
    SEPARATION_NOTES,
    SMALLEST_NOTES,
    Plan,
    confusion_table,
    power_table,
    precision_table,
    separation_table,
    smallest_table,
    unit_of,
)
from cuecircuit.pipeline.provenance import software
from cuecircuit.report import plan_page
from cuecircuit.report.content import FigureItem
from cuecircuit.report.page import render
from cuecircuit.report.plan_page import PlanFacts, PlanTables, plan_content
from cuecircuit.simulation.plan_assumed import NOTES, mechanism_numbers, planted_numbers, table_numbers
from cuecircuit.simulation.planted import HYPOTHESES
from cuecircuit.study.planned import PlannedTest

_CURVE_NOTES: Mapping[str, ColumnNote] = {
    "panel": "panel of the figure",
    "test": "planned test",
    "animals": "animals of the design, all groups",
    "value": "height of the curve",
    "low": "lower end of its band",
    "high": "upper end of its band",
}
_DOSES = "The planted statistics are those of the article's doses; for other doses there is --model mechanism."
_KINDS = {
    "behavior": ("phase",),
    "regions": ("any region", "region"),
    "correlations": ("correlation", "within-group correlation"),
}


def write_plan(folder: Path, plan: Plan, study_file: bytes) -> None:
    """Write everything a plan gives.

    Raises:
        DataError: the place cannot be written.
    """
    facts, tables = _facts(plan), _tables(plan)
    write_description(folder, f"Plan: {plan.study.about.title}")
    (folder / "study.yaml").write_bytes(study_file)
    notes = (POWER_NOTES, PRECISION_NOTES, SMALLEST_NOTES, SEPARATION_NOTES, CONFUSION_NOTES, NOTES)
    for name, own in zip(PlanTables.__dataclass_fields__, notes, strict=True):
        if len(plan.results) > 1 or name not in ("separation", "confusion"):
            write_table(folder / f"{name}.tsv", getattr(tables, name), own)
    write_json(folder / "settings.json", _settings(plan))
    figures = dict(_figures(folder, plan, facts, tables))
    page = render(plan_content(plan.study, facts, tables, figures, software()))
    (folder / "plan.html").write_text(page, encoding="utf-8")


def _tables(plan: Plan) -> PlanTables:
    power = power_table(plan)
    return PlanTables(
        power=power,
        precision=precision_table(plan),
        smallest=smallest_table(plan, power),
        separation=separation_table(plan),
        confusion=confusion_table(plan),
        assumed=_numbers(plan),
    )


def _numbers(plan: Plan) -> pd.DataFrame:
    settings = plan.settings
    if settings.effects is not None:
        return table_numbers(read_table(settings.effects, text=("measure", "group", "condition", "source")))
    return mechanism_numbers(plan.study) if settings.model == "mechanism" else planted_numbers(plan.study, plan.truth)


def _settings(plan: Plan) -> dict[str, object]:
    own = plan.settings
    return {
        "study": plan.name,
        "animals_by_group": [list(sizes) for sizes in plan.sizes],
        "groups": list(plan.study.subjects.groups),
        "studies": own.studies,
        "power": own.power,
        "hypotheses": list(plan.results),
        "effects": own.effects.name if own.effects else own.model,
        **({"policy": own.policy, "learning": own.learning, "pool": own.pool} if own.model == "mechanism" else {}),
        "permutations": own.permutations,
        "tests": [test.name for test in plan.tests],
        "seed": own.seed,
        "software": software(),
    }


def _facts(plan: Plan) -> PlanFacts:
    own = plan.settings
    meaning = HYPOTHESES.get(plan.truth, "") if own.effects is None else "the effects of the table"
    planted = own.effects is None and own.model == "planted"
    limits = [_DOSES] if planted else []
    covariates = [name for name in plan.study.group.covariates if name != "respiration" or own.effects is not None]
    if covariates:
        limits.append(f"Covariates of the study that were not simulated: {', '.join(covariates)}.")
    return PlanFacts(
        truth=plan.truth,
        meaning=meaning or plan.truth,
        hypotheses=tuple(plan.results),
        model=own.effects.name
        if own.effects
        else {"planted": "the article's statistics"}.get(own.model, "the mechanism"),
        studies=own.studies,
        power=own.power,
        animals=plan.totals,
        permutations=own.permutations,
        rerun=_rerun(plan),
        limits=" ".join(limits),
    )


def _rerun(plan: Plan) -> str:
    own = plan.settings
    words = ["cuecircuit", "plan", plan.name, "OUT", "--studies", str(own.studies), "--power", f"{own.power:g}"]
    for text in own.animals:
        words += ["--animals", text]
    for name in own.hypotheses:
        words += ["--hypothesis", name]
    for text in own.tests:
        words += ["--test", text]
    if own.effects is not None:
        words += ["--effects", own.effects.name]
    elif own.model == "mechanism":
        words += ["--model", own.model, "--pool", str(own.pool), "--policy", own.policy, "--learning", own.learning]
    return shlex.join([*words, "--permutations", str(own.permutations), "--seed", str(own.seed)]) + "\n"


def _figures(folder: Path, plan: Plan, facts: PlanFacts, tables: PlanTables) -> Iterator[tuple[str, FigureItem]]:
    own = tables.power[tables.power["hypothesis"] == plan.truth].rename(
        columns={"power": "value", "ci_low": "low", "ci_high": "high"}
    )
    widths = tables.precision.rename(columns={"ci_width": "value"}).assign(low=np.nan, high=np.nan)
    for measure, table in (("power", own), ("precision", widths)):
        for kind, kinds in _KINDS.items():
            tests = [test for test in plan.tests if test.kind in kinds and (table["test"] == test.name).any()]
            if not tests:
                continue
            panels = _panels(plan, tests, table, units=measure == "precision")
            power = measure == "power"
            figure = curves_figure(
                panels,
                plan.totals,
                ylabel="Power" if power else "Width of the 95 % interval",
                line=plan.settings.power if power else None,
                unit_range=power,
            )
            gray = [panel.background for panel in panels if panel.background]
            caption = plan_page.power_caption(facts, gray) if power else plan_page.precision_caption(facts)
            yield _saved(folder, f"{measure}_{kind}", figure, caption, _drawn(panels, plan))
    if len(plan.results) > 1:
        yield _separation(folder, plan, facts, tables.separation)


def _panels(plan: Plan, tests: list[PlannedTest], table: pd.DataFrame, *, units: bool) -> list[Panel]:
    """Phases each in a panel; regions and correlations with the shown regions in color, the others behind."""
    panels: dict[str, list[Curve]] = {}
    shown = set(plan.study.regions.shown)
    if not shown & {test.part for test in tests}:
        shown = set(dict.fromkeys(test.part for test in tests[:3]))
    for test in tests:
        rows = table[table["test"] == test.name]
        y, low, high = (rows[name].to_numpy(float) for name in ("value", "low", "high"))
        if test.kind == "phase":
            title, label = test.part.replace("_", " ").capitalize(), test.term.replace(":", " × ")
        else:
            title = "Regions" if "region" in test.kind else test.kind.capitalize()
            front = test.kind == "any region" or test.part in shown
            label = (test.part or "any region") if front else ""
        title = f"{title} ({unit_of(plan.study, test)})" if units else title
        band = not np.isnan(low).all()
        panels.setdefault(title, []).append(
            Curve(name=test.name, label=label, y=y, low=low if band else None, high=high if band else None)
        )
    return [
        Panel(title=title, curves=tuple(curves), background="other regions" if any(not c.label for c in curves) else "")
        for title, curves in panels.items()
    ]


def _drawn(panels: list[Panel], plan: Plan) -> pd.DataFrame:
    nothing = np.full(len(plan.totals), np.nan)
    rows = [
        (panel.title, curve.name, *numbers)
        for panel in panels
        for curve in panel.curves
        for numbers in zip(
            plan.totals,
            curve.y,
            nothing if curve.low is None else curve.low,
            nothing if curve.high is None else curve.high,
            strict=True,
        )
    ]
    return pd.DataFrame(rows, columns=list(_CURVE_NOTES))


def _separation(folder: Path, plan: Plan, facts: PlanFacts, table: pd.DataFrame) -> tuple[str, FigureItem]:
    pairs = [f"{a} – {b}" for a, b in table[["hypothesis_a", "hypothesis_b"]].drop_duplicates().itertuples(index=False)]
    shape = (len(plan.sizes), len(pairs))
    difference = (table["power_a"] - table["power_b"]).abs().to_numpy(float).reshape(shape).T
    separates = (table["separates"] == "yes").to_numpy(float).reshape(shape).T
    figure = separation_figure(pairs, plan.totals, difference, separates)
    rows = table.assign(panel=[*pairs] * len(plan.sizes), value=(table["power_a"] - table["power_b"]).abs())
    drawn = rows.assign(low=np.nan, high=np.nan)[list(_CURVE_NOTES)]
    return _saved(folder, "separation", figure, plan_page.separation_caption(facts), drawn)


def _saved(folder: Path, name: str, figure: Figure, caption: str, drawn: pd.DataFrame) -> tuple[str, FigureItem]:
    stem = folder / "figures" / name
    files = save(figure, stem)
    write_table(stem.with_suffix(".tsv"), drawn, _CURVE_NOTES)
    item = FigureItem(
        id=name,
        title=name.replace("_", " of ").capitalize(),
        caption=caption,
        alt=caption,
        svg=files.svg,
        png=files.png,
        tsv=stem.with_suffix(".tsv").read_text(encoding="utf-8"),
        wide=drawn["panel"].nunique() > 1,
    )
    return name, item
