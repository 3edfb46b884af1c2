"""The order of the levels of a factor: the likeliest reference first, unless a person says otherwise."""

from collections.abc import Iterable

from cuecircuit.starting.draft_parts import Answers, Choice
from cuecircuit.starting.words import in_time, is_reference, reference_first, says_time


def level_choice(factor: str, levels: Iterable[str]) -> Choice:
    """Return the choice of the reference level of a factor with at least one level."""
    ordered = in_time(levels) if factor == "session" else reference_first(levels)
    if factor == "session":
        why = "in the order of time" if says_time(ordered[0]) else "by name, numbers by value"
    else:
        why = "a usual reference" if is_reference(ordered[0]) else "by name; none is a usual reference"
    return Choice(
        path=f"factors.{factor}.levels",
        question=f"reference level of {factor}",
        likeliest=ordered[0],
        why=f"{ordered[0]} comes first, {why}",
        options=ordered,
    )


def order_levels(choice: Choice, answers: Answers) -> tuple[str, ...]:
    """Return the levels, the reference that was chosen first."""
    first = answers.of(choice)
    return (first, *(level for level in choice.options if level != first))
