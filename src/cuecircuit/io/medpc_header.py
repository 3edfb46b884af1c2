"""Fields of the header of a MED-PC session: one to a line, or condensed into two."""

import re

HEADER_FIELDS = ("Start Date", "End Date", "Subject", "Experiment", "Group", "Box", "Start Time", "End Time", "MSN")
FIELDS = {name.lower(): name for name in HEADER_FIELDS}
_TIMES = r"START:\s*(?P<sd>\S+)\s+(?P<st>\S+)\s+END:\s*(?P<ed>\S+)\s+(?P<et>\S+)\s*"
CONDENSED = re.compile(
    r"\s*BOX:(?P<box>.*?)SUBJECT:(?P<subject>.*?)EXPERIMENT:(?P<experiment>.*?)GROUP:(?P<group>.*?)MSN:(?P<msn>.*?)"
    rf"(?:{_TIMES})?$"
)
CONDENSED_TIMES = re.compile(rf"\s*{_TIMES}$")
CONDENSED_FIELDS = {
    "box": "Box",
    "subject": "Subject",
    "experiment": "Experiment",
    "group": "Group",
    "msn": "MSN",
    "sd": "Start Date",
    "st": "Start Time",
    "ed": "End Date",
    "et": "End Time",
}
