"""The Methods text, written from the study and from what its run found: it cannot drift from either.

A value that nobody printed carries a visible mark. What a study does not have is not spoken of.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from cuecircuit.figures.numbers import effect_text, short
from cuecircuit.io.scan_inventory import COMBINED
from cuecircuit.pages.correction_text import correction_text
from cuecircuit.pages.map_pictures import map_folders
from cuecircuit.pages.operant_methods import derived_texts, operant_text
from cuecircuit.pages.sentences import edges_sentence, method_sentence, product_words
from cuecircuit.report.content import Paragraph
from cuecircuit.report.marks import counted, listed, words
from cuecircuit.report.references import by_fmriprep, printed_reference, references_of
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.acquisition import Blocks, Given, Glm, MapSet, Preprocess, Scans, Seed
from cuecircuit.study.fields import Setting, settings_of
from cuecircuit.study.questions import AnyQuestion
from cuecircuit.study.schema import Study

_ASSUMED = Markup('{} <span class="assumed-mark" title="{}">assumed</span>')
_MARK = re.compile(r'<span class="assumed-mark"[^>]*>assumed</span>')
_SHAPES = {"rat": "a rat's", "spm": "SPM's", "glover": "Glover's", "fir": "no assumed (finite impulse)"}
_NOISE = {"ar1": "first-order autoregressive", "ols": "independent"}
_BREATHING = {
    "retroicor": "RETROICOR regressors (Glover et al. 2000)",
    "rvt": "respiration volume per time (Birn et al. 2006)",
    "both": "RETROICOR regressors and respiration volume per time (Glover et al. 2000; Birn et al. 2006)",
}
_REGISTRATION = {
    "rigid": "a rigid transform",
    "affine": "a rigid and an affine transform",
    "syn": "a rigid, an affine and a symmetric diffeomorphic transform (SyN)",
}


def methods(study: Study, out: Path, subjects: Mapping[str, int], software: Mapping[str, str]) -> Iterator[Paragraph]:
    """Yield the Methods, one paragraph a heading.

    Args:
        study: what was planned.
        out: the results, for what was found on the way.
        subjects: number of subjects by level of the first factor.
        software: versions of the programs.
    """
    said = _Marks(study)
    texts = [
        ("Subjects", _subjects(study, said, subjects)),
        ("Operant sessions", operant_text(study, said)),
        ("Scans", _scans(study, said)),
        ("Preprocessing", _preprocessing(study, said)),
        *((f"Maps: {words(name)}", _maps(study, said, name, maps)) for name, maps in study.maps.items()),
        *(
            (f"Edges: {words(name)}", Markup(" ").join([*_removed(study, said), edges_sentence(edges)]))
            for name, edges in study.edges.items()
        ),
        ("Regions", Markup(" ").join(_regions(study, said))),
        ("Derived numbers", Markup("{}").format(" ".join(derived_texts(study)))),
        *((_title(name, asked), _question(study, said, out, name)) for name, asked in study.questions.items()),
        ("Software", _software(study, software)),
        ("References", Markup("<br>").join(printed_reference(each) for each in references_of(study))),
    ]
    yield from (Paragraph(heading=heading, text=text) for heading, text in texts if text)


def _software(study: Study, software: Mapping[str, str]) -> Markup:
    versions = listed(f"{name} {version}" for name, version in software.items())
    layout = "; results are laid out by BIDS (Gorgolewski et al. 2016)"
    if study.subjects.species == "Homo sapiens":
        layout += " and reported by COBIDAS (Nichols et al. 2017)"
    return Markup("{}; seed {}{}.").format(versions, study.seed, layout)


def design_texts(study: Study) -> Iterator[str]:
    """Yield in plain words what the study file states of sessions, scans, preprocessing, maps and regions."""
    said = _Marks(study)
    texts = [operant_text(study, said), _scans(study, said), _preprocessing(study, said)]
    texts += [_maps(study, said, name, maps) for name, maps in study.maps.items()]
    texts += [Markup(" ").join(_regions(study, said))]
    for text in texts:
        if text:
            yield Markup(_MARK.sub("(assumed)", text)).striptags()


class _Marks:
    """The settings of a study by dotted path: text for a value, marked where the value was assumed."""

    def __init__(self, study: Study) -> None:
        settings = settings_of(study, study.assumed, study.about.follows)
        self.settings: dict[str, Setting] = {setting.path: setting for setting in settings}

    def __call__(self, path: str, text: object) -> Markup:
        setting = self.settings[path]
        return _ASSUMED.format(text, setting.why) if setting.source == "assumed" else Markup("{}").format(text)


def _title(name: str, question: AnyQuestion) -> str:
    return question.title or words(name).capitalize()


def _subjects(study: Study, said: _Marks, subjects: Mapping[str, int]) -> Markup:
    about = study.subjects
    groups = f"; {', '.join(f'{n} {group}' for group, n in subjects.items())}" if len(subjects) > 1 else ""
    text = Markup("Analyzed: {} ({}{}).").format(
        counted(sum(subjects.values()), "subject"), said("subjects.species", about.species), groups
    )
    if about.exclude:
        text += Markup(" Left out: {}.").format(listed(f"{who} ({why})" for who, why in about.exclude.items()))
    return text


def _scans(study: Study, said: _Marks) -> Markup | None:
    scans, trials = study.scans, study.trials
    if scans is None:
        return None
    text = Markup("Scans of task {}, TR {}").format(scans.task, said("scans.tr_s", f"{short(scans.tr_s)} s"))
    if scans.volumes:
        text += Markup(", {}").format(said("scans.volumes", counted(scans.volumes, "volume")))
    text += {"one": ".", "combine": ". Runs of a session were combined.", "key": ". Runs were kept apart."}[scans.runs]
    if trials is not None:
        cells = trials.cells if isinstance(trials.cells, str) else listed(trials.cells)
        text += Markup(" Conditions are told apart by {}.").format(cells)
        for factor, levels in trials.parts.items():
            parts = listed(f"{level} ({', '.join(map(str, numbers))})" for level, numbers in levels.items())
            text += Markup(" Trials of a condition in a scan make the levels of {}: {}.").format(
                factor, said("trials.parts", parts)
            )
        if trials.others:
            text += Markup(" Modeled, but in no estimate: {}.").format(listed(trials.others))
    return text


def _preprocessing(study: Study, said: _Marks) -> Markup | None:
    scans = study.scans
    if scans is None or scans.derivatives is None:
        return None
    if study.preprocess is None:
        program = "; fMRIPrep, Esteban et al. 2019" * by_fmriprep(study)
        return Markup("Scans were taken as another program had preprocessed them ({}{}).").format(
            scans.derivatives, program
        )
    return Markup(" ").join(_steps(study.preprocess, scans, said))


def _steps(wanted: Preprocess, scans: Scans, said: _Marks) -> Iterator[Markup]:
    if wanted.scan_scale != 1:
        scale = said("preprocess.scan_scale", short(wanted.scan_scale))
        yield Markup("Lengths in the headers of the scans were multiplied by {}.").format(scale)
    if wanted.scan_origin == "center":
        yield Markup("The origin was put at the middle of each volume.")
    if wanted.slice_timing:
        yield Markup("Slices were shifted to the start of their volume where the sidecar gives their times.")
    if scans.echo == COMBINED:
        yield Markup("Echoes were {}: their sum weighted with TE · exp(−TE/T2*) (Posse et al. 1999).").format(
            said("scans.echo", scans.echo)
        )
    elif scans.echo:
        yield Markup("Of several echoes, {} was taken.").format(said("scans.echo", scans.echo))
    if wanted.susceptibility == "auto":
        yield Markup(
            "Where a session has images of opposite phase encoding, distortion by susceptibility was estimated from "
            "them and corrected with its stacking of signal (Chang & Fitzpatrick 1992; Ruthotto et al. 2012)."
        )
    template = {"drawn": "a brain drawn by code"}.get(wanted.template, wanted.template)
    yield Markup(
        "The mean of the first scan of each session, without bias field (N4; Tustison et al. 2010), was brought to the "
        "template ({}) by {} (ANTs; Avants et al. 2008), first by the whole head, then by the brain. Motion of each "
        "volume was estimated against that mean by rigid least squares, and each scan was interpolated once, through "
        "motion, distortion and registration together, to voxels of {}."
    ).format(
        said("preprocess.template", template),
        said("preprocess.registration", _REGISTRATION[wanted.registration]),
        said("preprocess.voxel_mm", f"{short(wanted.voxel_mm)} mm"),
    )


def _maps(study: Study, said: _Marks, name: str, maps: MapSet) -> Markup:
    if isinstance(maps, Given):
        return Markup("Maps were given by another program ({}; {}).").format(maps.table, maps.unit)
    at = f"maps.{name}"
    smoothing = said(f"{at}.smoothing_fwhm_mm", f"{short(maps.smoothing_fwhm_mm)} mm")
    removed = _removed(study, said, modeled=isinstance(maps, Glm))
    sentences = [*removed, _response(said, at, maps), Markup("Smoothing: {} FWHM.").format(smoothing)]
    if maps.carry:
        sentences.append(Markup("Each map carries the mean of {} over its trials.").format(listed(maps.carry)))
    return Markup(" ").join(sentences)


def _removed(study: Study, said: _Marks, *, modeled: bool = False) -> Iterator[Markup]:
    """Describe what was removed from each series, or stood beside the events, and which volumes were left out."""
    nuisance = study.nuisance
    more = " (Satterthwaite et al. 2013)" if nuisance.motion > 6 else ""
    signals = [
        *([said("nuisance.white_matter", "the mean white-matter signal")] if nuisance.white_matter else []),
        *([said("nuisance.ventricles", "the mean ventricle signal")] if nuisance.ventricles else []),
        *([said("nuisance.motion", f"{nuisance.motion} motion terms{more}")] if nuisance.motion else []),
        *nuisance.columns,
    ]
    if nuisance.acompcor:
        parts = f"{counted(nuisance.acompcor, 'principal component')} of each tissue (Behzadi et al. 2007)"
        signals.append(said("nuisance.acompcor", parts))
    if nuisance.breathing != "none":
        signals.append(said("nuisance.breathing", _BREATHING[nuisance.breathing]))
    if nuisance.drift_period_s is not None:
        drift = f"drifts slower than {short(nuisance.drift_period_s)} s"
        signals.append(said("nuisance.drift_period_s", drift))
    if nuisance.low_pass_hz is not None:
        signals.append(said("nuisance.low_pass_hz", f"frequencies above {short(nuisance.low_pass_hz)} Hz"))
    how = "Modeled beside the conditions" if modeled else "Removed by one multiple regression"
    yield Markup("{}: {}.").format(how, listed(signals)) if signals else Markup("No nuisance signal was removed.")
    limits = []
    if nuisance.censor_fd_mm is not None:
        fd = f"displacement above {short(nuisance.censor_fd_mm)} mm"
        limits.append(said("nuisance.censor_fd_mm", fd))
    if nuisance.censor_dvars_percent is not None:
        dvars = f"DVARS above {short(nuisance.censor_dvars_percent)} %"
        limits.append(said("nuisance.censor_dvars_percent", dvars))
    if limits:
        yield Markup("Volumes with {} were left out (Power et al. 2012).").format(listed(limits))


def _response(said: _Marks, at: str, maps: Blocks | Glm | Seed) -> Markup:
    match maps:
        case Blocks():
            return Markup(
                "The response to a block is the percent change of the mean signal from {} after its onset against the "
                "mean from {}; blocks of a {} were averaged."
            ).format(
                said(f"{at}.window_s", _span(maps.window_s)),
                said(f"{at}.baseline_s", _span(maps.baseline_s)),
                _cells(maps.cells),
            )
        case Glm() if maps.beta_series != "none":
            method = "a model of its own" if maps.beta_series == "lss" else "one model of all trials"
            text = Markup(
                "The response to every trial was estimated by {} with {} response (Mumford et al. 2012); a map of a "
                "{} is the correlation (Fisher's z) over its trials of each voxel with {} (beta series, "
                "Rissman et al. 2004)."
            )
            return text.format(
                said(f"{at}.beta_series", method),
                said(f"{at}.hrf", _SHAPES[maps.hrf]),
                _cells(maps.cells),
                said(f"{at}.seed", maps.seed),
            ) + _contrasts(maps)
        case Glm():
            text = Markup("Each {} is a condition of a general linear model with {} response and {} noise.").format(
                _cells(maps.cells), said(f"{at}.hrf", _SHAPES[maps.hrf]), said(f"{at}.noise", _NOISE[maps.noise])
            )
            text += _contrasts(maps)
            if maps.modulators:
                text += Markup(" Slopes within conditions: {}.").format(listed(maps.modulators))
            if maps.seed:
                text += Markup(
                    " A map is how much steeper a voxel follows {} in the condition, percent per SD: the slope of the "
                    "product of its course with the condition, {}, beside the course and all conditions (gPPI, McLaren "
                    "et al. 2012)."
                ).format(said(f"{at}.seed", maps.seed), said(f"{at}.deconvolve", product_words(maps.deconvolve)))
            return text
        case Seed():
            return Markup("Maps are correlations (Fisher's z) of each voxel with the mean of {}.").format(
                listed(maps.seeds)
            )


def _cells(factors: Sequence[str]) -> Markup:
    return Markup("{} of {}").format("level" if len(factors) == 1 else "combination", listed(factors))


def _contrasts(maps: Glm) -> Markup:
    made = listed(f"{words(one)} ({effect_text(text)})" for one, text in maps.contrasts.items())
    return Markup(" Contrasts: {}.").format(made) if maps.contrasts else Markup("")


def _span(span: tuple[float, float]) -> str:
    return f"{short(span[0])} to {short(span[1])} s"


def _regions(study: Study, said: _Marks) -> Iterator[Markup]:
    for name, regions in study.regions.items():
        voxels = "all its voxels"
        if regions.within:
            effect, of = effect_text(regions.within.effect), words(regions.within.question)
            voxels = f"those of its voxels in which {effect} survives ({of})"
        maps = study.maps[split_reference(regions.of)[0].partition(".")[2]]
        smoothed = "" if isinstance(maps, Given) or not maps.smoothing_fwhm_mm else "smoothed "
        kind = "maps without smoothing" if regions.unsmoothed else f"{smoothed}maps"
        yield Markup("{}: the number of a region is the mean of {} over {}.").format(
            words(name).capitalize(), said(f"regions.{name}.unsmoothed", kind), voxels
        )


def _question(study: Study, said: _Marks, out: Path, name: str) -> Markup:
    question = study.questions[name]
    text = Markup("{}").format(method_sentence(question, study))
    correction = question.correction or study.correction
    if correction is None or not split_reference(question.of)[0].startswith(("maps.", "contrasts.")):
        return text
    at = f"questions.{name}.correction" if question.correction else "correction"
    folder = next((folder for _, folder in map_folders(out / "questions" / name)), out)
    if not (folder / "terms.tsv").is_file():
        return text
    return text + Markup(" {}").format(correction_text(correction, at, said, question, folder))
