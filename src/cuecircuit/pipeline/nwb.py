"""Operant sessions to a folder of NWB files that `dandi upload` takes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from cuecircuit.behavior.measures import by_start, sessions_table
from cuecircuit.errors import DataError
from cuecircuit.io.lock import only_writer
from cuecircuit.io.nwb_subjects import read_nwb_subjects
from cuecircuit.io.nwb_write import NwbOrigin, check_pynwb, name_faults, nwb_file, nwb_path, save_nwb
from cuecircuit.io.tables import ColumnNote
from cuecircuit.pipeline.sessions import session_notes
from cuecircuit.records.operant import OperantSession


@dataclass(frozen=True, slots=True, kw_only=True)
class NwbSettings:
    """What NWB states and logs do not.

    Args:
        participants: table by participant_id with species, sex, and age or date_of_birth.
        timezone: of the clock that stamped the logs, such as America/Los_Angeles.
        lab: name of the laboratory.
        institution: where it is.
        experimenters: who ran the sessions, as "Last, First".
    """

    participants: Path
    timezone: str
    lab: str = ""
    institution: str = ""
    experimenters: tuple[str, ...] = ()

    def origin(self) -> NwbOrigin:
        """Return the laboratory with its time zone.

        Raises:
            DataError: there is no such time zone.
        """
        try:
            zone = ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError):
            raise DataError(
                f"time zone '{self.timezone}' is not known here; expected a name of the IANA list, such as "
                "America/Los_Angeles or Europe/Berlin"
            ) from None
        return NwbOrigin(zone=zone, lab=self.lab, institution=self.institution, experimenters=self.experimenters)


def write_nwb(sessions: Sequence[OperantSession], out: Path, settings: NwbSettings) -> tuple[Path, ...]:
    """Write `out`/sub-NAME/sub-NAME_ses-START_behavior.nwb for each session; other files in the folder stay.

    Args:
        sessions: what was logged.
        out: the folder.
        settings: participants, time zone, laboratory.

    Returns:
        The files, by start of the session.

    Raises:
        DataError: pynwb is not installed; names that NWB or DANDI cannot take; participants who lack what DANDI
            requires (nothing is written); the folder cannot be written.
    """
    check_pynwb()
    origin, ordered = settings.origin(), by_start(sessions)
    DataError.raise_any(name_faults(ordered))
    subjects = read_nwb_subjects(settings.participants, {session.subject for session in ordered}, origin.zone)
    table = sessions_table(ordered)
    notes = {name: _described(note) for name, note in session_notes(table).items()}
    with only_writer(out):
        for session, row in zip(ordered, table.to_dict("records"), strict=True):
            subject = subjects[session.subject]
            if weight_g := session.values.get("weight_g"):
                subject = replace(subject, weight=f"{weight_g:g} g")
            measures = {
                str(name): (notes[str(name)], value)
                for name, value in row.items()
                if pd.notna(value) and not isinstance(value, str) and name not in ("line", *session.values)
            }
            save_nwb(out / nwb_path(session), nwb_file(session, subject, origin, measures=measures))
    return tuple(out / nwb_path(session) for session in ordered)


def _described(note: ColumnNote) -> str:
    if isinstance(note, str):
        return note
    return f"{note['Description']} ({note['Units']})" if "Units" in note else note["Description"]
