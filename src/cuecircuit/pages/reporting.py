"""Reporting lists filled from a study: ARRIVE 2.0 of animals, COBIDAS of human participants.

ARRIVE 2.0: Percie du Sert et al. 2020, PLoS Biol 18:e3000410. COBIDAS: Nichols et al. 2017, Nat Neurosci 20:299. What
neither the study file nor the results hold is listed as well, so that authors see what is left to write. The items are
in `reporting_lists.json`; a word in braces is an answer of `_answers`.
"""

import json
from collections.abc import Mapping
from importlib.resources import files

import pandas as pd

from cuecircuit.figures.numbers import short
from cuecircuit.report.content import Section, TableItem
from cuecircuit.report.marks import counted, listed, words
from cuecircuit.study.acquisition import Correction, Glm
from cuecircuit.study.questions import Formula
from cuecircuit.study.schema import Study

UNKNOWN = "not known to the software"
_HUMAN = "Homo sapiens"


def reporting_section(study: Study, groups: Mapping[str, int], scans: int | None) -> Section:
    """Fill the list that a journal asks for.

    Args:
        study: the study.
        groups: number of subjects by level of the first factor, or under an empty name.
        scans: number of scans that entered; None where there are none.
    """
    name = "COBIDAS" if study.subjects.species == _HUMAN else "ARRIVE 2.0"
    lists = json.loads(files("cuecircuit.pages").joinpath("reporting_lists.json").read_text(encoding="utf-8"))
    answers = _answers(study, groups, scans)
    frame = pd.DataFrame(lists[name], columns=["item", "asked", "answer"])
    frame["answer"] = [answer.format(**answers) or UNKNOWN for answer in frame["answer"]]
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


def _answers(study: Study, groups: Mapping[str, int], scans: int | None) -> dict[str, object]:
    """Return what a study and its results hold of the items of all lists; empty where they hold nothing."""
    questions, about = study.questions.values(), study.about
    procedures = _procedures(study)
    smoothing = [f"{words(k)} {short(v.smoothing_fwhm_mm)} mm" for k, v in study.maps.items() if v.kind != "given"]
    first_level = [f"{words(k)}: {v.hrf}, noise {v.noise}" for k, v in study.maps.items() if isinstance(v, Glm)]
    return {
        "factors": "; ".join(f"{words(name)}: {', '.join(factor.levels)}" for name, factor in study.factors.items()),
        "units": ", ".join(dict.fromkeys(words(getattr(question, "unit", "subject")) for question in questions)),
        "numbers": _numbers(groups),
        "criteria": criteria(study),
        "left_out": left_out(study),
        "outcomes": listed(dict.fromkeys(question.of for question in questions)),
        "models": _models(study),
        "species": study.subjects.species,
        "unknown": UNKNOWN,
        "procedures": procedures,
        "sessions": procedures if study.operant else "",
        "why": listed(question.why for question in questions if question.why),
        "abstract": about.abstract,
        "access": "; ".join(filter(None, (about.accession, about.doi and f"doi:{about.doi}", about.license))),
        "scans": "" if scans is None else short(scans),
        "task": f"{study.scans.task}, {study.scans.tr_s} s" if study.scans else "",
        "preprocessing": f"in {study.scans.derivatives}" if study.scans and study.scans.derivatives else "",
        "space": study.space.origin if study.space else "",
        "smoothing": "; ".join(smoothing),
        "nuisance": "as in the Methods" if smoothing else "",
        "first_level": "; ".join(first_level),
        "correction": correction_words(study.correction),
        "voxels": f"voxels of {study.space.mask}" if study.space else "",
        "seed": study.seed,
        "alternatives": ", ".join(map(words, study.alternatives)) or "none are listed",
    }
