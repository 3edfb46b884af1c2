"""How addicted an animal looks, in one number from several behaviors: two published ways.

- Addiction index of the George laboratory: the mean of z scores of escalation, motivation (progressive ratio) and
  resistance to punishment (de Guglielmo et al. 2024, eLife 90422; with oxycodone, Kallupi et al. 2020, pain in
  withdrawal in place of punishment). They take z within cohort and sex; that detail and the plain mean are described
  here from their abstracts and could not be verified in the methods.
- Severity score of the Neumaier laboratory: the sum of z scores of intake, seeking, cue association, escalation,
  extinction, relapse and recall, missing ones left out of the sum; high above 1.5, low below −1.5 (MATLAB function
  SeverityScore of their published analysis of fentanyl self-administration, verified in its code).

z = (x − mean)/SD over the animals given, SD with n − 1. Both take whatever members the study has; which, is reported.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float
from cuecircuit.errors import DesignError

INDEX_MEMBERS = ("escalation", "motivation", "resistance")
SEVERITY_MEMBERS = ("intake", "escalation", "extinction", "relapse", "seeking", "association", "recall")
CLASS_LIMIT = 1.5


def z_scores(values: Float[Array, "animal"], strata: Sequence[str] | None = None) -> Float[Array, "animal"]:
    """Standardize over all animals, or inside each stratum (sex, cohort); NaN without spread or with one animal."""
    labels = np.zeros(len(values)) if strata is None else np.asarray(strata)
    z = np.full(len(values), np.nan)
    for label in np.unique(labels):
        in_stratum = labels == label
        finite = values[in_stratum][np.isfinite(values[in_stratum])]
        if finite.size > 1 and finite.std(ddof=1) > 0:
            z[in_stratum] = (values[in_stratum] - finite.mean()) / finite.std(ddof=1)
    return z


def severity_table(
    members: pd.DataFrame, *, strata: Sequence[str] | None = None, kinds: Mapping[str, Sequence[str]] | None = None
) -> pd.DataFrame:
    """Indices of every animal: subject, group, z_<member>, addiction_index, severity, severity_class.

    Args:
        members: subject, group and one column per member measured; those of `INDEX_MEMBERS` and `SEVERITY_MEMBERS`
            that are there are used. Larger must mean more severe.
        strata: sex or cohort of each row, to standardize inside.
        kinds: other members for "addiction_index" and "severity".

    The addiction index is NaN for an animal that lacks a member; the severity score leaves the member out of its sum
    and is NaN only where the animal has none.

    Raises:
        DesignError: no member of an index is there.
    """
    indices = {"addiction_index": INDEX_MEMBERS, "severity": SEVERITY_MEMBERS, **(kinds or {})}
    used = {name: [each for each in names if each in members.columns] for name, names in indices.items()}
    empty = [name for name, names in used.items() if not names]
    if empty:
        raise DesignError(f"{' and '.join(empty)}: no member found among {', '.join(members.columns)}")
    names = list(dict.fromkeys(each for group in used.values() for each in group))
    z = {name: z_scores(members[name].to_numpy(float), strata) for name in names}
    table = members[["subject", "group"]].reset_index(drop=True).assign(**{f"z_{n}": z[n] for n in names})
    table["addiction_index"] = np.mean([z[name] for name in used["addiction_index"]], axis=0)
    parts = np.array([z[name] for name in used["severity"]])
    none = np.all(np.isnan(parts), axis=0)
    severity = np.where(none, np.nan, np.nansum(parts, axis=0))
    table["severity"] = severity
    table["severity_class"] = [
        None if np.isnan(s) else "high" if s > CLASS_LIMIT else "low" if s < -CLASS_LIMIT else "mid" for s in severity
    ]
    return table
