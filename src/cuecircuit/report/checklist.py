"""What a reader needs to judge and repeat the study, item by item, after the COBIDAS report (Nichols et al. 2017).

Each item is answered by settings of the study or by what the run found. An item that nothing here answers is named as
well, so that the author can see what is still to be written.
"""

from collections.abc import Iterator

import pandas as pd

from cuecircuit.figures.numbers import number, short
from cuecircuit.report.marks import Marks, marks_of, value_text
from cuecircuit.report.methods import RunFacts
from cuecircuit.study.settings import Source
from cuecircuit.study.study import Study

NOT_STATED = "not stated"
# area, item, and the settings that answer it
_BY_SETTINGS = (
    ("Design", "Groups", ("subjects.groups",)),
    ("Design", "Subjects left out, with reasons", ("subjects.exclude",)),
    ("Design", "Species", ("subjects.species",)),
    ("Design", "Drug, dose and route", ("drug.name", "drug.dose_mg_kg", "drug.route")),
    ("Design", "Conditions", ("cues.levels",)),
    ("Design", "Blocks per scan and their length (s)", ("acquisition.blocks", "acquisition.block_s")),
    ("Acquisition", "Repetition time (s)", ("acquisition.tr_s",)),
    ("Acquisition", "Volumes per scan", ("acquisition.volumes",)),
    ("Preprocessing", "Nuisance signals", ("nuisance.white_matter", "nuisance.ventricles")),
    ("Preprocessing", "Motion terms", ("nuisance.motion",)),
    ("Preprocessing", "Drift model: longest period kept (s)", ("nuisance.drift_period_s",)),
    ("Preprocessing", "Smoothing, FWHM (mm)", ("nuisance.smoothing_fwhm_mm",)),
    ("Preprocessing", "Atlas and space", ("space.atlas", "space.reference_point")),
    ("Modeling", "Response: baseline and window (s)", ("response.baseline_s", "response.window_s")),
    ("Modeling", "Blocks averaged", ("response.blocks",)),
    ("Modeling", "Between- and within-subject factors", ("group.between", "group.within")),
    ("Modeling", "Covariates", ("group.covariates",)),
    ("Inference", "Effect of interest", ("group.effect",)),
    ("Inference", "Correction", ("correction.method",)),
    ("Inference", "Cluster-forming voxel p and corrected p", ("correction.voxel_p", "correction.alpha")),
    ("Inference", "Neighbors of a voxel", ("correction.connectivity",)),
    ("Inference", "Smoothness of the noise", ("correction.smoothness",)),
    ("Inference", "Other corrections shown", ("correction.compare",)),
    ("Regions", "What a region's number is the mean of", ("regions.extent", "regions.smoothed")),
    ("Regions", "Correlation with behavior", ("correlations.cue", "correlations.treatment", "correlations.q")),
    ("Reproducibility", "Seed", ("seed",)),
)
# items of the report that a study file does not hold
_BY_AUTHOR = (
    ("Design", "Approval of the animal or ethics committee"),
    ("Design", "How the number of subjects was chosen"),
    ("Acquisition", "Scanner, field strength and coil"),
    ("Acquisition", "Sequence, echo time, flip angle, field of view"),
    ("Acquisition", "Anesthesia and physiology during the scan"),
    ("Preprocessing", "Motion correction, distortion correction and registration before this analysis"),
)


def checklist(study: Study, facts: RunFacts) -> pd.DataFrame:
    """Answer the items: columns area, item, answer, source (the weakest of the settings behind it), reason."""
    rows = [*_answered(marks_of(study)), *_found(facts)]
    rows += [(area, item, "", NOT_STATED, "to be written by the authors") for area, item in _BY_AUTHOR]
    order = list(dict.fromkeys(area for area, *_ in _BY_SETTINGS))
    rows.sort(key=lambda row: order.index(row[0]))
    return pd.DataFrame(rows, columns=["area", "item", "answer", "source", "reason"])


def _answered(marks: Marks) -> Iterator[tuple[str, str, str, str, str]]:
    for area, item, paths in _BY_SETTINGS:
        settings = [marks.settings[path] for path in paths]
        assumed = [setting for setting in settings if setting.source == "assumed"]
        sources: dict[Source, None] = dict.fromkeys(setting.source for setting in settings)
        source = "assumed" if assumed else next(iter(sources))
        answer = "; ".join(value_text(setting.value) for setting in settings)
        yield area, item, answer, source, "; ".join(setting.why for setting in assumed)


def _found(facts: RunFacts) -> Iterator[tuple[str, str, str, str, str]]:
    subjects = ", ".join(f"{n} {group}" for group, n in facts.subjects.items())
    found = {
        ("Design", "Subjects analyzed"): subjects,
        ("Acquisition", "Voxels (mm)"): " × ".join(short(round(edge, 3)) for edge in facts.voxel_mm),
        ("Inference", "Voxels tested"): short(facts.voxels),
        ("Inference", "Degrees of freedom"): f"{short(facts.df[0])}, {short(facts.df[1])}",
        ("Inference", "Smallest cluster kept (voxels)"): short(facts.cluster_voxels),
        ("Inference", "Smoothness found, FWHM (mm)"): number(facts.fwhm_mm),
        ("Reproducibility", "Software"): ", ".join(f"{name} {version}" for name, version in facts.versions.items()),
    }
    for (area, item), answer in found.items():
        yield area, item, answer, "measured", ""
