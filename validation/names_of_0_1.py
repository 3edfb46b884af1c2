"""Which table and map of 0.1.0's results is which of today: read by `same_numbers.py`."""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Place:
    """Where a table of 0.1.0 is today.

    `file`: relative to the results; `keys`: what tells rows apart, by the old names of columns.
    `rows`: an expression that picks the rows of a new table; `names`: old to new name, of columns and of labels.
    `gone`: columns that are not there, each with where they went.
    """

    file: str
    keys: tuple[str, ...]
    rows: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)


_PHASES = ("escalation", "conditioning", "cue_test", "extinction", "reinstatement")
_FACTOR = {"escalation": "day", "conditioning": "treatment", "cue_test": "treatment", "extinction": "day"}
_GROUP = {"group": "tables/subjects.tsv"}
_CLUSTER_TABLES = {
    "cluster_regions": ("prefix", "cluster", "region"),
    "clusters": ("prefix", "cluster"),
    "corrections": ("term", "method", "cluster"),
    "smoothness": ("stratum",),
    "terms": ("prefix",),
}


def _anova(question: str) -> Place:
    return Place(f"questions/{question}/terms.tsv", ("term",), names={"session": "day", "pairing": "day"})


def _posthoc(phase: str) -> Place:
    factor = _FACTOR.get(phase, "treatment")
    old = "session" if factor == "day" else factor
    return Place(
        f"questions/{phase}/comparisons.tsv",
        ("group", old),
        rows=f"comparison == '{factor}'",
        names={old: "level"},
        gone={"mean": f"questions/{phase}/means.tsv"},
    )


def _effects(phase: str) -> Place:
    names = {"effect": "term", "value": "pes", "ci_low": "pes_low", "ci_high": "pes_high", "session": "day"}
    gone = {"measure": "name of the column", "confidence": "notes of the columns"}
    return Place(f"questions/{phase}/terms.tsv", ("effect",), names=names, gone=gone)


CARMACK: Mapping[str, Place] = {
    **{f"behavior/{name}_anova.tsv": _anova(name) for name in ("escalation", "conditioning", "pairings")},
    **{f"behavior/{phase}_posthoc.tsv": _posthoc(phase) for phase in _PHASES},
    **{f"behavior/{phase}_effects.tsv": _effects(phase) for phase in _PHASES},
    **{
        f"behavior/{phase}_counts.tsv": Place(f"questions/{phase}_counts/ratios.tsv", ("comparison",))
        for phase in _PHASES
    },
    "behavior/escalation_groups.tsv": Place(
        "questions/escalation/comparisons.tsv",
        ("session", "group"),
        rows="comparison == 'group'",
        names={"group": "level", "session": "day"},
    ),
    "behavior/severity.tsv": Place(
        "tables/derived.severity.tsv",
        ("subject",),
        names={"severity": "value", "z_escalation": "z_rise", "z_extinction": "z_extinguished"},
        gone={**_GROUP, "addiction_index": "z_escalation under another name", "severity_class": "a derived split"},
    ),
    "behavior/conditioning.tsv": Place(
        "questions/conditioning/rows.tsv", ("subject", "treatment"), names={"infusions": "value"}
    ),
    "behavior/reinstatement_baseline.tsv": Place(
        "tables/derived.reinstated.tsv",
        ("subject", "treatment"),
        names={"difference": "value", "baseline": "less"},
        gone={**_GROUP, "test": "baseline plus difference"},
    ),
    "behavior/sessions.tsv": Place(
        "tables/operant.tsv",
        ("file", "line"),
        names={"session": "day", "infusions_conditioning": "paired_infusions"},
        gone=_GROUP,
    ),
    **{
        f"regions/correlations{old}.tsv": Place(
            f"questions/withdrawal_severity{old}/correlation.tsv", ("region",), gone={"voxels": "tables/regions.*.tsv"}
        )
        for old in ("", "_region")
    },
    **{f"regions/table1{old}.tsv": Place(f"questions/table1{old}/wide.tsv", ("region",)) for old in ("", "_region")},
    **{
        f"group/{name}.tsv": Place(f"questions/access_by_cue/{name}.tsv", keys)
        for name, keys in _CLUSTER_TABLES.items()
    },
}

_REGION_TERM = ("contrast", "region", "term")
HUANG: Mapping[str, Place] = {
    "behavior/rating_anova.tsv": _anova("ratings"),
    "behavior/response_time_anova.tsv": _anova("times"),
    "behavior/before_after_anova.tsv": _anova("craving_over_task"),
    "behavior/before_after.tsv": Place(
        "questions/craving_over_task/rows.tsv",
        ("subject", "time"),
        names={"craving_before": "before", "craving_after": "after"},
    ),
    "regions/correlations.tsv": Place("questions/region_craving/correlation.tsv", ("contrast", "region")),
    "regions/longitudinal.tsv": Place(
        "questions/region_weeks/terms.tsv",
        _REGION_TERM,
        names={"q": "p_adjusted"},
        gone={"people": "settings.json", "observations": "settings.json"},
    ),
    "regions/change.tsv": Place(
        "questions/region_change/correlation.tsv",
        ("contrast", "region"),
        gone={
            "people": "settings.json",
            **dict.fromkeys(("icc", "icc_low", "icc_high"), "questions/region_reliability/reliability.tsv"),
        },
    ),
}
_RELIABILITY = Place(
    "questions/region_reliability/reliability.tsv",
    ("contrast", "region"),
    names={"icc_low": "ci_low", "icc_high": "ci_high"},
)
# the same old table is in two of today's
SECOND: Mapping[str, tuple[Place, tuple[str, ...]]] = {
    "regions/change.tsv": (_RELIABILITY, ("icc", "icc_low", "icc_high")),
}


# what is not as it was, and why: the first part is a pattern of the table, column or map, the second of what is found
EXCEPTIONS: tuple[tuple[str, str, str], ...] = (
    (r".*", r"is gone \((?!nowhere).*", "in another table, which is named"),
    (r"(group|longitudinal)/.*maps\.tsv", r"is gone", "questions/NAME/maps.tsv, with paths from there"),
    (r"sub-\w+/sub-\w+_maps\.tsv", r"is gone", "tables/maps.NAME.tsv and contrasts.NAME.tsv"),
    (r"inputs\.tsv|people/people\.tsv", r"is gone", "paths of this machine; tables/subjects.tsv and visits.tsv"),
    (
        r"behavior/(cells|faults|untested|\w+_animals|\w+_layout)\.tsv",
        r"is gone",
        "tables/ and questions/NAME/layout.tsv",
    ),
    (r"regions/(responses|sessions)\.tsv", r"is gone", "tables/regions.NAME.tsv; tables/visits.tsv"),
    (
        r"regions/(table1|correlations)(_region)?\.tsv: .*",
        r"[\d.]+e-\d+",
        "means over blocks were taken in single precision before those over voxels",
    ),
    (r"group/.*Tfce.*|group/(clusters|corrections)\.tsv: .*", r".*", "TFCE was integrated in coarse steps"),
    (r".*smoothness\.tsv: .*", r"[\d.]+e-0[89]|[\d.]+e-07", "where the fit of the noise model stops"),
    (r"group/.*clusters\.tsv: center_[xyz]", r".*", "0 but for rounding"),
    (
        r".*contrast-sex_stat-(z|t|effect).*",
        r".*sums differ by 2",
        "sign: the order of levels is that of the study file",
    ),
    (
        r"longitudinal/.*stat-p_statmap.*",
        r"other voxels; sums differ by (0|[\d.]+e-1[5-9])",
        "rounding: p is stored in double precision, and models are fitted in smaller blocks of voxels",
    ),
    (r"group/.*stat-variance_statmap.*", r"is gone", "the standard error is there in its place"),
    (
        r"behavior/sessions\.tsv: (treatment|\w+_mg_kg)",
        r"inf",
        "no treatment is empty; what is not delivered is no intake",
    ),
)


def scale_of(name: str) -> int:
    """Return what today's map is of that of 0.1.0: effects of two levels were half their difference."""
    return 2 if re.fullmatch(r"group/.*contrast-(sex|group)(Xcenter\w+)?_stat-effect_statmap.*", name) else 1


def reason_for(name: str, found: str) -> str | None:
    """Return why a difference is as it should be; None where it is not."""
    return next((why for what, how, why in EXCEPTIONS if re.fullmatch(what, name) and re.fullmatch(how, found)), None)


def place_of(table: str, there: Container[str]) -> Place | None:
    """Return where a table of 0.1.0 is among the tables that are there; None where it went into another."""
    known = [places[table] for places in (CARMACK, HUANG) if table in places]
    if known:
        return next((place for place in known if place.file in there), known[0])
    if own := re.fullmatch(r"sub-(\w+)/(?:func/)?[^/]+_(cells|blocks|quality|maps)\.tsv", table):
        return _of_subject(table, own[1], own[2])
    group = re.fullmatch(r"(?:group/(\w+)|longitudinal)/(\w+)/(exploratory/)?(\w+)\.tsv", table)
    if group and group[4] in _CLUSTER_TABLES:
        folder = f"questions/{group[1] or 'fifteen_weeks'}/{group[2].replace('_', '')}"
        return Place(f"{folder}/{group[3] or ''}{group[4]}.tsv", _CLUSTER_TABLES[group[4]])
    return None


def _of_subject(table: str, subject: str, kind: str) -> Place | None:
    own = f"subject == '{subject}'"
    match kind:
        case "cells":
            return Place("tables/maps.responses.tsv", ("cue", "block"), rows=own)
        case "blocks":
            names = {"onset": "onset_s", "duration": "duration_s", "level": "block", "cue": "trial_type"}
            names |= {"respiration_valid": "breathing_valid"}
            return Place("tables/trials.tsv", ("run", "onset"), rows=own, names=names, gone={"number": "block"})
        case "quality":
            names = {"nuisance_df": "residual_df", "nuisance_dropped": "dropped", "confounds": "regressors"}
            file = f"sub-{subject}/func/sub-{subject}_task-{'odor' if '/func/' in table else 'cues'}_quality.tsv"
            return Place(file, ("run",) if "odor" in file else ("session", "run"), names=names)
        case _:
            return None


def map_of(name: str) -> str:
    """Return the name that a map of 0.1.0 has today."""
    if found := re.fullmatch(r"group/(\w+)/(\w+)/(.+)", name):
        return f"questions/{found[1]}/{found[2].replace('_', '')}/{found[3]}"
    if found := re.fullmatch(r"group/([^/]+)", name):
        return f"questions/access_by_cue/{found[1]}"
    if found := re.fullmatch(r"longitudinal/(\w+)/(.+)", name):
        contrast = found[1].replace("_", "")
        own = f"contrast-{contrast}_stat-"
        if found[2].startswith(own):
            statistic = found[2].removeprefix(own)
            question = "reliability" if statistic.startswith("icc") else "change"
            return f"questions/{question}/{contrast}/contrast-session_stat-{statistic}"
        return f"questions/fifteen_weeks/{contrast}/{found[2]}"
    return name
