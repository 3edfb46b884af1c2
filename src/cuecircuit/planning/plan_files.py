"""What a plan writes: tables with their sidecars, curves, the page, and the settings it came from."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from cuecircuit.figures.saving import save
from cuecircuit.generators.parameters import PARAMETERS
from cuecircuit.io.bids_ignore import write_bidsignore
from cuecircuit.io.derivatives import write_description
from cuecircuit.io.tables import column_notes, write_json, write_table
from cuecircuit.pipeline.provenance import software
from cuecircuit.planning.plan_content import PlanTables, plan_content, title_of
from cuecircuit.planning.power import POWER_NOTES, SMALLEST_NOTES, Plan, power_table, smallest_table
from cuecircuit.planning.power_curves import CURVE_NOTES, Over, power_figure
from cuecircuit.planning.preregistration import preregistration_text
from cuecircuit.planning.sequential import SEQUENTIAL_NOTES, sequential_table
from cuecircuit.report.content import FigureItem
from cuecircuit.report.marks import value_text
from cuecircuit.report.page import render
from cuecircuit.study.questions import Simulation

PLAN_PAGE = "plan.html"
_ASSUMED_NOTES = column_notes("plan_assumed")
_REASON_NOTES = column_notes("not_planned")


def write_plan(folder: Path, plan: Plan, study_text: str, effects_text: str | None, pages: Mapping[str, str]) -> None:
    """Write everything a plan gives.

    Args:
        folder: an empty one.
        plan: what was drawn and found.
        study_text: of the study file.
        effects_text: of the file of effects.
        pages: other pages of the study, by address.

    Raises:
        DataError: the place cannot be written.
    """
    power = power_table(plan)
    tables = PlanTables(
        power=power,
        smallest=smallest_table(plan, power),
        assumed=_assumed(plan),
        not_planned=pd.DataFrame(plan.reasons.items(), columns=["question", "reason"]),
        sequential=None if plan.settings.stop is None else sequential_table(plan, power),
    )
    write_description(folder, f"Plan: {plan.files.study.about.title}")
    (folder / "study.yaml").write_text(study_text, encoding="utf-8")
    if effects_text is not None:
        (folder / "effects.yaml").write_text(effects_text, encoding="utf-8")
    notes = (POWER_NOTES, SMALLEST_NOTES, _ASSUMED_NOTES, _REASON_NOTES, SEQUENTIAL_NOTES)
    for name, table_notes in zip(PlanTables.__dataclass_fields__, notes, strict=True):
        if (table := getattr(tables, name)) is not None:
            write_table(folder / f"{name}.tsv", table, table_notes)
    write_json(folder / "settings.json", _settings(plan))
    figures = {name: tuple(_figures(folder, plan, power, name)) for name in plan.files.study.questions}
    figures = {name: drawn for name, drawn in figures.items() if drawn}
    rerun, versions = _rerun(plan), software()
    text = preregistration_text(plan, tables, rerun=rerun, versions=versions)
    (folder / "preregistration.md").write_text(text, encoding="utf-8")
    page = plan_content(plan, tables, figures, preregistration=text, rerun=rerun, versions=versions, pages=pages)
    (folder / PLAN_PAGE).write_text(render(page), encoding="utf-8")
    write_bidsignore(folder)


def _assumed(plan: Plan) -> pd.DataFrame:
    simulation = plan.files.study.simulation
    assert simulation is not None
    rows = [
        ("base", base.in_, base.in_, _base_text(base.mean, base.between_sd, base.within_sd), "every row", "all")
        for base in simulation.base
    ]
    for one in PARAMETERS if plan.lived else ():
        median = value_text(simulation.parameters.get(one.name, one.value))
        value = f"median {median} {one.unit.removeprefix('1')}".rstrip() + f", SD of log {one.sd:g}"
        rows.append(("parameter", one.name, "animals", value, "every animal", "all"))
    for name, effect in simulation.effects.items():
        sets = [one for one in plan.hypotheses if name in simulation.hypotheses.get(one, ())]
        if sets:
            value = value_text(effect.add) + (f"; r with {effect.slope_on}" if effect.slope_on else "")
            where = value_text(effect.where) if effect.where else "every row"
            rows.append(("effect", name, effect.in_, value, where, ", ".join(sets)))
    rows += [("missing", level, "", value_text(share), "", "all") for level, share in simulation.missing.items()]
    return pd.DataFrame(rows, columns=list(_ASSUMED_NOTES))


def _base_text(mean: float, between: float, within: float) -> str:
    return (
        f"mean {value_text(float(mean))}, SD {value_text(float(between))} between, {value_text(float(within))} within"
    )


def _settings(plan: Plan) -> dict[str, object]:
    settings = asdict(plan.settings)
    simulation: Simulation | None = plan.files.study.simulation
    assert simulation is not None
    return {
        "study": plan.files.file.name,
        "simulated": True,
        "subjects_by_group": [dict(sizes) for sizes in plan.sizes],
        "draws": settings["draws"],
        "power": settings["power"],
        "hypotheses": {name: list(simulation.hypotheses.get(name, ())) for name in plan.hypotheses},
        "multiples": list(plan.multiples),
        "stop": settings["stop"],
        "smoothness": _smoothness(plan),
        "questions": list(plan.files.study.questions),
        "effects": None if plan.settings.effects is None else plan.settings.effects.name,
        "seed": settings["seed"],
        "software": software(),
    }


def _smoothness(plan: Plan) -> dict[str, object] | None:
    if plan.voxels is None:
        return None
    acf = plan.voxels.smoothness.acf
    numbers = {"a": acf.a, "b_mm": acf.b_mm, "c_mm": acf.c_mm, "fwhm_mm": acf.fwhm_mm}
    return {**numbers, "from": Path(plan.settings.smoothness).name, "questions": list(plan.voxels.questions)}


def _rerun(plan: Plan) -> str:
    settings = plan.settings
    words = [
        "cuecircuit",
        "plan",
        plan.files.file.name,
        "OUT",
        "--studies",
        str(settings.draws),
        "--power",
        f"{settings.power:g}",
    ]
    for sizes in plan.sizes:
        words += ["--n", ",".join(map(str, sizes.values()))]
    for name in plan.hypotheses:
        words += ["--hypothesis", name]
    for multiple in plan.multiples:
        words += ["--multiple", f"{multiple:g}"]
    for name in settings.questions:
        words += ["--test", name]
    if settings.effects is not None:
        words += ["--effects", settings.effects.name]
    if settings.stop is not None:
        words += ["--stop", f"{settings.stop:g}"]
    if settings.smoothness:
        words += ["--smoothness", Path(settings.smoothness).name]
    return shlex.join([*words, "--seed", str(settings.seed)]) + "\n"


def _figures(folder: Path, plan: Plan, power: pd.DataFrame, question: str) -> Iterator[FigureItem]:
    """Yield power over subjects, and over the size of the effects in the design nearest to that of the file."""
    of_question = power[(power["hypothesis"] == plan.hypothesis) & (power["question"] == question)]
    if of_question.empty:
        return
    title = title_of(plan, question)
    seen = f"Share of {plan.settings.draws} drawn studies in which the test finds something, under {plan.hypothesis}, "
    bands = f"; bands: exact 95 % Monte Carlo intervals; dashed: the power wanted, {100 * plan.settings.power:g} %."
    stated = of_question[of_question["multiple"] == 1]
    yield _figure(folder, f"power_{question}", plan, stated, "subjects", title, f"{seen}effects as stated{bands}")
    if len(plan.multiples) > 1:
        total = plan.totals[plan.stated]
        sized = of_question[of_question["subjects"] == total]
        text = f"{seen}with {total} subjects, over true effects as multiples of those stated{bands}"
        yield _figure(folder, f"effects_{question}", plan, sized, "multiple", f"{title}: {total} subjects", text)


def _figure(
    folder: Path, name: str, plan: Plan, power: pd.DataFrame, over: Over, title: str, caption: str
) -> FigureItem:
    figure, drawn = power_figure(power, title, plan.settings.power, over=over)
    stem = folder / "figures" / name
    files = save(figure, stem)
    write_table(stem.with_suffix(".tsv"), drawn, CURVE_NOTES)
    return FigureItem(
        id=name,
        title=title,
        caption=caption,
        alt=f"Power over {'subjects' if over == 'subjects' else 'the size of the effects'}: {title}.",
        svg=files.svg,
        tsv=stem.with_suffix(".tsv").read_text(encoding="utf-8"),
    )
