"""Numbers that responses lean on: one of each subject, reduced from rows that are drawn already."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import StudyError
from cuecircuit.simulation.columns import drawn_source
from cuecircuit.simulation.effects import chosen
from cuecircuit.study.accounting import split_reference
from cuecircuit.study.questions import Reduce, Rows
from cuecircuit.study.schema import Study

Drawn = Mapping[str, pd.DataFrame]
"""Drawn responses by reference: keys, factors and `value`."""


def sources(study: Study, of: str) -> tuple[str, ...]:
    """Return the drawn responses that a number goes back to.

    Raises:
        StudyError: nothing that is drawn.
    """
    table, response = split_reference(of)
    if not table.startswith("derived."):
        maps = study.regions[table.partition(".")[2]].of if table.startswith("regions.") else table
        if maps.startswith("contrasts."):
            raise StudyError(f"slope_on {of}: goes back to {maps}, which is not drawn; lean on cells of maps")
        return (drawn_source(study, of),)
    derived = study.derived.get(table.removeprefix("derived."))
    if not isinstance(derived, Reduce) or derived.how not in _REDUCED or response:
        raise StudyError(
            f"slope_on {of}: expected a number reduced by one of {', '.join(_REDUCED)}; name another number, or plant "
            "the slope the other way round"
        )
    weight = ("subjects." + study.subjects.weight_kg,) if study.subjects.weight_kg else ()
    both = (derived.of, *((derived.less.of,) if derived.less else ()))
    return tuple(dict.fromkeys([*(source for each in both for source in sources(study, each)), *weight]))


def subject_numbers(study: Study, of: str, drawn: Drawn, value: str = "value") -> "pd.Series[float]":
    """Return the number of each subject, the mean over whatever keys are left.

    Args:
        study: the study.
        of: `table.column` or `derived.NAME`.
        drawn: responses, complete for the sources of the number.
        value: column of the drawn responses that is reduced.
    """
    table, _ = split_reference(of)
    if not table.startswith("derived."):
        return _source_rows(study, Rows(of=of), drawn, value).groupby("subject")[value].mean()
    derived = study.derived[table.removeprefix("derived.")]
    assert isinstance(derived, Reduce)  # `sources` refuses others
    number = _reduced(_source_rows(study, derived, drawn, value), derived, value)
    if derived.less is None:
        return number
    less = _reduced(_source_rows(study, derived.less, drawn, value), derived, value)
    match derived.relative:
        case "difference":
            return number - less
        case "share":
            return number / (number + less)
        case "log_ratio":
            return np.log(number / less)


_REDUCED = ("mean", "sum", "first", "last", "slope")


def _source_rows(study: Study, rows: Rows, drawn: Drawn, value: str) -> pd.DataFrame:
    table, response = split_reference(rows.of)
    if table.startswith("derived."):
        return subject_numbers(study, rows.of, drawn, value).rename(value).reset_index()
    source = drawn[drawn_source(study, rows.of)]
    source = source[chosen(source, rows.where)]
    weights = drawn.get(f"subjects.{study.subjects.weight_kg}")
    if response != "intake_mg_kg" or weights is None:
        return source
    # an amount that is the same for all is more per kg in who weighs less
    kg = source["subject"].map(dict(zip(weights["subject"], weights["value"], strict=True)))
    return source.assign(**{value: source[value] / kg})


def _reduced(rows: pd.DataFrame, derived: Reduce, value: str) -> "pd.Series[float]":
    by = rows.groupby(["subject", derived.over], sort=False, dropna=False)[value].mean().reset_index()
    place = {level: at for at, level in enumerate(dict.fromkeys(by[derived.over]))}
    by = by.assign(place=by[derived.over].map(place)).sort_values("place", kind="stable")
    sizes = by.groupby("subject")["place"].transform("size")
    groups = by[sizes >= (len(place) if derived.complete else 1)].groupby("subject")
    if derived.how == "slope":
        slopes = {
            str(subject): np.polyfit(of_subject["place"], of_subject[value], 1)[0]
            for subject, of_subject in groups
            if len(of_subject) > 1
        }
        return pd.Series(slopes, dtype=float)
    return groups[value].agg(derived.how)


def standardized(numbers: "pd.Series[float]", subjects: pd.DataFrame, group: str | None) -> Float[Array, "subject"]:
    """Standardize the numbers within groups, in the order of the subjects; 0 for who has none or no spread.

    Args:
        numbers: by subject.
        subjects: `subject` and the group's column.
        group: name of that column; None for one group.
    """
    in_order = subjects["subject"].map(numbers)
    groups = subjects[group] if group else pd.Series("all", index=subjects.index)
    centered = in_order - in_order.groupby(groups).transform("mean")
    spread = in_order.groupby(groups).transform(lambda values: values.std(ddof=0))
    return (centered / spread.where(spread > 0)).fillna(0.0).to_numpy(float)
