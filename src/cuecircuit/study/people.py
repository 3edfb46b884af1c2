"""The study file of people: one map per person and contrast, questions between people, a second session.

It reads in the order of a Methods section; paths are relative to the study file, times are seconds. Defaults follow
Huang et al. 2023 (Am J Psychiatry, doi:10.1176/appi.ajp.20220759) where the article states a value.
"""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from cuecircuit.stats.random_effects import RandomEffectsTest
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


class People(Participants):
    """Who took part, and the tables about them."""

    species: str = "Homo sapiens"
    phenotype: tuple[RelativePath, ...] = default(
        (), "convention", "further tables by participant_id and, where they have it, session_id"
    )


class Runs(ScanSource):
    """Runs as they must be found; those of one person and session are combined."""

    sessions: tuple[EntityLabel, ...] = default(
        (), "convention", "entity ses, in order: the first is analyzed, all are fitted; none where scans have none"
    )
    volumes: int | None = default(None, "convention", "volumes per run; None where runs differ", gt=1)

    session_setting: ClassVar[str] = "acquisition.sessions"

    @property
    def sessions_taken(self) -> tuple[str, ...]:
        """The sessions that the study names."""
        return self.sessions


class StandardSpace(MaskedSpace):
    """The space of the derivatives, its anatomy and atlas."""

    reference_point: str = default("the origin of MNI space", "convention", "origin of the mm coordinates in people")
    anatomy: RelativePath | None = default(
        None, "convention", "background of the figures; None takes nilearn's MNI152 template"
    )
    atlas: RelativePath | None = default(None, "convention", "label volume on the grid of the mask")
    labels: RelativePath | None = default(None, "convention", "TSV of the atlas: index, name")

    @model_validator(mode="after")
    def _atlas_has_names(self) -> "StandardSpace":
        if (self.atlas is None) != (self.labels is None):
            raise ValueError("give both atlas and labels, or neither")
        return self


class Cells(Conditions):
    """What is done, and with which picture: the trial types that are cells of the design."""

    factor: Name = default("cell", "convention", "name of the factor in tables")
    levels: tuple[EntityLabel, ...] = Field(min_length=1, description="conditions of the events, in order")
    others: Literal["refuse", "model", "ignore"] = default(
        "model", "convention", "conditions that are no level: in the GLM, left out (`ignore`), or a fault (`refuse`)"
    )


class Confounds(Section):
    """What enters the model of each run beside the events, by fMRIPrep's names of confounds."""

    motion: Literal[0, 6, 12, 24] = default(24, "assumed", "not printed; 24 as Satterthwaite et al. 2013")
    white_matter: bool = default(False, "assumed", "column white_matter; not printed")
    csf: bool = default(False, "assumed", "column csf; not printed")
    global_signal: bool = default(False, "convention", "column global_signal")
    acompcor: int = default(0, "assumed", "first components of aCompCor, of each mask; not printed", ge=0)
    acompcor_mask: Literal["combined", "separate"] = default(
        "combined", "convention", "columns a_comp_cor_* of white matter and CSF together, or w_ and c_comp_cor_*"
    )
    cosine: bool = default(False, "convention", "columns cosine*, which a_comp_cor was made beside")
    non_steady_state: bool = default(True, "convention", "columns non_steady_state_outlier*, where there are any")
    drift_period_s: float | None = default(128.0, "assumed", "longer periods are removed; not printed", gt=0)
    censor_fd_mm: float | None = default(None, "convention", "no volume is left out for motion", gt=0)
    smoothing_fwhm_mm: float = default(6.0, "assumed", "not printed; 5 to 8 mm is usual", ge=0)
    min_residual_df: int = default(20, "assumed", "a run with fewer degrees of freedom left is refused", ge=1)

    @model_validator(mode="after")
    def _drift_once(self) -> "Confounds":
        if self.cosine and self.drift_period_s is not None:
            raise ValueError("cosine and drift_period_s remove drift twice; set drift_period_s to null")
        if self.acompcor and not self.cosine:
            raise ValueError("acompcor was made beside the columns cosine*; set cosine to true as well")
        return self


class Model(Section):
    """The general linear model of a run, and its contrasts by name."""

    hrf: Literal["spm", "glover"] = default("spm", "assumed", "not printed")
    noise: Literal["ar1", "ols"] = default("ar1", "convention", "nilearn's default")
    contrasts: dict[Name, str] = Field(min_length=1, description="name to sums and differences of cells")


def level_contrasts(tests: tuple[str, ...]) -> tuple[str, ...]:
    """Those of a list of tests that compare levels, `iHUD - HC`; the others are terms."""
    return tuple(test for test in tests if " - " in test)


class Question(Section):
    """A model between people that is fitted to every contrast it asks about."""

    name: Name
    formula: str = default("1", "convention", "columns of the tables about people; `center(age)` takes off the mean")
    tests: tuple[Label, ...] = Field(
        min_length=1, description="terms, `(Intercept)` among them, or contrasts `iHUD - HC: craving`"
    )
    contrasts: tuple[Name, ...] = default((), "convention", "of the response; all where none is named")
    groups: tuple[Label, ...] = default((), "convention", "only people of these groups; all where none is named")
    factors: tuple[Name, ...] = default((), "convention", "columns of numbers that are labels")
    method: Literal["ols", "robust", "bisquare", "mixed-effects", "welch"] = default(
        "mixed-effects", "assumed", "first-level variance counts, as in FSL's FLAME; not printed"
    )
    test: RandomEffectsTest = default("knapp-hartung", "convention", "of mixed effects; answers for their variance")


class Longitudinal(Section):
    """What happens between the first two sessions; people with one session stay in the mixed model."""

    formula: str = default("group*session + (1 | subject)", "paper", "group × session was announced")
    contrasts: tuple[Name, ...] = default((), "convention", "of the response; all where none is named")
    tests: tuple[Label, ...] = default(("group:session",), "paper", "terms that are shown")
    measure: Name | None = default(None, "convention", "column whose change is correlated with that of the response")
    reliability: Literal["agreement", "consistency"] = default(
        "agreement", "assumed", "ICC(A,1): a shift between the sessions counts as disagreement"
    )


class BrainMeasure(Section):
    """The response of regions against one measure of people."""

    measure: Name
    contrasts: tuple[Name, ...] = default((), "convention", "of the response; all where none is named")
    groups: tuple[Label, ...] = default((), "convention", "only people of these groups; all where none is named")
    q: float = default(0.05, "convention", "false discovery rate over the regions of a contrast", gt=0, lt=1)
    permutations: int = default(10_000, "convention", "null of the within-group correlation", ge=100)


class TaskBehavior(Section):
    """What people did: columns of the events by cell, and a measure before and after the task."""

    measures: tuple[Name, ...] = default(("rating", "response_time"), "convention", "columns of the events")
    before_after: tuple[Name, Name] | None = default(None, "convention", "two columns of the tables about people")


class HeightAndExtent(Section):
    """Which clusters are larger than noise makes them, at the height of a Z."""

    method: Literal["simulation", "permutation"] = default(
        "simulation", "assumed", "FSL's random field theory is the article's; permutation needs `ols`"
    )
    voxel_z: float = default(3.1, "paper", "cluster-forming Z > 3.1", gt=0, lt=10)
    exploratory_z: float | None = default(2.57, "paper", "Z > 2.57 for one exploratory result", gt=0, lt=10)
    sided: Literal["two", "one"] = default(
        "two", "assumed", "both signs at one alpha, each cluster of one sign; `one` takes positive estimates alone"
    )
    alpha: float = default(0.05, "paper", "corrected p < .05", gt=0, lt=1)
    connectivity: Literal[6, 18, 26] = default(26, "assumed", "FSL's cluster; not printed")
    iterations: int = default(2_000, "assumed", "null fields: a p of .05 is known to 0.005", ge=100, le=1_000_000)
    permutations: int = default(5_000, "convention", "random arrangements where the method is permutation", ge=100)
    variance: Literal["auto", "equal", "groups"] = default(
        "equal",
        "convention",
        "subjects change places, as if groups had one variance; `groups` rotates them within groups, `auto` does so "
        "where the data show that variances differ",
    )
    smoothness: Literal["acf", "fwhm"] = default("acf", "convention", "mixed autocorrelation model (Cox et al. 2017)")


class PeopleStudy(StudyBase):
    """A whole study of people."""

    study: Literal["people"]
    # nothing is assigned after reading, so sections may be narrower than those of the base
    subjects: People  # pyright: ignore[reportIncompatibleVariableOverride]
    acquisition: Runs  # pyright: ignore[reportIncompatibleVariableOverride]
    space: StandardSpace  # pyright: ignore[reportIncompatibleVariableOverride]
    cues: Cells  # pyright: ignore[reportIncompatibleVariableOverride]
    nuisance: Confounds = Confounds()
    response: Model
    behavior: TaskBehavior | None = None
    questions: tuple[Question, ...] = Field(min_length=1)
    correction: HeightAndExtent = HeightAndExtent()
    longitudinal: Longitudinal | None = None
    correlations: BrainMeasure | None = None

    @property
    def session(self) -> str | None:
        """The session that questions are about."""
        return self.acquisition.sessions[0] if self.acquisition.sessions else None

    def contrasts(self, named: tuple[Name, ...]) -> tuple[Name, ...]:
        """The contrasts that a section names, all where it names none."""
        return named or tuple(self.response.contrasts)

    def groups(self, named: tuple[Label, ...]) -> tuple[Label, ...]:
        """The groups that a section names, all where it names none."""
        return named or self.subjects.groups
