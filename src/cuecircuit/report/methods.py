"""The Methods text, written from the resolved study and from what the run found: it cannot drift from either."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from cuecircuit.figures.numbers import number, short, threshold
from cuecircuit.report.content import Paragraph
from cuecircuit.report.marks import Marks, adjustment_name, counted, dose_text, effect_text, listed, marks_of
from cuecircuit.report.preprocessing import preprocessing
from cuecircuit.report.references import cited, printed_reference
from cuecircuit.study.study import Phase, Study

_NEIGHBORS = {6: "faces", 18: "faces or edges", 26: "faces, edges or corners"}
_COMPARED = {
    "simulation size": "cluster size against simulated null fields",
    "permutation size": "cluster size against permuted maps (Nichols & Holmes 2002)",
    "permutation mass": "cluster mass against permuted maps (Bullmore et al. 1999)",
    "permutation tfce": "threshold-free cluster enhancement (Smith & Nichols 2009)",
    "permutation voxel": "the strongest voxel of permuted maps (Nichols & Holmes 2002)",
    "fdr": "the false discovery rate of voxels (Benjamini & Hochberg 1995)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What the run found and the text needs.

    `subjects`: animals or people in the group map, by group. `df`: of the study's effect. `acf`: a, b (mm), c (mm) of
    the mixed model, None where a Gaussian was used. `cluster_voxels`: smallest cluster kept. `versions`: by program.
    """

    subjects: Mapping[str, int]
    voxels: int
    voxel_mm: tuple[float, float, float]
    df: tuple[float | int, float | int]
    acf: tuple[float, float, float] | None
    fwhm_mm: float
    cluster_voxels: float | int
    clusters: int
    versions: Mapping[str, str]


def methods(study: Study, facts: RunFacts) -> tuple[Paragraph, ...]:
    """Write the Methods section, one paragraph a heading."""
    marks = marks_of(study)
    parts = {
        "Subjects and drug": _subjects(study, marks, facts),
        "Behavior": _behavior(study, marks),
        "Scans": _scans(study, marks),
        "Preprocessing": preprocessing(study, marks),
        "Responses to the cues": _responses(study, marks),
        "Group map": _group(study, marks, facts),
        "Correction": _correction(study, marks, facts),
        "Regions and behavior": _correlations(study, marks),
        "Software": _software(study, facts),
        "References": Markup("<br>").join(Markup.escape(printed_reference(each)) for each in cited(study)),
    }
    return tuple(Paragraph(heading=heading, text=text) for heading, text in parts.items() if text is not None)


def _subjects(study: Study, marks: Marks, facts: RunFacts) -> Markup:
    groups = listed(f"{n} {group}" for group, n in facts.subjects.items())
    text = Markup("{} ({}: {}) were analyzed. ").format(
        counted(sum(facts.subjects.values()), "subject"), study.subjects.species, groups
    )
    if study.subjects.exclude:
        left_out = listed(f"{subject} ({why})" for subject, why in study.subjects.exclude.items())
        text += Markup("Left out: {}. ").format(left_out)
    drug = study.drug
    return (
        text
        + Markup("{} was self-administered {} at {} per infusion. ").format(
            marks.said("drug.name", drug.name.capitalize()),
            marks.said("drug.route", drug.route),
            marks.said("drug.dose_mg_kg", dose_text(drug.dose_mg_kg)),
        )
        + Markup(" ").join(_phase(phase, marks) for phase in study.phases)
    )


def _phase(phase: Phase, marks: Marks) -> Markup:
    at = f"phases.{phase.name}"
    text = Markup("{}: {}").format(
        phase.name.replace("_", " ").capitalize(), marks.said(f"{at}.sessions", counted(phase.sessions, "session"))
    )
    if phase.treatments:
        text += Markup(" of each of {}").format(
            listed(
                marks.said(f"{at}.treatments.{t.name}.dose_mg_kg", _treatment(t.name, t.drug, t.dose_mg_kg))
                for t in phase.treatments
            )
        )
    if phase.access_h:
        hours = ", ".join(f"{group} {short(h)} h" for group, h in phase.access_h.items())
        text += Markup(", {}").format(marks.said(f"{at}.access_h", hours))
    if phase.window_min:
        window = f"{short(phase.window_min[0])} to {short(phase.window_min[1])}"
        text += Markup(", infusions counted in minutes {}").format(marks.said(f"{at}.window_min", window))
    return text + "."


def _treatment(name: str, drug: str, dose_mg_kg: float) -> str:
    said = name.replace("_", " ")
    return f"{said} ({'' if drug == name else drug + ', '}{dose_text(dose_mg_kg)})" if dose_mg_kg else said


def _behavior(study: Study, marks: Marks) -> Markup:
    counted_in = {"session": "the whole session", "first_hour": "the first hour of each session"}
    error = {"pooled": "the pooled error term", "contrast": "the error of each contrast"}
    several, group = len(study.subjects.groups) > 1, study.subjects.group
    return Markup(
        "Infusions in {} over the sessions of {} were tested by {} analysis of variance ({}session "
        "within subjects); p is given uncorrected and after Greenhouse–Geisser (1959) and Huynh–Feldt (1976). Within "
        "each group every session was compared with the first, with {} ({}). Infusions of the {} "
        "phase, averaged over the sessions of each treatment, were tested for treatment (within){}."
    ).format(
        marks.said("behavior.count", counted_in[study.behavior.count]),
        study.behavior.escalation,
        "a mixed" if several else "a repeated-measures",
        f"{group} between, " if several else "",
        marks.said("behavior.posthoc_error", error[study.behavior.posthoc_error]),
        marks.said("behavior.posthoc_adjustment", adjustment_name(study)),
        study.behavior.conditioning,
        f" and {group} (between)" if several else "",
    )


def _scans(study: Study, marks: Marks) -> Markup:
    scan, cues = study.acquisition, study.cues
    text = Markup(
        "Each subject was scanned while the cues ({}) were presented in {} blocks of {} per scan ({} volumes, TR {})."
    ).format(
        listed(cues.levels),
        marks.said("acquisition.blocks", short(scan.blocks)),
        marks.said("acquisition.block_s", f"{short(scan.block_s)} s"),
        marks.said("acquisition.volumes", short(scan.volumes)),
        marks.said("acquisition.tr_s", f"{short(scan.tr_s)} s"),
    )
    if cues.stimulus and cues.stimuli:
        text += Markup(" Which {} ({}) carried which meaning is taken from the events.").format(
            cues.stimulus, listed(cues.stimuli)
        )
    return text


def _removed(study: Study, marks: Marks) -> Iterator[Markup]:
    """Name the nuisance signals that were regressed out."""
    nuisance = study.nuisance
    if nuisance.white_matter:
        yield marks.said("nuisance.white_matter", "the mean white-matter signal")
    if nuisance.ventricles:
        yield marks.said("nuisance.ventricles", "the mean ventricle signal")
    if nuisance.motion:
        yield marks.said("nuisance.motion", f"{nuisance.motion} motion terms")
    if nuisance.acompcor:
        parts = counted(nuisance.acompcor, "principal component")
        yield marks.said("nuisance.acompcor", f"{parts} of each tissue (Behzadi et al. 2007)")
    if nuisance.respiration != "none":
        phase, depth = "RETROICOR (Glover et al. 2000)", "respiration volume per time (Birn et al. 2006)"
        models = {"retroicor": phase, "rvt": depth, "both": f"{phase} and {depth}"}
        yield marks.said("nuisance.respiration", f"{models[nuisance.respiration]} regressors")


def _responses(study: Study, marks: Marks) -> Markup:
    nuisance, response = study.nuisance, study.response
    removed = list(_removed(study, marks))
    drift = nuisance.drift_period_s
    cleaned = Markup("{} removed from each voxel's series by one multiple regression").format(
        Markup("{} were").format(listed(removed)) if len(removed) > 1 else Markup("{} was").format(listed(removed))
    )
    halves = listed(f"{name} (blocks {', '.join(map(str, blocks))})" for name, blocks in response.blocks.items())
    sentences = (
        cleaned if removed else Markup("No nuisance signal was removed"),
        *(() if nuisance.motion else (Markup("Motion terms: {}").format(marks.said("nuisance.motion", "none")),)),
        Markup("Drift: {}").format(
            marks.said(
                "nuisance.drift_period_s",
                "none modeled" if drift is None else f"periods above {short(drift)} s removed",
            )
        ),
        *_censoring(study, marks),
        Markup("Smoothing: {} FWHM").format(
            marks.said("nuisance.smoothing_fwhm_mm", f"{short(nuisance.smoothing_fwhm_mm)} mm")
        ),
        _one_response(study, marks),
        Markup("Time courses around the cue span {}").format(
            marks.said("response.peri_cue_s", _window(response.peri_cue_s))
        ),
        Markup("Blocks were averaged into {}").format(marks.said("response.blocks", halves)),
    )
    first = sentences[0]
    return Markup(". ").join((Markup(str(first)[:1].upper() + str(first)[1:]), *sentences[1:])) + "."


def _censoring(study: Study, marks: Marks) -> Iterator[Markup]:
    nuisance = study.nuisance
    if nuisance.low_pass_hz is not None:
        cut = marks.said("nuisance.low_pass_hz", f"{short(nuisance.low_pass_hz)} Hz")
        yield Markup("Frequencies above {} were removed").format(cut)
    yield Markup("Framewise displacement takes rotations on a radius of {}").format(
        marks.said("nuisance.head_radius_mm", f"{short(nuisance.head_radius_mm)} mm")
    )
    limits = []
    if nuisance.censor_fd_mm is not None:
        limits.append(marks.said("nuisance.censor_fd_mm", f"displacement above {short(nuisance.censor_fd_mm)} mm"))
    if nuisance.censor_dvars_percent is not None:
        limits.append(marks.said("nuisance.censor_dvars_percent", f"DVARS above {nuisance.censor_dvars_percent:g} %"))
    censored = Markup("Volumes with {} on the way into them were left out (Power et al. 2012)").format(listed(limits))
    yield censored if limits else Markup("No volume was left out")
    yield Markup("A scan with fewer than {} residual degrees of freedom is refused").format(
        marks.said("nuisance.min_residual_df", short(nuisance.min_residual_df))
    )


def _one_response(study: Study, marks: Marks) -> Markup:
    response = study.response
    if response.method == "glm":
        shapes = {"rat": "a rat's", "spm": "SPM's", "glover": "Glover's", "fir": "no assumed (finite impulse)"}
        noise = {"ar1": "first-order autoregressive", "ols": "independent"}
        return Markup("Responses are contrasts of a general linear model with {} response shape and {} noise").format(
            marks.said("response.hrf", shapes[response.hrf]), marks.said("response.noise", noise[response.noise])
        )
    return Markup(
        "The response to a block is the percent change of the mean signal from {} after cue onset against the mean "
        "from {}"
    ).format(
        marks.said("response.window_s", _window(response.window_s)),
        marks.said("response.baseline_s", _window(response.baseline_s)),
    )


def _window(window: tuple[float, float]) -> str:
    return f"{short(window[0])} to {short(window[1])} s"


def _group(study: Study, marks: Marks, facts: RunFacts) -> Markup:
    group = study.group
    if group.formula is not None:
        return _mixed(study, marks, facts)
    text = Markup(
        "The responses of {} of {} mm were tested voxel by voxel by a mixed-design analysis of {} in exact error "
        "strata, with {} between and {} within subjects"
    ).format(
        counted(facts.voxels, "voxel"),
        " × ".join(short(round(edge, 3)) for edge in facts.voxel_mm),
        "covariance" if group.covariates else "variance",
        marks.said("group.between", listed(group.between) or "nothing"),
        marks.said("group.within", listed(group.within) or "nothing"),
    )
    if group.covariates:
        text += Markup("; {} entered as a covariate in every stratum in which it varies").format(
            marks.said("group.covariates", listed(group.covariates))
        )
    return text + Markup(". The effect of interest is {}, F({}, {}).").format(
        marks.said("group.effect", effect_text(group.effect)), short(facts.df[0]), short(facts.df[1])
    )


def _mixed(study: Study, marks: Marks, facts: RunFacts) -> Markup:
    return Markup(
        "The responses of {} of {} mm were fitted voxel by voxel by a linear mixed model, {}, by restricted maximum "
        "likelihood; terms were tested by F with Satterthwaite's degrees of freedom. The effect of interest is {}, "
        "F({}, {}; median over voxels)."
    ).format(
        counted(facts.voxels, "voxel"),
        " × ".join(short(round(edge, 3)) for edge in facts.voxel_mm),
        marks.said("group.formula", study.group.formula or ""),
        marks.said("group.effect", effect_text(study.group.effect)),
        short(facts.df[0]),
        short(facts.df[1]),
    )


def _correction(study: Study, marks: Marks, facts: RunFacts) -> Markup:
    if study.correction.method == "permutation":
        return _permutation(study, marks, facts) + _comparison(study)
    return _simulation(study, marks, facts) + _comparison(study)


def _comparison(study: Study) -> Markup:
    """Name the corrections that stand beside the one that decides, each with its source."""
    if not study.correction.compare:
        return Markup("")
    said = listed(_COMPARED[method] for method in study.correction.compare)
    text = Markup(" The same map is also shown corrected by {}.").format(said)
    if any(method.startswith("permutation") for method in study.correction.compare):
        text += Markup(
            " Subjects were rearranged as in Freedman &amp; Lane (1983; Winkler et al. 2014), {} times."
        ).format(short(study.correction.compare_permutations))
    return text


def _simulation(study: Study, marks: Marks, facts: RunFacts) -> Markup:
    correction = study.correction
    if facts.acf is None:
        field = Markup("a Gaussian autocorrelation of FWHM {} mm").format(number(facts.fwhm_mm))
    else:
        a, b, c = (number(value) for value in facts.acf)
        field = Markup(
            "the mixed autocorrelation model of Cox et al. (2017), a = {}, b = {} mm, c = {} mm (FWHM {} mm)"
        ).format(a, b, c, number(facts.fwhm_mm))
    return Markup(
        "Smoothness was estimated from the residuals of {} by {}. In {} null fields of this "
        "smoothness, clusters of voxels with p &lt; {} that touch by {} reached {} in fewer than {} of the fields; "
        "clusters at least as large are reported (corrected p &lt; {})."
    ).format(
        "the model" if study.group.formula else "the effect's error stratum",
        marks.said("correction.smoothness", field),
        marks.said("correction.iterations", short(correction.iterations)),
        marks.said("correction.voxel_p", threshold(correction.voxel_p)),
        marks.said("correction.connectivity", _NEIGHBORS[correction.connectivity]),
        f"{short(facts.cluster_voxels)} voxels",
        marks.said("correction.alpha", f"{short(100 * correction.alpha)} %"),
        threshold(correction.alpha),
    )


def _permutation(study: Study, marks: Marks, facts: RunFacts) -> Markup:
    correction = study.correction
    exchanged = "the subjects in the effect's error stratum (Freedman–Lane, two-sided"
    if study.group.formula is not None:
        exchanged = "the subjects, or of the signs of their scores, in the mixed model (two-sided"
    return Markup(
        "Clusters of voxels with p &lt; {} that touch by {} were compared with the largest cluster of the map under {} "
        "rearrangements of {}; all of them where fewer are distinct); clusters of at least {} are reported (corrected "
        "p &lt; {})."
    ).format(
        marks.said("correction.voxel_p", threshold(correction.voxel_p)),
        marks.said("correction.connectivity", _NEIGHBORS[correction.connectivity]),
        marks.said("correction.permutations", short(correction.permutations)),
        exchanged,
        f"{short(facts.cluster_voxels)} voxels",
        marks.said("correction.alpha", threshold(correction.alpha)),
    )


def _correlations(study: Study, marks: Marks) -> Markup:
    correlations, regions = study.correlations, study.regions
    extent = {"cluster": "the part of the region in the significant cluster", "region": "the whole region"}
    return Markup(
        "A region's response is the mean over {} of {} responses. The mean response of each region to the {} cue was "
        "correlated (Pearson) with the mean infusions of the {} "
        "sessions over all subjects, and within groups (group means removed), the latter with a null of {} "
        "permutations within groups; pooled p-values were controlled over regions at a false discovery rate of "
        "q = {} (Benjamini &amp; Hochberg 1995)."
    ).format(
        marks.said("regions.extent", extent[regions.extent]),
        marks.said("regions.smoothed", "smoothed" if regions.smoothed else "unsmoothed"),
        marks.said("correlations.cue", correlations.cue),
        marks.said("correlations.treatment", correlations.treatment),
        marks.said("correlations.permutations", short(correlations.permutations)),
        marks.said("correlations.q", threshold(correlations.q)),
    )


def _software(study: Study, facts: RunFacts) -> Markup:
    programs = listed(f"{program} {version}" for program, version in facts.versions.items())
    return Markup("{}; seed {}.").format(programs, str(study.seed))
