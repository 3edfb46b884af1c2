"""The study file: tables that are made, and questions asked of them.

Whatever has a name is a mapping (`operant.phases.NAME`, `maps.NAME`, `questions.NAME`), so that a dotted path means one
thing to readers, `assumed`, `alternatives` and messages. Paths are relative to the study file; times are seconds unless
a name says otherwise.
"""

from pydantic import model_validator

from cuecircuit.study.about import About as DataSet
from cuecircuit.study.acquisition import (
    Correction,
    EdgeSet,
    MapSet,
    Nuisance,
    Preprocess,
    Quality,
    Regions,
    Scans,
    Space,
)
from cuecircuit.study.effect_names import effect_in_order, question_in_order
from cuecircuit.study.experiment import Drug, Factors, Operant, Subjects, Trials
from cuecircuit.study.fields import Name, Section, optional, required
from cuecircuit.study.questions import Alternative, AnyQuestion, Derived, Figure, Simulation, Style


class About(DataSet):
    """What the study is called, who made it, and which values an article prints."""

    follows: dict[str, str] = optional({}, "dotted path to where the article prints it: these values are `paper`")


class Study(Section):
    """A study: who took part, the tables that are made, the questions asked of them."""

    about: About = required("what the study is called, by whom, after which article")
    subjects: Subjects = required("who took part")
    factors: Factors = optional({}, "every column of labels that is used: levels, reference first")
    drugs: dict[Name, Drug] = optional({}, "what is taken or injected")
    operant: Operant | None = optional(None, "logs: tables operant and bins")
    trials: Trials | None = optional(None, "events of scans: table trials")
    scans: Scans | None = optional(None, "where scans are")
    space: Space | None = optional(None, "of maps")
    preprocess: Preprocess | None = optional(None, "from raw scans of a rat to the space of a template")
    nuisance: Nuisance = optional(Nuisance(), "what is removed from series or modeled beside the events")
    quality: Quality = optional(Quality(), "which scans are flagged; results do not depend on it")
    maps: dict[Name, MapSet] = optional({}, "sets of maps: tables maps.NAME and contrasts.NAME")
    edges: dict[Name, EdgeSet] = optional({}, "how pairs of regions go together: tables edges.NAME")
    regions: dict[Name, Regions] = optional({}, "means over voxels: tables regions.NAME")
    derived: dict[Name, Derived] = optional({}, "numbers or labels made of tables: columns of subjects")
    correction: Correction | None = optional(None, "of every question on maps")
    questions: dict[Name, AnyQuestion] = required("what the study asks, in the order of the page", min_length=1)
    figures: dict[Name, Figure] = optional({}, "further names of figures, such as fig1a")
    style: Style = optional(Style(), "look of the figures")
    copies: dict[str, str] = optional(
        {}, "further names of results, as those of an article: path in the results to a file or folder there"
    )
    seed: int = optional(0, "of null fields and permutations", ge=0)
    assumed: dict[str, str] = optional({}, "dotted path to why: values that nobody printed")
    alternatives: dict[Name, Alternative] = optional({}, "other choices")
    simulation: Simulation | None = optional(None, "what simulate and plan plant")

    @model_validator(mode="after")
    def _effects_in_order(self) -> "Study":
        questions = {name: question_in_order(question) for name, question in self.questions.items()}
        regions = {
            name: one.model_copy(update={"within": one.within.model_copy(update={"effect": effect})})
            for name, one in self.regions.items()
            if one.within
            and (effect := effect_in_order(one.within.effect, questions.get(one.within.question))) != one.within.effect
        }
        if not regions and all(questions[name] is question for name, question in self.questions.items()):
            return self
        return self.model_copy(update={"questions": questions, "regions": {**self.regions, **regions}})
