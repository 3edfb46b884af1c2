"""Captions and axis labels, written from the settings; the same words wherever a figure goes."""

from collections.abc import Mapping

from markupsafe import Markup

from cuecircuit.figures.numbers import STAR_RULE, fraction, p_equals, short, threshold
from cuecircuit.figures.scatter import CorrelationNote
from cuecircuit.report.marks import adjustment_name, counted, effect_text, listed, marks_of
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
        "{} against session 1 of the same group ({}, {})."
    ).format(
        counted(study.phase(study.behavior.escalation).sessions, "session"),
        study.behavior.escalation,
        marks.said("behavior.count", counted_in),
        _groups(subjects),
        STAR_RULE,
        marks.said("behavior.posthoc_adjustment", adjustment_name(study)),
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


def viewer_caption(study: Study, facts: RunFacts) -> Markup:
    """Say what the interactive brain shows and how it is steered."""
    return Markup(
        "The map of {} over the anatomy, coronal, sagittal and axial; left is on the left and places are mm from {}. "
        "The slider starts at voxel p &lt; {}. Click a slice, move the sliders, or choose a row of the tables of "
        "clusters and regions to move the crosshair and see the region's animals; the chosen region is outlined. "
        "{}"
    ).format(
        effect_text(study.group.effect),
        study.space.reference_point,
        threshold(study.correction.voxel_p),
        threshold_statement(study, facts),
    )


def method_label(method: str) -> str:
    """Print the name of a correction: permutation TFCE, FDR."""
    said = _method_word(method)
    return said[:1].upper() + said[1:]


def corrections_caption(study: Study, facts: RunFacts, survived: Mapping[str, int]) -> Markup:
    """Caption of the corrections side by side; `survived` counts the voxels of each method."""
    correction, marks = study.correction, marks_of(study)
    arrangements = ""
    if any(method.startswith("permutation") for method in correction.compare):
        arrangements = f" Permutations: {short(correction.compare_permutations)}."
    return Markup(
        "Effect of {}, F({}, {}), corrected in {} ways at {} (clusters formed at voxel p &lt; {}): {}. "
        "Slices, voxels and colors are the same in every row.{} The false discovery rate lets through a share of "
        "false voxels; the other methods let one false voxel or cluster through in {} of studies."
    ).format(
        marks.said("group.effect", effect_text(study.group.effect)),
        short(facts.df[0]),
        short(facts.df[1]),
        len(survived),
        marks.said("correction.alpha", f"p ≤ {threshold(correction.alpha)}"),
        marks.said("correction.voxel_p", threshold(correction.voxel_p)),
        listed(f"{_method_word(method)} {counted(n, 'voxel')}" for method, n in survived.items()),
        arrangements,
        f"{short(100 * correction.alpha)} %",
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


def _method_word(method: str) -> str:
    return method.replace("tfce", "TFCE").replace("fdr", "FDR")


def _groups(subjects: Mapping[str, int]) -> Markup:
    return listed(f"{n} {group}" for group, n in subjects.items())
