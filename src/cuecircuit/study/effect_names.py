"""Names of effects, whose factors may be written in any order: `cue:group` is the `group:cue` of a question."""

from cuecircuit.errors import DesignError
from cuecircuit.stats.mixed_formula import parse_formula, term_label
from cuecircuit.study.questions import Formula, Question, Strata


def effect_in_order(effect: str, question: Question | None) -> str:
    """Return an effect with its factors in the order of the question; as it is where the question has none such."""
    parts = effect.split(":")
    if isinstance(question, Strata):
        names = (*question.between, *question.within, *question.covariates)
        return ":".join(sorted(parts, key=names.index)) if set(parts) <= {*names} else effect
    if isinstance(question, Formula):
        try:
            formula = question.formula
            terms = [
                term_label(term) for term in parse_formula(formula if "|" in formula else f"{formula} + (1 | s)").fixed
            ]
        except DesignError:
            return effect
        return next((term for term in terms if sorted(term.split(":")) == sorted(parts)), effect)
    return effect


def question_in_order(question: Question) -> Question:
    """Return a question whose `shown` and `tests` name effects as its answer does."""
    named = {key: getattr(question, key, ()) for key in ("shown", "tests")}
    ordered = {key: tuple(effect_in_order(one, question) for one in effects) for key, effects in named.items()}
    changed = {key: effects for key, effects in ordered.items() if effects != named[key]}
    return question.model_copy(update=changed) if changed else question
