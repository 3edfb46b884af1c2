"""Captions and axis labels, written from the settings; the same words wherever a figure goes."""

from collections.abc import Mapping

from markupsafe import Markup

from cuecircuit.figures.numbers import STAR_RULE, fraction, p_equals, short, threshold
from cuecircuit.figures.scatter import CorrelationNote
from cuecircuit.report.marks import counted, effect_text, listed, marks_of
from cuecircuit.report.methods import RunFacts
from cuecircuit.study.study import Study


def infusions_label(study: Study) -> str:
    """The y axis of Fig. 1A."""
    return "Infusions per session" if study.behavior.count == "session" else "Infusions in the first hour"


def pairing_label(study: Study) -> str:
    """The y axis of Fig. 1B."""
    window = study.phase(study.behavior.conditioning).window_min
    part = f" (minutes {short(window[0])}–{short(window[1])})" if window else ""
    return f"Infusions per session{part}"


def severity_label(study: Study) -> str:
    """The x axis of Fig. 2C and 2F."""
    sessions = study.phase(study.behavior.conditioning).sessions
    return f"Infusions under {study.correlations.treatment} (mean of {counted(sessions, 'session')})"


def escalation_caption(study: Study, subjects: Mapping[str, int]) -> Markup:
    """Caption of Fig. 1A; `subjects` counts them by group."""
    marks = marks_of(study)
    counted_in = {"session": "the whole session", "first_hour": "the first hour"}[study.behavior.count]
    error = {"pooled": "pooled error term", "contrast": "error of each contrast"}[study.behavior.posthoc_error]
    return Markup(
        "Infusions over {} of {}, counted in {}; mean ± SEM of {}, each animal behind. Stars, in the group's color: "
        "{} against session 1 of the same group (Bonferroni, {})."
    ).format(
        counted(study.phase(study.behavior.escalation).sessions, "session"),
        study.behavior.escalation,
        marks.said("behavior.count", counted_in),
        _groups(subjects),
        STAR_RULE,
        marks.said("behavior.posthoc_error", error),
    )


def conditioning_caption(study: Study, subjects: Mapping[str, int]) -> Markup:
    """Caption of Fig. 1B; `subjects` counts them by group."""
    phase, marks = study.phase(study.behavior.conditioning), marks_of(study)
    treatments = listed(treatment.name.replace("_", " ") for treatment in phase.treatments)
    text = Markup("Infusions of each animal under {}, mean of {} per treatment").format(
        treatments, counted(phase.sessions, "session")
    )
    if phase.window_min:
        window = f"{short(phase.window_min[0])} to {short(phase.window_min[1])}"
        text += Markup(", minutes {}").format(marks.said(f"phases.{phase.name}.window_min", window))
    return text + Markup("; lines join the same animal, black marks are means ± SEM of {}.").format(_groups(subjects))


def map_caption(study: Study, facts: RunFacts, *, survived: int) -> Markup:
    """Caption of Fig. 1C; `survived` counts the voxels that are shown."""
    marks = marks_of(study)
    effect = marks.said("group.effect", effect_text(study.group.effect))
    rule = threshold_statement(study, facts)
    place = Markup(
        "Coronal slices, left on the left; numbers are mm from {}; the map is upsampled for display."
    ).format(marks.said("space.reference_point", study.space.reference_point))
    if not survived:
        return Markup("Effect of {}: no cluster survives. {} {}").format(effect, rule, place)
    return Markup("Effect of {}, F({}, {}): {} in {}. {} {}").format(
        effect, short(facts.df[0]), short(facts.df[1]), counted(survived, "voxel"), counted(facts.clusters, "cluster"),
        rule, place,
    )  # fmt: skip


def threshold_statement(study: Study, facts: RunFacts) -> Markup:
    """Say what made a cluster significant."""
    marks = marks_of(study)
    return Markup("Threshold: voxel p &lt; {}, clusters of at least {}, corrected p &lt; {}.").format(
        marks.said("correction.voxel_p", threshold(study.correction.voxel_p)),
        f"{short(facts.cluster_voxels)} voxels",
        marks.said("correction.alpha", threshold(study.correction.alpha)),
    )


def region_caption(study: Study, region: str, voxels: int) -> Markup:
    """Caption of Fig. 2A and 2D; `voxels` of the region lie in the cluster."""
    return Markup(
        "{} in the brain of the template; {} of it lie in the {} cluster. R right, A anterior, S superior."
    ).format(region, counted(voxels, "voxel"), effect_text(study.group.effect))


def cells_caption(study: Study, region: str, subjects: Mapping[str, int]) -> Markup:
    """Caption of Fig. 2B and 2E."""
    return Markup("Response of {} to each {} in every animal; black marks are means ± SEM of {}.").format(
        region, study.cues.factor, _groups(subjects)
    )


def scatter_caption(study: Study, region: str, note: CorrelationNote) -> Markup:
    """Caption of Fig. 2C and 2F."""
    marks = marks_of(study)
    return Markup(
        "Response of {} to the {} cue against {}: pooled r = {}, {}, {} over regions; within groups r = {}, {}; "
        "n = {}. Line: least squares over all animals with the 95 % band of the mean."
    ).format(
        region,
        marks.said("correlations.cue", study.correlations.cue),
        severity_label(study)[:1].lower() + severity_label(study)[1:],
        fraction(note.r),
        p_equals(note.p),
        p_equals(note.q, "q"),
        fraction(note.r_within),
        p_equals(note.p_within),
        note.n,
    )


def _groups(subjects: Mapping[str, int]) -> Markup:
    return listed(f"{n} {group}" for group, n in subjects.items())
