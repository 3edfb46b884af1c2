"""Captions of the figures of single sessions, written from the settings."""

from markupsafe import Markup

from cuecircuit.behavior.pharmacokinetics import Kinetics
from cuecircuit.report.marks import marks_of
from cuecircuit.study.study import Study


def cumulative_caption(study: Study) -> Markup:
    """Caption of the cumulative records."""
    return Markup(
        "Cumulative records of the last session of {}: active presses (thick) with a pip at each infusion, inactive "
        "presses (thin). {}"
    ).format(study.behavior.escalation, _chosen(study))


def raster_caption(study: Study) -> Markup:
    """Caption of the event raster."""
    return Markup(
        "Events of the last session of {} of every animal, one row each: infusions above the line, colored by {}; "
        "below it active presses (black) and, lowest, inactive presses (gray)."
    ).format(study.behavior.escalation, study.subjects.group)


def drug_level_caption(study: Study, kinetics: Kinetics) -> Markup:
    """Caption of the drug level; says which half-lives nobody printed."""
    half_lives = ", ".join(
        f"{each.name} {each.half_life_min:g} min{' (assumed)' if each.assumed else ''}" for each in kinetics.compounds
    )
    dose = f"{study.drug.dose_mg_kg:g} mg/kg" if study.drug.dose_mg is None else f"{study.drug.dose_mg:g} mg"
    return Markup(
        "Estimated {} in the last session of {}, mg/kg equivalents after infusions of {} (half-lives: {}); ticks are "
        "infusions and, below, active presses; dashed: satiety threshold, the median level just before the infusions "
        "of the maintenance (Tsibulsky and Norman 1999). {}"
    ).format(
        "effect of its active compounds" if len(kinetics.compounds) > 1 else f"{study.drug.name} level",
        study.behavior.escalation,
        marks_of(study).said("drug.dose_mg_kg", dose),
        half_lives,
        _chosen(study),
    )


def _chosen(study: Study) -> str:
    if study.behavior.shown:
        return "Animals named by the study."
    return f"Of each {study.subjects.group}, the animal whose infusions are nearest the median."
