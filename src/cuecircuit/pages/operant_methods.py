"""Operant sessions and numbers derived of tables, as the Methods describe them."""

from collections.abc import Callable, Iterator

from markupsafe import Markup

from cuecircuit.figures.numbers import short
from cuecircuit.pages.sentences import rows_words
from cuecircuit.report.marks import counted, listed, words
from cuecircuit.study.experiment import Drug, Medication, Operant, Phase, Treatment
from cuecircuit.study.questions import Composite, Reduce, Rows, Split, Stack
from cuecircuit.study.schema import Study

Said = Callable[[str, object], Markup]
"""Prints the value of a setting (its dotted path, its text), marked where it was assumed."""
PUBLISHED_RATIOS = "round(5 · exp(0.2 n) − 5) for delivery n (Richardson and Roberts 1996)"
_REDUCED = {
    "mean": "mean",
    "sum": "sum",
    "first": "first value",
    "last": "last value",
    "slope": "least-squares slope",
    "index": "(last − first)/(last + first), of up to three each,",
    "breakpoint": "mean",
}
_RELATIVE = {
    "difference": "less that of {}",
    "share": "as the share x/(x + y), y that of {}",
    "log_ratio": "as the log ratio to that of {}",
}


def operant_text(study: Study, said: Said) -> Markup | None:
    """Describe drugs, phases, measures and what was done with single sessions; None without logs."""
    if study.operant is None:
        return None
    delivered = dict.fromkeys(name for phase in study.operant.phases.values() for name in phase.drugs)
    drugs = [
        Markup("{} ({}{}).").format(
            words(name).capitalize(),
            said(f"drugs.{name}.route", study.drugs[name].route),
            _dose(study.drugs[name], name, said),
        )
        for name in delivered
    ]
    phases = [_phase(name, phase, said) for name, phase in study.operant.phases.items()]
    measures = [
        Markup("{}: {} in minutes {} to {} of a session.").format(
            words(name).capitalize(),
            words(measure.count),
            said(f"operant.measures.{name}.window_min", short(measure.window_min[0])),
            short(measure.window_min[1]),
        )
        for name, measure in study.operant.measures.items()
        if measure.window_min
    ]
    return Markup(" ").join([*drugs, *phases, *measures, *_session_choices(study.operant)])


def _session_choices(operant: Operant) -> Iterator[Markup]:
    """Yield what the study does with single sessions, each with its reason."""
    for what, sessions in (("Sessions left out", operant.exclude), ("Sessions joined", operant.merge)):
        if sessions:
            named = listed(f"{one.subject} on {one.start or one.date} ({one.reason})" for one in sessions)
            yield Markup("{}: {}.").format(what, named)
    if operant.shortest_min:
        yield Markup("Sessions shorter than {} min were left out.").format(short(operant.shortest_min))
    if operant.number == "order":
        yield Markup("Sessions were numbered one after the other, whatever their dates.")
    if operant.accept:
        reasons = listed(f"{name} ({reason})" for name, reason in operant.accept.items())
        yield Markup("Taken as logged against the plan: {}.").format(reasons)


def _dose(drug: Drug, name: str, said: Said) -> Markup:
    at = f"drugs.{name}"
    if drug.dose_mg_kg is not None:
        return Markup(", {} per delivery").format(said(f"{at}.dose_mg_kg", _mg_kg(drug.dose_mg_kg)))
    if drug.dose_mg is not None:
        return Markup(", {} per delivery").format(said(f"{at}.dose_mg", f"{short(drug.dose_mg)} mg"))
    if drug.concentration_percent is not None:
        volume = Markup(", {} per delivery").format(said(f"{at}.volume_ml", f"{short(drug.volume_ml or 0.0)} ml"))
        return Markup(", {}{}").format(
            said(f"{at}.concentration_percent", f"{short(drug.concentration_percent)} %"), volume * bool(drug.volume_ml)
        )
    return Markup("")


def _mg_kg(dose: float) -> str:
    return f"{short(1000 * dose)} µg/kg" if dose < 1 else f"{short(dose)} mg/kg"


def _phase(name: str, phase: Phase, said: Said) -> Markup:
    at = f"operant.phases.{name}"
    days = said(f"{at}.days", counted(phase.days, "day"))
    kind = "" if name == phase.kind else f" ({phase.kind.replace('_', '-')})"
    text = Markup("{}{}: {}").format(words(name).capitalize(), kind, days)
    if phase.treatments:
        text += Markup(" of each of {}").format(
            listed(_treatment(each, one, at, said) for each, one in phase.treatments.items())
        )
    if phase.access_h:
        hours = phase.access_h.items() if isinstance(phase.access_h, dict) else [("", phase.access_h)]
        text += Markup(", {}").format(said(f"{at}.access_h", ", ".join(f"{g} {short(h)} h".strip() for g, h in hours)))
    if isinstance(phase.delivers, dict):
        drugs = [drug if drug == group else f"{drug} ({group})" for group, drug in phase.delivers.items()]
        text += f", delivering {', '.join(drugs)}{' to the group of that name' * (drugs == list(phase.delivers))}"
    elif phase.delivers is not None:
        text += f", delivering {phase.delivers}"
    if phase.dose_mg_kg:
        text += Markup(", {} per delivery").format(said(f"{at}.dose_mg_kg", _mg_kg(phase.dose_mg_kg)))
    if phase.ratios:
        costs = said(f"{at}.ratios", ", ".join(map(str, phase.ratios)))
        text += Markup("; presses that the deliveries cost: {}").format(costs)
    elif phase.kind == "progressive_ratio":
        text += f"; presses that the deliveries cost: those that the program kept, else {PUBLISHED_RATIOS}"
    for column, values in phase.by_day.items():
        text += Markup("; {} by day: {}").format(words(column), said(f"{at}.by_day", ", ".join(map(short, values))))
    for key, meaning in (("rest_days", "days of rest before it"), ("context", "place")):
        if shown := getattr(phase, key):
            parts = [f"{who} {value}" for who, value in shown.items()] if isinstance(shown, dict) else [str(shown)]
            text += Markup("; {}: {}").format(meaning, said(f"{at}.{key}", ", ".join(parts)))
    for each, medication in phase.medications.items():
        text += Markup("; {}").format(_medication(medication, f"{at}.medications.{each}", said))
    return text + "."


def _medication(medication: Medication, at: str, said: Said) -> Markup:
    if medication.pump_mg_kg_day is not None:
        end = f" to the end of {words(medication.through)}" if medication.through else ""
        dose = said(f"{at}.pump_mg_kg_day", _mg_kg(medication.pump_mg_kg_day)) + f" a day by pump{end}"
    else:
        before = f" {short(medication.hours_before)} h before the session"
        dose = said(f"{at}.dose_mg_kg", _mg_kg(medication.dose_mg_kg or 0.0)) + before
    whom = ", ".join((*medication.groups, *medication.treatments, *(f"day {day}" for day in medication.days)))
    return Markup("{} {}{}").format(medication.drug, dose, f" ({whom})" if whom else "")


def _treatment(name: str, treatment: Treatment, at: str, said: Said) -> Markup:
    if treatment.drug and treatment.dose_mg_kg:
        drug = "" if treatment.drug == name else f"{treatment.drug}, "
        dose = said(f"{at}.treatments.{name}.dose_mg_kg", _mg_kg(treatment.dose_mg_kg))
        return Markup("{} ({}{})").format(words(name), drug, dose)
    return Markup("{}").format(words(name))


def derived_texts(study: Study) -> Iterator[str]:
    """Yield how each derived number was made."""
    for name, derived in study.derived.items():
        yield f"{words(name).capitalize()}: {derived_words(derived, study)}."


def derived_words(derived: Reduce | Split | Composite | Stack, study: Study) -> str:
    """Describe how a derived number or label is made."""
    match derived:
        case Reduce():
            text = f"{_REDUCED[derived.how]} over {derived.over} of {rows_words(derived, study)}"
            if derived.less:
                text += f", {_RELATIVE[derived.relative].format(rows_words(derived.less, study))}"
            return text + ("" if derived.complete else ", of those there are")
        case Composite():
            inside = f", standardized within {listed(derived.inside)}" if derived.inside else ""
            return f"{'mean' if derived.mean else 'sum'} of z of {listed(map(words, derived.sum_of_z))}{inside}"
        case Split():
            at = derived.at if isinstance(derived.at, str) else short(derived.at)
            among = f" ({rows_words(Rows(of='among', where=derived.among), study)})" if derived.among else ""
            return f"subjects{among} split by {words(derived.split)} at {at}: {', '.join(derived.labels)}"
        case Stack():
            parts = ", ".join(f"{column} ({level})" for level, column in derived.stack.items())
            return f"columns of {derived.of} as rows: {parts}"
