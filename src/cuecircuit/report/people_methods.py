"""The Methods text of a study of people, written from the resolved study and from what the run found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from cuecircuit.figures.numbers import number, short, threshold
from cuecircuit.report.content import Paragraph
from cuecircuit.report.marks import Marks, counted, listed, marks_of, words
from cuecircuit.report.references import cited, printed_reference
from cuecircuit.study.people import BrainMeasure, Longitudinal, PeopleStudy, Question, TaskBehavior

_NEIGHBORS = {6: "faces", 18: "faces or edges", 26: "faces, edges or corners"}
_METHODS = {
    "ols": "least squares",
    "robust": "robust regression (Huber)",
    "bisquare": "robust regression (bisquare)",
    "mixed-effects": "mixed effects: the first-level variance of each map beside a variance between people that is "
    "found by REML in each voxel",
    "welch": "Welch's test, each group with its own variance",
}
_TESTS = {"knapp-hartung": "Knapp–Hartung t", "flame": "t with fixed variance", "z": "z"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleFacts:
    """What the run found and the text needs.

    `people`: those analyzed, by group. `asked`: people in the model of each question, by its name. `attendance`: people
    by group and session, None without a second session. `power`: of each interaction with a factor of two levels, its
    name, the people in its cells, power at 0.8 SD, and the SD needed for a power of 0.8.
    """

    people: Mapping[str, int]
    asked: Mapping[str, int]
    voxels: int
    voxel_mm: tuple[float, ...]
    attendance: str | None
    power: tuple[tuple[str, str, float, float], ...]
    versions: Mapping[str, str]


def people_methods(study: PeopleStudy, facts: PeopleFacts) -> tuple[Paragraph, ...]:
    """Write the Methods section, one paragraph a heading."""
    marks = marks_of(study)
    parts = {
        "People": _people(study, facts),
        "Task": _task(study, marks),
        "Responses": _responses(study, marks),
        "Questions between people": _questions(study, marks, facts),
        "Correction": _correction(study, marks),
    }
    if study.correlations is not None:
        parts["Regions"] = _regions(study.correlations, study, marks)
    if study.longitudinal is not None:
        parts["Two sessions"] = _sessions(study.longitudinal, study, marks, facts)
    programs = listed(f"{program} {version}" for program, version in facts.versions.items())
    parts["Software"] = Markup("{}; seed {}.").format(programs, str(study.seed))
    parts["References"] = Markup("<br>").join(Markup.escape(printed_reference(one)) for one in cited(study))
    return tuple(Paragraph(heading=heading, text=text) for heading, text in parts.items())


def _people(study: PeopleStudy, facts: PeopleFacts) -> Markup:
    groups = listed(f"{n} {group}" for group, n in facts.people.items()) if study.subjects.groups else ""
    text = Markup("{} were analyzed{}{}. ").format(
        counted(sum(facts.people.values()), "person", "people"), ": " if groups else "", groups
    )
    if study.subjects.exclude:
        left_out = listed(f"{subject} ({why})" for subject, why in study.subjects.exclude.items())
        text += Markup("Left out: {}. ").format(left_out)
    if facts.attendance:
        text += Markup("Scanned: {}. ").format(facts.attendance)
    for name, cells, power, needed in facts.power:
        text += Markup(
            "With {}, an interaction {} of 0.8 SD is found with a power of {}, and {} SD are needed for a power of .8: "
            "its absence says nothing. "
        ).format(cells, name, number(power), number(needed, 1))
    return text


def _task(study: PeopleStudy, marks: Marks) -> Markup:
    text = Markup("Cells of the task: {}.").format(listed(words(level) for level in study.cues.levels))
    return text + (_behavior(study.behavior, study, marks) if study.behavior is not None else Markup(""))


def _behavior(behavior: TaskBehavior, study: PeopleStudy, marks: Marks) -> Markup:
    between = f"{study.subjects.group} (between) and " if len(study.subjects.groups) > 1 else ""
    text = Markup(
        " {}, averaged over the trials of a cell, were tested for {}cell (within) in exact error strata; p is given "
        "uncorrected and after Greenhouse–Geisser (1959) and Huynh–Feldt (1976)."
    ).format(
        marks.said("behavior.measures", str(listed(words(name) for name in behavior.measures)).capitalize()),
        between,
    )
    if behavior.before_after:
        columns = marks.said(
            "behavior.before_after", " and ".join(words(name) for name in behavior.before_after).capitalize()
        )
        text += Markup(" {} were tested for {}time (within).").format(columns, between)
    return text


def _responses(study: PeopleStudy, marks: Marks) -> Markup:
    scan, response, nuisance = study.acquisition, study.response, study.nuisance
    source = "preprocessed" if scan.derivatives else "raw"
    shapes = {"spm": "SPM's canonical", "glover": "Glover's"}
    noise = {"ar1": "first-order autoregressive", "ols": "independent"}
    drift = nuisance.drift_period_s
    parts = [
        Markup(
            "Each {} run (TR {}) was fitted by a general linear model: events convolved with {} response, {} noise"
        ).format(
            source,
            marks.said("acquisition.tr_s", f"{short(scan.tr_s)} s"),
            marks.said("response.hrf", shapes[response.hrf]),
            marks.said("response.noise", noise[response.noise]),
        ),
        Markup("Confounds in the model: {}").format(listed(_confounds(study, marks))),
        Markup("Drift: {}").format(
            marks.said(
                "nuisance.drift_period_s",
                "no cosines of the model's own" if drift is None else f"cosines of periods above {short(drift)} s",
            )
        ),
        Markup("Smoothing: {} FWHM").format(
            marks.said("nuisance.smoothing_fwhm_mm", f"{short(nuisance.smoothing_fwhm_mm)} mm")
        ),
        Markup("A run with fewer than {} residual degrees of freedom is refused").format(
            marks.said("nuisance.min_residual_df", short(nuisance.min_residual_df))
        ),
        Markup("Runs of a person and session were combined by fixed effects, weighted by precision"),
        Markup("Contrasts: {}").format(
            listed(Markup("{} ({})").format(words(name), text) for name, text in response.contrasts.items())
        ),
    ]
    return Markup(". ").join(parts) + "."


def _confounds(study: PeopleStudy, marks: Marks) -> Iterator[Markup]:
    nuisance = study.nuisance
    yield marks.said("nuisance.motion", f"{nuisance.motion} motion terms" if nuisance.motion else "no motion terms")
    for name, tissue in (("white_matter", "white matter"), ("csf", "cerebrospinal fluid"), ("global_signal", "global")):
        if getattr(nuisance, name):
            yield marks.said(f"nuisance.{name}", f"the mean {tissue} signal")
    if nuisance.acompcor:
        yield marks.said("nuisance.acompcor", f"{nuisance.acompcor} components of aCompCor (Behzadi et al. 2007)")
    if nuisance.cosine:
        yield marks.said("nuisance.cosine", "the cosines of the confounds table")
    if nuisance.non_steady_state:
        yield marks.said("nuisance.non_steady_state", "volumes before the steady state, where there are any")
    if nuisance.censor_fd_mm is not None:
        limit = f"a column for each volume displaced more than {short(nuisance.censor_fd_mm)} mm (Power et al. 2012)"
        yield marks.said("nuisance.censor_fd_mm", limit)


def _questions(study: PeopleStudy, marks: Marks, facts: PeopleFacts) -> Markup:
    text = Markup("{} of {} mm were tested. ").format(
        counted(facts.voxels, "voxel"), " × ".join(short(round(edge, 3)) for edge in facts.voxel_mm)
    )
    session = f" (session {study.session})" if study.session else ""
    return text + Markup(" ").join(_question(question, marks, facts, session) for question in study.questions)


def _question(question: Question, marks: Marks, facts: PeopleFacts, session: str) -> Markup:
    at = f"questions.{question.name}"
    method = _METHODS[question.method]
    if question.method == "mixed-effects":
        method += f", tested by {_TESTS[question.test]}"
    who = f" in {' and '.join(question.groups)}" if question.groups else ""
    return Markup("Question “{}”{}{}, {}: {} by {}; tested: {}.").format(
        words(question.name),
        who,
        session,
        counted(facts.asked[question.name], "person", "people"),
        marks.said(f"{at}.formula", question.formula),
        marks.said(f"{at}.method", method),
        marks.said(f"{at}.tests", ", ".join(question.tests)),
    )


def _correction(study: PeopleStudy, marks: Marks) -> Markup:
    wanted = study.correction
    sided = {
        "two": "in both directions, each cluster of one sign, corrected together",
        "one": "in the positive direction alone",
    }
    null = {
        "simulation": "largest cluster of simulated null fields with the smoothness of the model's residuals",
        "permutation": "largest cluster of the map under rearrangements of the people (Freedman–Lane)",
    }
    times = "iterations" if wanted.method == "simulation" else "permutations"
    text = Markup(
        "Clusters of voxels with Z &gt; {} {} that touch by {} were compared with the {} ({} times); "
    ).format(
        marks.said("correction.voxel_z", short(wanted.voxel_z)),
        marks.said("correction.sided", sided[wanted.sided]),
        marks.said("correction.connectivity", _NEIGHBORS[wanted.connectivity]),
        marks.said("correction.method", null[wanted.method]),
        marks.said(f"correction.{times}", short(getattr(wanted, times))),
    )
    if wanted.method == "simulation":
        model = "the mixed autocorrelation model (Cox et al. 2017)" if wanted.smoothness == "acf" else "a Gaussian"
        text += Markup("smoothness by {}; ").format(marks.said("correction.smoothness", model))
    text += Markup("those with corrected p &lt; {} are reported.").format(
        marks.said("correction.alpha", threshold(wanted.alpha))
    )
    if wanted.exploratory_z is not None:
        text += Markup(" The same was done at Z &gt; {}, as an exploration that decides nothing.").format(
            marks.said("correction.exploratory_z", short(wanted.exploratory_z))
        )
    return text


def _regions(wanted: BrainMeasure, study: PeopleStudy, marks: Marks) -> Markup:
    who = f" in {' and '.join(wanted.groups)}" if wanted.groups else ""
    return Markup(
        "The mean of the smoothed maps over each region of the {} was correlated (Pearson) with {}{}, over all people "
        "and within groups, the latter with a null of {} permutations within groups; a false discovery rate of q = {} "
        "over the regions of each contrast (Benjamini &amp; Hochberg 1995)."
    ).format(
        marks.said("space.atlas", "atlas"),
        marks.said("correlations.measure", words(wanted.measure)),
        who,
        marks.said("correlations.permutations", short(wanted.permutations)),
        marks.said("correlations.q", threshold(wanted.q)),
    )


def _sessions(wanted: Longitudinal, study: PeopleStudy, marks: Marks, facts: PeopleFacts) -> Markup:
    first, second = study.acquisition.sessions[:2]
    kinds = {"agreement": "ICC(A,1), agreement", "consistency": "ICC(C,1), consistency"}
    text = Markup(
        "Sessions {} and {} were compared by the linear mixed model {} (REML, Satterthwaite's degrees of freedom) in "
        "every region and voxel; people with one session stay in it. Reliability of one session is {} of the people "
        "with both (McGraw &amp; Wong 1996)."
    ).format(
        first,
        second,
        marks.said("longitudinal.formula", wanted.formula),
        marks.said("longitudinal.reliability", kinds[wanted.reliability]),
    )
    if wanted.measure:
        text += Markup(" The change of each response was correlated with the change of {}.").format(
            marks.said("longitudinal.measure", words(wanted.measure))
        )
    return text
