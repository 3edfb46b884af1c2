"""The study file of operant animals: subjects, drug, phases, cues, scans, responses, design, correction, regions.

It reads in the order of a Methods section. Paths are relative to the study file. Times are seconds unless a
name says otherwise. Defaults follow Carmack et al. 2019 (J Clin Invest 129:2480) where the article states a value.
"""

from typing import ClassVar, Literal, get_args

from pydantic import Field, model_validator

from cuecircuit.study.sections import (
    Conditions,
    EntityLabel,
    Label,
    MaskedSpace,
    Name,
    Participants,
    RelativePath,
    ScanSource,
    StudyBase,
)
from cuecircuit.study.settings import Section, default


class Subjects(Participants):
    """Who took part, and who is left out and why."""

    groups: tuple[Label, ...] = Field(min_length=1, description="levels, the reference group first")
    weight_kg: Name | None = default(
        None, "convention", "column of participants.tsv with body weights, for a dose given as an amount"
    )
    species: str = "Rattus norvegicus"


class Drug(Section):
    """What was self-administered."""

    name: str = default("heroin", "paper", "Carmack 2019")
    dose_mg_kg: float = default(0.06, "paper", "60 µg/kg per infusion", gt=0)
    dose_mg: float | None = default(
        None, "convention", "amount per infusion, divided by each animal's weight (subjects.weight_kg)", gt=0
    )
    route: str = default("i.v.", "paper", "Carmack 2019")
    half_life_min: float | None = default(
        None, "convention", "makes the drug a single compartment; kinetics of known drugs otherwise", gt=0
    )


class Treatment(Section):
    """One injection given before a pairing, and the log entries it is found by."""

    name: Label
    experiment: Label = Field(description="the MED-PC header field Experiment of these sessions")
    drug: str
    dose_mg_kg: float = Field(ge=0)


PhaseKind = Literal[
    "self_administration",
    "conditioning",
    "cue_test",
    "extinction",
    "reinstatement",
    "progressive_ratio",
    "punishment",
]


class Phase(Section):
    """A run of sessions under one rule."""

    name: Name
    kind: PhaseKind | None = default(
        None, "convention", "decides on measures and tests; a phase called like a kind, or in `behavior`, is of it"
    )
    experiment: Label | None = Field(default=None, description="the MED-PC header field Experiment of these sessions")
    treatments: tuple[Treatment, ...] = ()
    sessions: int = Field(gt=0, description="sessions per subject (and per treatment, where there are treatments)")
    access_h: dict[str, float] = Field(default={}, description="hours of access by group")
    window_min: tuple[float, float] | None = Field(default=None, description="count infusions in this part only")

    @model_validator(mode="after")
    def _found_by_one_rule(self) -> "Phase":
        if (self.experiment is None) == (not self.treatments):
            raise ValueError(f"phase {self.name}: give either `experiment` or `treatments`")
        if self.window_min is not None and not 0 <= self.window_min[0] < self.window_min[1]:
            raise ValueError(f"phase {self.name}: window_min {list(self.window_min)} must rise from 0 or later")
        return self


class Behavior(Section):
    """Operant logs and the tests made of them."""

    logs: RelativePath = default(
        "sourcedata/medpc/*.txt", "convention", "operant data files of any kind that `cuecircuit sessions` reads"
    )
    programs: RelativePath | None = default(None, "convention", "folder of own MED-PC program declarations")
    mpc: RelativePath | None = default(None, "convention", "MED-PC program file or folder of them (array sizes)")
    source: RelativePath | None = default(
        None, "convention", "event names and columns of logs that are not MED-PC (YAML, as for `cuecircuit sessions`)"
    )
    escalation: Name = default("escalation", "convention", "phase of the access × session test")
    count: Literal["session", "first_hour"] = default(
        "session", "assumed", "the article does not say whether Fig. 1A counts the whole session or its first hour"
    )
    conditioning: Name = default("conditioning", "convention", "phase of the treatment × access test")
    posthoc_error: Literal["pooled", "contrast"] = default(
        "pooled", "assumed", "Prism pools the error term; the article does not say which was used"
    )
    posthoc_adjustment: Literal["none", "bonferroni", "holm", "dunnett"] = default(
        "bonferroni", "paper", "Bonferroni, each session against session 1"
    )
    shown: tuple[Label, ...] = default(
        (), "convention", "animals whose last session is drawn; the one nearest its group's median where none is named"
    )
    rate_bin_min: float = default(30.0, "convention", "bins of the rate within sessions", gt=0)

    @model_validator(mode="after")
    def _one_error_for_dunnett(self) -> "Behavior":
        if (self.posthoc_error, self.posthoc_adjustment) == ("contrast", "dunnett"):
            raise ValueError("posthoc_adjustment dunnett needs posthoc_error pooled; use holm for own error terms")
        return self


class Cues(Conditions):
    """The cue presented in the scanner: what it means, and which stimulus carried that meaning."""

    factor: Name = default("cue", "convention", "name of the factor in tables and maps")
    levels: tuple[EntityLabel, ...] = Field(min_length=2, description="conditions of the events, reference first")
    others: Literal["refuse", "model", "ignore"] = default(
        "refuse", "convention", "conditions that are no level: a fault, left out (`ignore`), or in the GLM (`model`)"
    )
    stimulus: Name | None = Field(default=None, description="column of the events with the physical stimulus")
    stimuli: tuple[Label, ...] = ()


class Acquisition(ScanSource):
    """Scans as they must be found in the BIDS data set."""

    session: EntityLabel | None = default(
        None, "convention", "entity ses of the scans to take; None where every animal was scanned in one session"
    )
    volumes: int = Field(gt=1, description="volumes per scan")
    blocks: int = default(4, "paper", "4 cue blocks per scan", gt=0)
    block_s: float = Field(gt=0, description="length of a cue block")

    session_setting: ClassVar[str] = "acquisition.session"

    @property
    def sessions_taken(self) -> tuple[str, ...]:
        """The session that the study names."""
        return () if self.session is None else (self.session,)


class Space(MaskedSpace):
    """The space all scans lie in, with its mask, tissues, anatomy and atlas."""

    white_matter: RelativePath
    ventricles: RelativePath
    anatomy: RelativePath = Field(description="background of the figures")
    atlas: RelativePath
    labels: RelativePath = Field(description="TSV: index, name")
    reference_point: str = default("bregma", "convention", "origin of the mm coordinates in rats")


class Preprocess(Section):
    """From raw scans of a rat to scans in the space of a template; `cuecircuit preprocess` does it."""

    template: RelativePath = default(
        "drawn", "assumed", "a path, brainglobe:NAME (an atlas of BrainGlobe), or the drawn brain of the simulation"
    )
    template_mask: RelativePath | None = default(None, "convention", "part of a template by name; else a file")
    white_matter: RelativePath | None = default(None, "convention", "as the mask; voxels above 0.5")
    ventricles: RelativePath | None = default(None, "convention", "as the mask; voxels above 0.5")
    atlas: RelativePath | None = default(None, "convention", "as the mask; labels")
    name: Label = Field(default="template", pattern="^[A-Za-z0-9]+$", description="entity space of the results")
    voxel_mm: float = default(0.5, "assumed", "edge of the voxels of the results; not printed", gt=0)
    scan_scale: float = default(1.0, "convention", "factor of the scans' lengths; 0.1 mends voxels ten times too large")
    template_scale: float = default(1.0, "convention", "factor of the template's lengths")
    scan_origin: Literal["header", "center"] = default("header", "convention", "center mends a missing origin")
    slice_timing: bool = default(True, "convention", "where the sidecar has SliceTiming")
    registration: Literal["rigid", "affine", "syn"] = default("syn", "convention", "last step of the registration")

    @property
    def by_name(self) -> bool:
        """Tell whether the template comes with its brain, tissues and atlas."""
        return self.template == "drawn" or self.template.startswith("brainglobe:")

    @model_validator(mode="after")
    def _a_file_has_its_parts(self) -> "Preprocess":
        parts = ("template_mask", "white_matter", "ventricles", "atlas")
        absent = [name for name in parts if getattr(self, name) is None]
        if absent and not self.by_name:
            raise ValueError(f"template {self.template} is a file, so {', '.join(absent)} must be named as well")
        return self


class Nuisance(Section):
    """What is removed from each voxel's series by one multiple regression."""

    white_matter: bool = default(True, "paper", "mean white-matter signal")
    ventricles: bool = default(True, "paper", "mean ventricle signal")
    motion: Literal[0, 6, 12, 24] = default(0, "paper", "the article names no motion regressors")
    drift_period_s: float | None = default(
        None, "assumed", "no drift model is named; local baselines remove slow drift"
    )
    acompcor: int = default(0, "convention", "components of each tissue (Behzadi 2007); the article names none", ge=0)
    low_pass_hz: float | None = default(None, "convention", "faster cosines are kept; the article names no band", gt=0)
    respiration: Literal["none", "retroicor", "rvt", "both"] = default(
        "none", "paper", "respiration enters as a covariate, not as regressors of the scan"
    )
    censor_fd_mm: float | None = default(None, "convention", "no volume is left out for motion", gt=0)
    censor_dvars_percent: float | None = default(None, "convention", "no volume is left out for a jump", gt=0)
    head_radius_mm: float = default(5.0, "assumed", "turns rotations into mm; half a rat brain, 50 for people", gt=0)
    min_residual_df: int = default(10, "assumed", "a scan with fewer degrees of freedom left is refused", ge=1)
    smoothing_fwhm_mm: float = default(0.8, "assumed", "not printed; 0.6 to 1 mm is usual for rats", ge=0)


class Response(Section):
    """How a block becomes a number: percent change from a baseline window, or a general linear model."""

    baseline_s: tuple[float, float] = default((-20.0, 0.0), "assumed", "window before each cue; not printed")
    window_s: tuple[float, float] = default((4.0, 30.0), "assumed", "window after cue onset; rat BOLD peaks at 2-3 s")
    block_factor: Name = default("block", "convention", "name of the factor of block halves")
    blocks: dict[str, tuple[int, ...]] = default({"early": (1, 2), "late": (3, 4)}, "paper", "blocks 1-2 against 3-4")
    method: Literal["block", "glm"] = default("block", "paper", "% BOLD change from baseline per cue presentation")
    hrf: Literal["rat", "spm", "glover", "fir"] = default(
        "rat", "assumed", "where method is glm; spm or glover for people, fir assumes no shape"
    )
    noise: Literal["ar1", "ols"] = default("ar1", "convention", "where method is glm; nilearn's default")
    contrasts: dict[Name, str] = default({}, "convention", "where method is glm: name to sums of cue or cue_level")
    peri_cue_s: tuple[float, float] = default((-10.0, 50.0), "assumed", "span of the time course around the cue")

    @model_validator(mode="after")
    def _windows_rise(self) -> "Response":
        for name, (start, stop) in (
            ("baseline_s", self.baseline_s),
            ("window_s", self.window_s),
            ("peri_cue_s", self.peri_cue_s),
        ):
            if start >= stop:
                raise ValueError(f"{name} [{start:g}, {stop:g}] is empty; give [start, stop] with start < stop")
        return self


class Group(Section):
    """The group model of every voxel."""

    between: tuple[Name, ...] = default(("group",), "paper", "access, between subjects")
    within: tuple[Name, ...] = default(("cue", "block"), "paper", "cue and block half, within subjects")
    covariates: tuple[Name, ...] = default(("respiration",), "paper", "mean respiration rate during the block")
    formula: str | None = default(
        None, "paper", "exact error strata; a linear mixed model (REML, Satterthwaite) of the same cells where given"
    )
    effect: str = default("group:cue", "paper", "the access × cue map is the article's Fig. 1C")


Compared = Literal[
    "simulation size", "permutation size", "permutation mass", "permutation tfce", "permutation voxel", "fdr"
]


class Correction(Section):
    """Which clusters are larger than noise makes them: by simulated null fields, or by permuting subjects."""

    method: Literal["simulation", "permutation"] = default("simulation", "paper", "Monte Carlo (AFNI 3dClustSim)")

    voxel_p: float = default(0.01, "paper", "voxel p < 0.01", gt=0, lt=0.5)
    alpha: float = default(0.01, "paper", "corrected p < 0.01", gt=0, lt=1)
    connectivity: Literal[6, 18, 26] = default(6, "assumed", "faces touching (AFNI NN1); not printed")
    iterations: int = default(10_000, "convention", "AFNI 3dClustSim's default", ge=100, le=1_000_000)
    permutations: int = default(10_000, "convention", "random arrangements where the method is permutation", ge=100)
    variance: Literal["auto", "equal", "groups"] = default(
        "equal",
        "convention",
        "subjects change places, as if groups had one variance; `groups` rotates them within groups, `auto` does so "
        "where the data show that variances differ",
    )
    smoothness: Literal["acf", "fwhm"] = default("acf", "assumed", "mixed autocorrelation model; not printed")
    compare: tuple[Compared, ...] = default(
        ("simulation size", "permutation size", "permutation mass", "permutation tfce", "fdr"),
        "convention",
        "corrections of the effect shown side by side; they decide nothing",
    )
    compare_permutations: int = default(
        2_000, "convention", "random arrangements of that comparison; the smallest p is 1 in so many", ge=100
    )


class Regions(Section):
    """What a region's number is the mean of."""

    extent: Literal["cluster", "region"] = default(
        "cluster", "paper", "the significant cluster of group.effect, cut by the atlas; `region` takes whole regions"
    )
    smoothed: bool = default(
        False, "assumed", "not printed; unsmoothed responses are not diluted by what lies beside a region"
    )
    shown: tuple[str, ...] = default(
        (), "convention", "regions drawn in figure 2; the two smallest q where none is named"
    )


class Correlations(Section):
    """Region responses to one cue against one behavioral number per subject."""

    cue: Label = Field(description="level of the cue factor")
    treatment: Label = Field(description="treatment whose mean infusions in the conditioning phase are the measure")
    q: float = default(0.05, "paper", "FDR q = 0.05", gt=0, lt=1)
    permutations: int = default(10_000, "convention", "null of the within-group correlation", ge=100)


class Simulation(Section):
    """Animals of a simulated study: how many, and what differs from the parameters of the program."""

    animals: dict[str, int] = default({}, "paper", "by group; 11 and 10 where nothing is said (Carmack 2019)")
    parameters: dict[str, float] = default({}, "convention", "medians of the mechanism's parameters; none differs")


class Study(StudyBase):
    """A whole study of operant animals."""

    # nothing is assigned after reading, so sections may be narrower than those of the base
    study: Literal["operant"] = default("operant", "convention", "the kind of study; `people` is the other")
    subjects: Subjects  # pyright: ignore[reportIncompatibleVariableOverride]
    drug: Drug = Drug()
    phases: tuple[Phase, ...] = Field(min_length=1)
    behavior: Behavior = Behavior()
    cues: Cues  # pyright: ignore[reportIncompatibleVariableOverride]
    acquisition: Acquisition  # pyright: ignore[reportIncompatibleVariableOverride]
    space: Space  # pyright: ignore[reportIncompatibleVariableOverride]
    preprocess: Preprocess | None = None
    nuisance: Nuisance = Nuisance()
    response: Response = Response()
    group: Group = Group()
    correction: Correction = Correction()
    regions: Regions = Regions()
    correlations: Correlations
    simulation: Simulation = Simulation()

    def kind(self, phase: Phase) -> PhaseKind | None:
        """What a phase is: what it says, what `behavior` uses it as, or the kind it is called like."""
        if phase.kind is not None:
            return phase.kind
        named: dict[str, PhaseKind] = {kind: kind for kind in get_args(PhaseKind)}
        named |= {self.behavior.escalation: "self_administration", self.behavior.conditioning: "conditioning"}
        return named.get(phase.name)

    def withheld(self, phase: Phase) -> bool:
        """Tell whether the pump does not run in a phase."""
        return self.kind(phase) in ("extinction", "reinstatement")

    def phase(self, name: str) -> Phase:
        """Find a phase by its name; the study's own checks have made sure that it exists."""
        return next(phase for phase in self.phases if phase.name == name)
