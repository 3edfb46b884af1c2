"""What the Methods text of a study of people cites, chosen by its settings; every entry has its DOI."""

from collections.abc import Iterator

from cuecircuit.report.references import (
    BEHZADI,
    BENJAMINI,
    COBIDAS,
    COX,
    FREEDMAN,
    GORGOLEWSKI,
    GREENHOUSE,
    HOLMES,
    HUYNH,
    SIMONSOHN,
    STEEGEN,
    WINKLER,
    Reference,
    cited,
)
from cuecircuit.study.people import PeopleStudy
from cuecircuit.study.study import Study

BATES = Reference(
    key="bates2015",
    authors=("Bates, D", "Mächler, M", "Bolker, B", "Walker, S"),
    year=2015,
    title="Fitting linear mixed-effects models using lme4",
    journal="J Stat Softw",
    volume="67",
    pages="1–48",
    doi="10.18637/jss.v067.i01",
)
ESTEBAN = Reference(
    key="esteban2019",
    authors=("Esteban, O", "Markiewicz, CJ", "Blair, RW", "others"),
    year=2019,
    title="fMRIPrep: a robust preprocessing pipeline for functional MRI",
    journal="Nat Methods",
    volume="16",
    pages="111–116",
    doi="10.1038/s41592-018-0235-4",
)
KNAPP = Reference(
    key="knapp2003",
    authors=("Knapp, G", "Hartung, J"),
    year=2003,
    title="Improved tests for a random effects meta-regression with a single covariate",
    journal="Stat Med",
    volume="22",
    pages="2693–2710",
    doi="10.1002/sim.1482",
)
MCGRAW = Reference(
    key="mcgraw1996",
    authors=("McGraw, KO", "Wong, SP"),
    year=1996,
    title="Forming inferences about some intraclass correlation coefficients",
    journal="Psychol Methods",
    volume="1",
    pages="30–46",
    doi="10.1037/1082-989X.1.1.30",
)
POWER = Reference(
    key="power2012",
    authors=("Power, JD", "Barnes, KA", "Snyder, AZ", "Schlaggar, BL", "Petersen, SE"),
    year=2012,
    title=("Spurious but systematic correlations in functional connectivity MRI networks arise from subject motion"),
    journal="NeuroImage",
    volume="59",
    pages="2142–2154",
    doi="10.1016/j.neuroimage.2011.10.018",
)
SATTERTHWAITE = Reference(
    key="satterthwaite2013",
    authors=("Satterthwaite, TD", "Elliott, MA", "Gerraty, RT", "others"),
    year=2013,
    title=(
        "An improved framework for confound regression and filtering for control of motion artifact in the "
        "preprocessing of resting-state functional connectivity data"
    ),
    journal="NeuroImage",
    volume="64",
    pages="240–256",
    doi="10.1016/j.neuroimage.2012.08.052",
)
WOOLRICH = Reference(
    key="woolrich2004",
    authors=("Woolrich, MW", "Behrens, TEJ", "Beckmann, CF", "Jenkinson, M", "Smith, SM"),
    year=2004,
    title="Multilevel linear modelling for FMRI group analysis using Bayesian inference",
    journal="NeuroImage",
    volume="21",
    pages="1732–1747",
    doi="10.1016/j.neuroimage.2003.12.023",
)


def cited_by(study: Study | PeopleStudy) -> tuple[Reference, ...]:
    """Choose the references of a study's Methods, by first author and year."""
    if isinstance(study, Study):
        return cited(study)
    return tuple(sorted(_people_cited(study), key=lambda reference: (reference.authors[0], reference.year)))


def _people_cited(study: PeopleStudy) -> Iterator[Reference]:
    yield from (GORGOLEWSKI, COBIDAS)
    if study.alternatives:
        yield from (SIMONSOHN, STEEGEN)
    if study.acquisition.derivatives is not None:
        yield ESTEBAN
    if study.nuisance.motion > 6:
        yield SATTERTHWAITE
    if study.nuisance.censor_fd_mm is not None:
        yield POWER
    if study.nuisance.acompcor:
        yield BEHZADI
    if study.behavior is not None:
        yield from (GREENHOUSE, HUYNH)
    if study.correction.method == "permutation":
        yield from (FREEDMAN, HOLMES, WINKLER)
    elif study.correction.smoothness == "acf":
        yield COX
    mixed = [question for question in study.questions if question.method == "mixed-effects"]
    if mixed:
        yield WOOLRICH
    if any(question.test == "knapp-hartung" for question in mixed):
        yield KNAPP
    if study.longitudinal is not None:
        yield from (BATES, MCGRAW)
    if study.correlations is not None or study.longitudinal is not None:
        yield BENJAMINI
