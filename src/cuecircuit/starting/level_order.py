"""The order of the levels of a factor: the likeliest reference first, unless a person says otherwise."""

from collections.abc import Iterable

from cuecircuit.starting.draft_parts import Answers, Choice
from cuecircuit.starting.words import in_time, is_reference, reference_first


def level_choice(factor: str, levels: Iterable[str]) -> Choice:
    """Return the choice of the reference level of a factor with at least one level."""
    ordered = in_time(levels) if factor == "session" else reference_first(levels)
    is_clear = factor != "session" and is_reference(ordered[0])
    return Choice(
        path=f"factors.{factor}.levels",
        question=f"reference level of {factor}",
        likeliest=ordered[0],
        why=f"{ordered[0]} comes first"
        + (", a usual reference" if is_clear else " by words for time, numbers and the alphabet"),
        options=ordered,
    )


def order_levels(choice: Choice, answers: Answers) -> tuple[str, ...]:
    """Return the levels, the reference that was chosen first."""
    first = answers.of(choice)
    return (first, *(level for level in choice.options if level != first))
