"""Sections of the study file about scans, their space, the maps made of them, regions and corrections."""

from math import ceil
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from cuecircuit.study.fields import Label, Labels, Name, Names, Section, Span, as_list, optional, required

Reasons = dict[str, Annotated[str, Field(min_length=1)]]


class Scans(Section):
    """Where the scans of the task are, and what tells them apart."""

    dataset: str = optional(".", "BIDS folder")
    task: Label = required("entity task")
    tr_s: float = required("repetition time; the headers must agree", gt=0)
    volumes: int | None = optional(None, "of every scan; none where they differ", gt=1)
    derivatives: str | None = optional(None, "folder of preprocessed scans; the raw ones where none is given")
    table: str | None = optional(None, "TSV of paths in place of a BIDS data set")
    space: Label | None = optional(None, "entity space")
    res: Label | None = optional(None, "entity res")
    runs: Literal["one", "combine", "key"] = optional(
        "one", "one per session; fixed effects over them; or a key of maps"
    )
    echo: Label | None = optional(None, "the echo to take, or `combined`; none where scans have one")
    entities: dict[Name, Label] = optional(
        {}, "further entities to the value to take, as acq or desc; `none`: without, `any`: with"
    )
    exclude: Reasons = optional({}, "scans that are left out: `sub-01 ses-2 run-1` to reason")
    accept: Reasons = optional({}, "faults of scans that are taken as they are: `sub-01 run-2 FAULT` to reason")
    on_fault: Literal["stop", "exclude"] = optional(
        "stop", "what becomes of a scan whose header or values are at fault"
    )


class _Parcelled(Section):
    atlas: str | None = None
    labels: str | None = None

    @field_validator("atlas", "labels", mode="before")
    @classmethod
    def _one_file(cls, value: Any) -> Any:
        if isinstance(value, list):
            raise ValueError(
                f"found {len(value)} files, expected one; means over the regions of another atlas are a set of their "
                "own: `regions.NAME: {of: TABLE, atlas: FILE, labels: TABLE}`"
            )
        return value

    @model_validator(mode="after")
    def _atlas_has_names(self) -> Self:
        if (self.atlas is None) != (self.labels is None):
            raise ValueError("give both atlas and labels, or neither")
        return self


class Space(_Parcelled):
    """The space of all maps."""

    mask: str = required("voxels analyzed: a volume, or auto for those that the brain masks of the derivatives share")
    mask_share: float = optional(
        1.0, "share of the subjects that a voxel of mask: auto must have; 1 is the intersection", "assumed", gt=0, le=1
    )
    origin: str = required("what mm are counted from: bregma, the origin of MNI space, the scanner's isocenter")
    anatomy: str | None = optional(None, "background of figures")
    atlas: str | None = optional(
        None, "label volume on the grid of the mask; as all of these a path, or `nilearn:NAME`, `templateflow:NAME`"
    )
    labels: str | None = optional(None, "TSV of the atlas: index, name")
    white_matter: str | None = optional(None, "mask of the tissue")
    ventricles: str | None = optional(None, "mask of the tissue")

    @property
    def is_shared(self) -> bool:
        """Whether the mask is made of the brain masks of the scans."""
        return self.mask == "auto"


class Preprocess(Section):
    """From raw scans of a rat to scans in the space of a template; `cuecircuit preprocess` does it."""

    template: str = optional("drawn", "a path, brainglobe:NAME, or the drawn brain of the simulation", "assumed")
    template_mask: str | None = optional(None, "part of a template by name; else a file")
    white_matter: str | None = optional(None, "as the mask; voxels above 0.5")
    ventricles: str | None = optional(None, "as the mask; voxels above 0.5")
    atlas: str | None = optional(None, "as the mask; labels")
    name: Label = optional("template", "entity space of the results", pattern="^[A-Za-z0-9]+$")
    voxel_mm: float = optional(0.5, "edge of the voxels of the results", "assumed", gt=0)
    scan_scale: float = optional(1.0, "factor of the scans' lengths; 0.1 for voxels ten times too large", gt=0)
    template_scale: float = optional(1.0, "factor of the template's lengths", gt=0)
    scan_origin: Literal["header", "center"] = optional("header", "center replaces a missing origin")
    slice_timing: bool = optional(True, "where the sidecar has SliceTiming")
    susceptibility: Literal["auto", "none"] = optional(
        "auto", "distortion is corrected where a session has images of opposite phase encoding"
    )
    registration: Literal["rigid", "affine", "syn"] = optional("syn", "last step of the registration")

    @property
    def by_name(self) -> bool:
        """Whether the template comes with its brain, tissues and atlas."""
        return self.template == "drawn" or self.template.startswith("brainglobe:")

    @model_validator(mode="after")
    def _a_file_has_its_parts(self) -> "Preprocess":
        parts = ("template_mask", "white_matter", "ventricles", "atlas")
        absent = [name for name in parts if getattr(self, name) is None]
        if absent and not self.by_name:
            raise ValueError(f"template {self.template} is a file, so {', '.join(absent)} must be named as well")
        return self


class Nuisance(Section):
    """What is removed from each series, or modeled beside the events."""

    motion: Literal[0, 6, 12, 24] = optional(0, "columns of motion")
    white_matter: bool = optional(False, "mean signal, from space.white_matter or the confounds table")
    ventricles: bool = optional(False, "mean signal, from space.ventricles or the confounds table")
    acompcor: int = optional(0, "components of each tissue mask of `space` (Behzadi 2007)", ge=0)
    columns: Names = optional((), "further columns of the confounds table, by name or start of a name")
    breathing: Literal["none", "retroicor", "rvt", "both"] = optional("none", "regressors from the physio file")
    drift_period_s: float | None = optional(None, "longer periods are removed; none for block responses", gt=0)
    low_pass_hz: float | None = optional(None, "faster cosines are kept where none is given", gt=0)
    censor_fd_mm: float | None = optional(None, "volumes moved farther are left out", gt=0)
    censor_dvars_percent: float | None = optional(None, "volumes that jump more are left out", gt=0)
    head_radius_mm: float | None = optional(
        None, "turns rotations into mm; 5 in rodents and 50 in humans where none is given", "assumed", gt=0
    )
    min_residual_df: int = optional(10, "a scan with fewer is refused", "assumed", ge=1)


class Quality(Section):
    """Which scans `cuecircuit quality` flags; nobody is left out by it."""

    mean_fd_mm: float | None = optional(
        None,
        "high motion: mean displacement above it; 1 % of the radius of the head, 0.5 mm in humans (Power 2012), where "
        "none is given",
        "assumed",
        gt=0,
    )
    tsnr: float | None = optional(
        None, "low tSNR: median of the mask below it; far below the other scans (Leys 2013) where none is given", gt=0
    )
    jump_share: float = optional(0.05, "jumps: share of volumes whose DVARS is an outlier", "assumed", gt=0, lt=1)
    censored_share: float = optional(0.2, "many censored: share of volumes left out (Parkes 2018)", gt=0, lt=1)


class _Maps(Section):
    smoothing_fwhm_mm: float = optional(0.0, "before anything is estimated", "assumed", ge=0)
    unsmoothed: bool = optional(False, "also keep maps without smoothing, for regions")
    carry: Names = optional((), "measures of trials, as their mean over all trials of the cell: covariates of the row")


class Blocks(_Maps):
    """Percent change of each block from a baseline before it."""

    kind: Literal["blocks"] = required("percent change of each block from a baseline before it")
    cells: Names = required("factors that tell the maps of a subject and session apart", min_length=1)
    baseline_s: Span = required("window around onset")
    window_s: Span = required("window around onset")
    course_s: Span = optional((-10.0, 50.0), "span of the time course by region", "assumed")

    @model_validator(mode="after")
    def _windows_rise(self) -> "Blocks":
        for name in ("baseline_s", "window_s", "course_s"):
            start, stop = getattr(self, name)
            if start >= stop:
                raise ValueError(f"{name} [{start:g}, {stop:g}] is empty; give [start, stop] with start < stop")
        return self


class Glm(_Maps):
    """General linear model of a run."""

    kind: Literal["glm"] = required("general linear model of a run")
    cells: Names = required("factors whose combinations are conditions", min_length=1)
    hrf: Literal["rat", "spm", "glover", "fir"] = required("response function")
    fir_s: float = optional(30.0, "how long a finite impulse response is followed", "assumed", gt=0)
    window_s: Span = optional((4.0, 30.0), "of a finite impulse response, whose mean is the map", "assumed")
    noise: Literal["ar1", "ols"] = optional("ar1", "of the series")
    contrasts: dict[Name, str] = optional({}, "sums and differences of cells: rows of table contrasts.NAME")
    modulators: Names = optional((), "measures of trials whose slope within a cell is a contrast `CELL.MEASURE`")
    seed: str = optional("", "region whose course voxels follow: a map is how much steeper in the cell (gPPI)")
    deconvolve: bool = optional(False, "form products with the neural activity behind the seed: for brief trials")
    beta_series: Literal["none", "lss", "lsa"] = optional(
        "none", "with a seed: a map is Fisher's z of each voxel with it over the trials of the cell, not gPPI"
    )

    @model_validator(mode="after")
    def _seed_has_one_response(self) -> "Glm":
        if self.seed and (self.hrf == "fir" or self.modulators):
            raise ValueError("seed needs one response function and no modulators; leave out modulators, hrf not fir")
        for name, given in (("deconvolve", self.deconvolve), ("beta_series", self.beta_series != "none")):
            if given and not self.seed:
                raise ValueError(f"{name} is of a seed; name its region (seed)")
        if self.deconvolve and self.beta_series != "none":
            raise ValueError("beta_series correlates trials and forms no products; leave out deconvolve")
        return self

    @model_validator(mode="after")
    def _window_is_followed(self) -> "Glm":
        start, stop = self.window_s
        if self.hrf == "fir" and not 0 <= start < stop <= self.fir_s:
            raise ValueError(f"window_s [{start:g}, {stop:g}] must rise within the {self.fir_s:g} s that fir_s follows")
        return self


class Seed(_Maps):
    """Correlation (Fisher's z) of each voxel with the mean of a region."""

    kind: Literal["seed"] = required("correlation (Fisher's z) of each voxel with the mean of a region")
    seeds: Labels = required("regions of the atlas: key seed", min_length=1)


class Given(_Maps):
    """Maps that another program made."""

    kind: Literal["given"] = required("maps that another program made")
    table: str = required("TSV: subject, keys, map, and variance where there is one")
    keys: Names = optional((), "columns that tell the maps of a subject apart")
    unit: str = required("of the maps, for axes")


MapSet = Annotated[Blocks | Glm | Seed | Given, Field(discriminator="kind")]


def seeds_of(maps: Blocks | Glm | Seed | Given) -> tuple[str, ...]:
    """Return the regions whose courses a set of maps needs."""
    if isinstance(maps, Seed):
        return maps.seeds
    return (maps.seed,) if isinstance(maps, Glm) and maps.seed else ()


class _Edges(Section):
    regions: tuple[str, ...] = optional((), "regions of the atlas; all that have a voxel where none is named")


class Correlated(_Edges):
    """Fisher's z of the correlation of two courses, as at rest."""

    kind: Literal["correlation"] = required("Fisher's z of the correlation of two courses, as at rest")


class _Cued(_Edges):
    cells: Names = required("factors whose combinations are conditions", min_length=1)
    hrf: Literal["rat", "spm", "glover"] = required("response function")


class BetaSeries(_Cued):
    """Fisher's z of the correlation over the trials of a cell."""

    kind: Literal["beta_series"] = required("Fisher's z of the correlation over the trials of a cell")
    trials: Literal["lss", "lsa"] = optional("lss", "least squares separate, or all trials in one model")


class Ppi(_Cued):
    """How much steeper one course follows another in a cell."""

    kind: Literal["ppi"] = required("how much steeper one course follows another in a cell (gPPI)")
    deconvolve: bool = optional(False, "form products with the neural activity behind a course: for brief trials")


EdgeSet = Annotated[Correlated | BetaSeries | Ppi, Field(discriminator="kind")]


class Within(Section):
    """The voxels of a region that survive a question."""

    question: Name = required("question on the same maps")
    effect: str = required("its corrected effect: voxels with corrected p at most its alpha")


class Regions(_Parcelled):
    """Means over the voxels of each region of the atlas."""

    of: str = required("table of maps")
    atlas: str | None = optional(None, "label volume of these regions, in place of space.atlas")
    labels: str | None = optional(None, "TSV of that atlas: index, name")
    within: Within | None = optional(
        None, "voxels of a region that survive a question; whole regions where none is given"
    )
    unsmoothed: bool = optional(False, "of the maps without smoothing")
    names: tuple[str, ...] = optional((), "regions of the atlas; all where none is named")


_Compared = Literal[
    "simulation_size", "permutation_size", "permutation_mass", "permutation_tfce", "permutation_voxel", "fdr"
]
Compared = Annotated[
    tuple[_Compared, ...], BeforeValidator(as_list, json_schema_input_type=_Compared | list[_Compared])
]


class Correction(Section):
    """What keeps false clusters away."""

    method: Literal["simulation", "permutation", "fdr", "none"] = required("what keeps false clusters away")
    statistic: Literal["size", "mass", "tfce", "voxel"] = optional("size", "of a cluster")
    voxel_p: float | None = optional(
        None,
        "height that forms clusters; this or voxel_z is written even where tfce or voxel do not use it",
        gt=0,
        lt=0.5,
    )
    voxel_z: float | None = optional(None, "the same as a one-tailed Z", gt=0, lt=10)
    exploratory_z: float | None = optional(None, "a second, lower height, whose verdicts are descriptive", gt=0, lt=10)
    alpha: float = required("corrected level", gt=0, lt=1)
    sided: Literal["two", "one", "f"] = optional("f", "f: as the test is; two: clusters of one sign at both sides")
    connectivity: Literal[6, 18, 26] = optional(6, "of voxels in a cluster", "assumed")
    variance: Literal["auto", "equal", "groups"] = optional(
        "equal", "subjects change places; `groups` rotates them within groups, `auto` where variances differ"
    )
    draws: int = optional(10_000, "null fields or arrangements", ge=100, le=1_000_000)
    smoothness: Literal["acf", "fwhm"] = optional("acf", "of simulated noise", "assumed")
    compare: Compared = optional((), "corrections shown beside, descriptive")
    compare_draws: int = optional(2_000, "arrangements of that comparison", ge=100, le=1_000_000)

    @model_validator(mode="after")
    def _one_height(self) -> "Correction":
        if self.compare and self.variance != "equal":
            raise ValueError(
                f"compare sets corrections of one map side by side, and variance: {self.variance} may test another; "
                "set variance: equal, or leave compare out"
            )
        if self.method != "permutation":
            if self.method == "simulation" and self.statistic != "size":
                raise ValueError(f"simulation is of sizes; statistic: {self.statistic} goes with method: permutation")
            if self.variance != "equal":
                raise ValueError(f"variance: {self.variance} is of what is permuted; set method: permutation")
        if self.method in ("simulation", "permutation"):
            if (self.voxel_p is None) == (self.voxel_z is None):
                raise ValueError(
                    "give one of voxel_p and voxel_z, the height that forms clusters, such as voxel_p: 0.001"
                )
            # ten null fields are to exceed a size that is read; of arrangements the smallest p is 1 / (draws + 1)
            simulated = self.method == "simulation" or "simulation_size" in self.compare
            needed = ceil(round((10 if simulated else 1) / self.alpha, 6))
            if self.draws + (not simulated) < needed:
                raise ValueError(
                    f"alpha {self.alpha:g} cannot be told from {self.draws} draws; "
                    f"set draws to {needed} or more, or raise alpha"
                )
        return self
