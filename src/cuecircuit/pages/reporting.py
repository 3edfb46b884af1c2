"""Reporting lists filled from a study: ARRIVE 2.0 of animals, COBIDAS of human participants.

ARRIVE 2.0: Percie du Sert et al. 2020, PLoS Biol 18:e3000410. COBIDAS: Nichols et al. 2017, Nat Neurosci 20:299. What
neither the study file nor the results hold is listed as well, so that authors see what is left to write.
"""

from collections.abc import Iterator, Mapping

import pandas as pd

from cuecircuit.figures.numbers import short
from cuecircuit.report.content import Section, TableItem
from cuecircuit.report.marks import counted, listed, words
from cuecircuit.study.acquisition import Correction, Glm
from cuecircuit.study.questions import Formula
from cuecircuit.study.schema import Study

UNKNOWN = "not known to the software"
_HUMAN = "Homo sapiens"
Item = tuple[str, str, str]
"""Number or area, what is asked for, answer; an empty answer is unknown."""


def reporting_section(study: Study, groups: Mapping[str, int], scans: int | None) -> Section:
    """Fill the list that a journal asks for.

    Args:
        study: the study.
        groups: number of subjects by level of the first factor, or under an empty name.
        scans: number of scans that entered; None where there are none.
    """
    human = study.subjects.species == _HUMAN
    items = _cobidas(study, groups, scans) if human else _arrive(study, groups)
    frame = pd.DataFrame(items, columns=["item", "asked", "answer"])
    frame["answer"] = frame["answer"].replace("", UNKNOWN)
    name = "COBIDAS" if human else "ARRIVE 2.0"
    open_items = int((frame["answer"] == UNKNOWN).sum())
    note = f"{counted(open_items, 'item')} of {len(frame)} are for the authors to write."
    table = TableItem(
        id="reporting-list", title=f"{name}, filled from the study", frame=frame, notes=(note,), folded=True
    )
    return Section(id="reporting", title="Reporting list", items=(table,))


def _numbers(groups: Mapping[str, int]) -> str:
    total = counted(sum(groups.values()), "subject")
    return total if set(groups) == {""} else f"{total}: {', '.join(f'{n} {group}' for group, n in groups.items())}"


def left_out(study: Study) -> str:
    """Name who the study file leaves out, and why."""
    excluded = [f"{who} ({why})" for who, why in study.subjects.exclude.items()]
    excluded += [
        f"{who} in {words(name)} ({why})"
        for name, question in study.questions.items()
        for who, why in question.exclude.items()
    ]
    excluded += [f"a session of {row.subject} ({row.reason})" for row in study.operant.exclude] if study.operant else []
    return "; ".join(excluded) or "nobody by the study file; who lacks data is named with each question"


def _outcomes(study: Study) -> str:
    return str(listed(dict.fromkeys(question.of for question in study.questions.values())))


def _procedures(study: Study) -> str:
    phases = study.operant.phases.items() if study.operant else ()
    parts = [f"{words(name)} ({words(phase.kind)}, {counted(phase.days, 'day')})" for name, phase in phases]
    parts += [f"{words(name)} ({drug.route})" for name, drug in study.drugs.items()]
    parts += [f"scans of task {study.scans.task}"] if study.scans else []
    return "; ".join(parts)


def _models(study: Study) -> str:
    formulas = [question.formula for question in study.questions.values() if isinstance(question, Formula)]
    others = len(study.questions) - len(formulas)
    parts = [f"models by formula: {'; '.join(dict.fromkeys(formulas))}"] if formulas else []
    return "; ".join([*parts, *([f"{counted(others, 'further question')} as in the Methods"] if others else [])])


def correction_words(correction: Correction | None) -> str:
    """Describe how maps are corrected for the number of voxels."""
    if correction is None:
        return "no question on maps is corrected"
    height = f"voxel p {short(correction.voxel_p)}" if correction.voxel_p else f"voxel Z {correction.voxel_z}"
    heights = f", {height}" if correction.voxel_p or correction.voxel_z else ""
    return (
        f"{correction.method}, cluster {correction.statistic}{heights}, corrected level {short(correction.alpha)}, "
        f"connectivity {correction.connectivity}"
    )


def _data_access(study: Study) -> str:
    about = study.about
    return "; ".join(filter(None, (about.accession, about.doi and f"doi:{about.doi}", about.license)))


def _arrive(study: Study, groups: Mapping[str, int]) -> Iterator[Item]:
    factors = "; ".join(f"{words(name)}: {', '.join(factor.levels)}" for name, factor in study.factors.items())
    units = dict.fromkeys(words(getattr(question, "unit", "subject")) for question in study.questions.values())
    yield "1a", "Groups compared, with control groups", factors
    yield "1b", "Experimental unit", ", ".join(units)
    yield "2a", "Number of experimental units in each group, and in total", _numbers(groups)
    yield "2b", "How the sample size was decided", ""
    yield "3a", "Criteria for including and excluding animals and data", criteria(study)
    yield "3b", "Animals and data not included, and why", left_out(study)
    yield "3c", "Exact n of each analysis", "with each figure and table of the page"
    yield "4a", "Whether and how units were randomized to groups", ""
    yield "4b", "How confounders such as order and cage were minimized", ""
    yield "5", "Who knew the groups at allocation, conduct, assessment and analysis", ""
    yield "6a", "All outcome measures", _outcomes(study)
    yield "6b", "Primary outcome that the sample size was decided by", ""
    yield "7a", "Statistical methods and software of each analysis", _models(study)
    yield "7b", "How assumptions were assessed", "Greenhouse-Geisser ε with every within effect of more than two levels"
    yield "8a", "Species, strain, sex, age and weight", f"species {study.subjects.species}; the rest: {UNKNOWN}"
    yield "8b", "Provenance, health, genetic modification, earlier procedures", ""
    yield "9a", "What was done, how, and with what", _procedures(study)
    yield "9b", "When and how often", _procedures(study) if study.operant else ""
    yield "9c", "Where (housing, recovery)", ""
    yield "9d", "Why", str(listed(question.why for question in study.questions.values() if question.why))
    yield "10a", "Descriptive statistics with variability, for each group", "means, SD, SEM and n with each question"
    yield "10b", "Effect size with confidence interval", "partial η², estimates and comparisons with intervals"
    yield "11", "Abstract", study.about.abstract
    for number, asked in (
        ("12", "Background"), ("13", "Objectives"), ("14", "Ethical statement"), ("15", "Housing and husbandry"),
        ("16", "Animal care and monitoring"), ("17", "Interpretation"), ("18", "Generalizability"),
        ("19", "Protocol registration"),
    ):  # fmt: skip
        yield number, asked, ""
    yield "20", "Data access", _data_access(study)
    yield "21", "Declaration of interests", ""


def criteria(study: Study) -> str:
    """State the limits beyond which sessions and volumes are left out; empty where there are none."""
    limits = []
    if study.operant and study.operant.shortest_min:
        limits.append(f"sessions under {short(study.operant.shortest_min)} min are left out")
    if study.nuisance.censor_fd_mm:
        limits.append(f"volumes that moved more than {short(study.nuisance.censor_fd_mm)} mm are left out")
    if study.nuisance.censor_dvars_percent:
        limits.append(f"volumes with DVARS above {short(study.nuisance.censor_dvars_percent)} % are left out")
    return "; ".join(limits)


def _cobidas(study: Study, groups: Mapping[str, int], scans: int | None) -> Iterator[Item]:
    yield "Design", "Number of subjects, by group", _numbers(groups)
    yield "Design", "Inclusion and exclusion criteria", criteria(study)
    yield "Design", "Subjects and data left out, and why", left_out(study)
    yield "Design", "Demographics, recruitment, ethics approval, power analysis", ""
    yield "Design", "Conditions", "; ".join(f"{words(k)}: {', '.join(v.levels)}" for k, v in study.factors.items())
    yield "Design", "Procedures, drugs and behavior", _procedures(study)
    yield "Acquisition", "Scans that entered", "" if scans is None else short(scans)
    yield "Acquisition", "Task and repetition time", f"{study.scans.task}, {study.scans.tr_s} s" if study.scans else ""
    yield "Acquisition", "Scanner, field strength, coil, sequence, echo time, flip angle, field of view", ""
    derived = study.scans.derivatives if study.scans else None
    yield "Preprocessing", "Motion, distortion, slice timing, registration", f"in {derived}" if derived else ""
    yield "Preprocessing", "Space of the analysis", study.space.origin if study.space else ""
    smoothing = [f"{words(k)} {short(v.smoothing_fwhm_mm)} mm" for k, v in study.maps.items() if v.kind != "given"]
    yield "Preprocessing", "Smoothing (FWHM)", "; ".join(smoothing)
    yield "Preprocessing", "Nuisance signals", "as in the Methods" if smoothing else ""
    models = [f"{words(k)}: {v.hrf}, noise {v.noise}" for k, v in study.maps.items() if isinstance(v, Glm)]
    yield "Modeling", "First level: response function and noise", "; ".join(models)
    yield "Modeling", "Group models", _models(study)
    yield "Inference", "Correction for the number of voxels", correction_words(study.correction)
    yield "Inference", "Region of interest or whole brain", f"voxels of {study.space.mask}" if study.space else ""
    yield "Results", "Tables of clusters with peaks, and maps without a threshold", "on the page, and in questions/"
    yield "Results", "Effect sizes with intervals", "maps of effects and their limits; tables with intervals"
    yield "Sharing", "Data and their license", _data_access(study)
    yield "Reproducibility", "Software, versions and seed", f"as under Provenance; seed {study.seed}"
    yield "Reproducibility", "Other choices tried", ", ".join(map(words, study.alternatives)) or "none are listed"
