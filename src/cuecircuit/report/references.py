"""What the Methods text cites, chosen by the settings, as printed lines and as BibTeX; every entry has its DOI."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cuecircuit.study.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One article; `authors` as `Family, Given` in the order of print."""

    key: str
    authors: tuple[str, ...]
    year: int
    title: str
    journal: str
    volume: str
    pages: str
    doi: str


BEHZADI = Reference(
    key="behzadi2007",
    authors=("Behzadi, Y", "Restom, K", "Liau, J", "Liu, TT"),
    year=2007,
    title="A component based noise correction method (CompCor) for BOLD and perfusion based fMRI",
    journal="NeuroImage",
    volume="37",
    pages="90–101",
    doi="10.1016/j.neuroimage.2007.04.042",
)
BENJAMINI = Reference(
    key="benjamini1995",
    authors=("Benjamini, Y", "Hochberg, Y"),
    year=1995,
    title="Controlling the false discovery rate: a practical and powerful approach to multiple testing",
    journal="J R Stat Soc B",
    volume="57",
    pages="289–300",
    doi="10.1111/j.2517-6161.1995.tb02031.x",
)
BULLMORE = Reference(
    key="bullmore1999",
    authors=("Bullmore, ET", "Suckling, J", "Overmeyer, S", "Rabe-Hesketh, S", "Taylor, E", "Brammer, MJ"),
    year=1999,
    title=(
        "Global, voxel, and cluster tests, by theory and permutation, for a difference between two groups of "
        "structural MR images of the brain"
    ),
    journal="IEEE Trans Med Imaging",
    volume="18",
    pages="32–42",
    doi="10.1109/42.750253",
)
COX = Reference(
    key="cox2017",
    authors=("Cox, RW", "Chen, G", "Glen, DR", "Reynolds, RC", "Taylor, PA"),
    year=2017,
    title="FMRI clustering in AFNI: false-positive rates redux",
    journal="Brain Connect",
    volume="7",
    pages="152–171",
    doi="10.1089/brain.2016.0475",
)
FREEDMAN = Reference(
    key="freedman1983",
    authors=("Freedman, D", "Lane, D"),
    year=1983,
    title="A nonstochastic interpretation of reported significance levels",
    journal="J Bus Econ Stat",
    volume="1",
    pages="292–298",
    doi="10.1080/07350015.1983.10509354",
)
GORGOLEWSKI = Reference(
    key="gorgolewski2016",
    authors=("Gorgolewski, KJ", "Auer, T", "Calhoun, VD", "others"),
    year=2016,
    title=(
        "The brain imaging data structure, a format for organizing and describing outputs of neuroimaging experiments"
    ),
    journal="Sci Data",
    volume="3",
    pages="160044",
    doi="10.1038/sdata.2016.44",
)
GREENHOUSE = Reference(
    key="greenhouse1959",
    authors=("Greenhouse, SW", "Geisser, S"),
    year=1959,
    title="On methods in the analysis of profile data",
    journal="Psychometrika",
    volume="24",
    pages="95–112",
    doi="10.1007/BF02289823",
)
HUYNH = Reference(
    key="huynh1976",
    authors=("Huynh, H", "Feldt, LS"),
    year=1976,
    title=(
        "Estimation of the Box correction for degrees of freedom from sample data in randomized block and split-plot "
        "designs"
    ),
    journal="J Educ Stat",
    volume="1",
    pages="69–82",
    doi="10.3102/10769986001001069",
)
HOLMES = Reference(
    key="nichols2002",
    authors=("Nichols, TE", "Holmes, AP"),
    year=2002,
    title="Nonparametric permutation tests for functional neuroimaging: a primer with examples",
    journal="Hum Brain Mapp",
    volume="15",
    pages="1–25",
    doi="10.1002/hbm.1058",
)
COBIDAS = Reference(
    key="nichols2017",
    authors=("Nichols, TE", "Das, S", "Eickhoff, SB", "others"),
    year=2017,
    title="Best practices in data analysis and sharing in neuroimaging using MRI",
    journal="Nat Neurosci",
    volume="20",
    pages="299–303",
    doi="10.1038/nn.4500",
)
SIMONSOHN = Reference(
    key="simonsohn2020",
    authors=("Simonsohn, U", "Simmons, JP", "Nelson, LD"),
    year=2020,
    title="Specification curve analysis",
    journal="Nat Hum Behav",
    volume="4",
    pages="1208–1214",
    doi="10.1038/s41562-020-0912-z",
)
SMITH = Reference(
    key="smith2009",
    authors=("Smith, SM", "Nichols, TE"),
    year=2009,
    title=(
        "Threshold-free cluster enhancement: addressing problems of smoothing, threshold dependence and localisation "
        "in cluster inference"
    ),
    journal="NeuroImage",
    volume="44",
    pages="83–98",
    doi="10.1016/j.neuroimage.2008.03.061",
)
STEEGEN = Reference(
    key="steegen2016",
    authors=("Steegen, S", "Tuerlinckx, F", "Gelman, A", "Vanpaemel, W"),
    year=2016,
    title="Increasing transparency through a multiverse analysis",
    journal="Perspect Psychol Sci",
    volume="11",
    pages="702–712",
    doi="10.1177/1745691616658637",
)
WINKLER = Reference(
    key="winkler2014",
    authors=("Winkler, AM", "Ridgway, GR", "Webster, MA", "Smith, SM", "Nichols, TE"),
    year=2014,
    title="Permutation inference for the general linear model",
    journal="NeuroImage",
    volume="92",
    pages="381–397",
    doi="10.1016/j.neuroimage.2014.01.060",
)

AVANTS = Reference(
    key="avants2008",
    authors=("Avants, BB", "Epstein, CL", "Grossman, M", "Gee, JC"),
    year=2008,
    title="Symmetric diffeomorphic image registration with cross-correlation",
    journal="Med Image Anal",
    volume="12",
    pages="26–41",
    doi="10.1016/j.media.2007.06.004",
)
BIRN = Reference(
    key="birn2006",
    authors=("Birn, RM", "Diamond, JB", "Smith, MA", "Bandettini, PA"),
    year=2006,
    title="Separating respiratory-variation-related fluctuations from neuronal-activity-related fluctuations in fMRI",
    journal="NeuroImage",
    volume="31",
    pages="1536–1548",
    doi="10.1016/j.neuroimage.2006.02.048",
)
GLOVER = Reference(
    key="glover2000",
    authors=("Glover, GH", "Li, TQ", "Ress, D"),
    year=2000,
    title="Image-based method for retrospective correction of physiological motion effects in fMRI: RETROICOR",
    journal="Magn Reson Med",
    volume="44",
    pages="162–167",
    doi="10.1002/1522-2594(200007)44:1<162::AID-MRM23>3.0.CO;2-E",
)
POWER = Reference(
    key="power2012",
    authors=("Power, JD", "Barnes, KA", "Snyder, AZ", "Schlaggar, BL", "Petersen, SE"),
    year=2012,
    title="Spurious but systematic correlations in functional connectivity MRI networks arise from subject motion",
    journal="NeuroImage",
    volume="59",
    pages="2142–2154",
    doi="10.1016/j.neuroimage.2011.10.018",
)
TUSTISON = Reference(
    key="tustison2010",
    authors=("Tustison, NJ", "Avants, BB", "Cook, PA", "others"),
    year=2010,
    title="N4ITK: improved N3 bias correction",
    journal="IEEE Trans Med Imaging",
    volume="29",
    pages="1310–1320",
    doi="10.1109/TMI.2010.2046908",
)


def cited(study: Study) -> tuple[Reference, ...]:
    """Choose the references of a study's Methods, by first author and year."""
    return tuple(sorted(_cited(study), key=lambda reference: (reference.authors[0], reference.year)))


def _cited(study: Study) -> Iterator[Reference]:
    yield from (BENJAMINI, GREENHOUSE, HUYNH, GORGOLEWSKI, COBIDAS)
    yield from _scan_references(study)
    methods = study.correction.compare
    if (study.correction.method == "simulation" or "simulation size" in methods) and (
        study.correction.smoothness == "acf"
    ):
        yield COX
    if study.correction.method == "permutation" or any(name.startswith("permutation") for name in methods):
        yield from (FREEDMAN, HOLMES, WINKLER)
    if "permutation mass" in methods:
        yield BULLMORE
    if "permutation tfce" in methods:
        yield SMITH
    if study.alternatives:
        yield from (SIMONSOHN, STEEGEN)


def _scan_references(study: Study) -> Iterator[Reference]:
    if study.acquisition.derivatives is not None and study.preprocess is not None:
        yield from (AVANTS, TUSTISON)
    if study.nuisance.respiration in ("retroicor", "both"):
        yield GLOVER
    if study.nuisance.respiration in ("rvt", "both"):
        yield BIRN
    if study.nuisance.censor_fd_mm is not None or study.nuisance.censor_dvars_percent is not None:
        yield POWER
    if study.nuisance.acompcor:
        yield BEHZADI


def printed_reference(reference: Reference) -> str:
    """Print a reference as a line of the list."""
    names = ", ".join("et al." if name == "others" else name.replace(",", "") for name in reference.authors)
    place = f"{reference.journal} {reference.volume}:{reference.pages}"
    return f"{names} ({reference.year}). {reference.title}. {place}. doi:{reference.doi}"


def bibtex(references: Sequence[Reference]) -> str:
    """Write references as a BibTeX file."""
    return "\n".join(_entry(reference) for reference in references)


def _entry(reference: Reference) -> str:
    fields = {
        "author": " and ".join(reference.authors),
        "title": f"{{{reference.title}}}",
        "journal": reference.journal,
        "year": str(reference.year),
        "volume": reference.volume,
        "pages": reference.pages.replace("–", "--"),
        "doi": reference.doi,
    }
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@article{{{reference.key},\n{lines}\n}}\n"
