"""A table of participants from recordings, where no file has one."""

import pandas as pd

from cuecircuit.errors import DataError
from cuecircuit.starting.operant_files import Logs
from cuecircuit.starting.place import Place
from cuecircuit.starting.subject_columns import Column, SubjectTable


def drafted_participants(logs: Logs | None, everyone: frozenset[str], place: Place) -> SubjectTable:
    """Return a table of everyone recorded, with the groups that the headers of logs state.

    Args:
        logs: operant logs.
        everyone: who was recorded.
        place: of the study file, beside which the table will be.

    Raises:
        DataError: nothing was recorded.
    """
    if not everyone:
        raise DataError(
            "found nothing that a study is made of: no participants.tsv, operant logs, BIDS scans or tables of maps; "
            "name their folders (plain tables of sessions: see `cuecircuit sessions --source`)"
        )
    rows = pd.DataFrame({"subject": sorted(everyone)})
    columns: tuple[Column, ...] = ()
    if logs is not None and len(logs.sessions):
        stated = logs.sessions.groupby("subject")["group"].agg(lambda own: own.iloc[0] if own.nunique() == 1 else None)
        labels = rows["subject"].map(stated)
        counts = labels.value_counts()
        if labels.notna().all() and len(counts) > 1 and counts.min() > 1:
            rows["group"] = labels
            levels = {str(level): int(n) for level, n in counts.items()}
            columns = (Column(name="group", role="label", levels=levels, n=len(rows)),)
    return SubjectTable(path=place.folder / "participants.tsv", rows=rows, columns=columns)
