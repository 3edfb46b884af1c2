"""Words of the field: which level is a reference, in which order sessions come, what the name of a phase means."""

import re
from collections.abc import Iterable

_REFERENCES = (
    ("control", "controls", "ctl", "ctrl", "con", "hc", "healthy", "saline", "sal", "vehicle", "veh", "water")
    + ("placebo", "sham", "naive", "naïve", "yoked", "neutral", "none", "no", "baseline", "pre", "before", "early")
    + ("first", "sha", "wt", "wildtype", "light", "off", "unpaired", "cs-")
)  # fmt: skip
_IN_TIME = ("baseline", "bl", "pre", "before", "early", "first", "mid", "during", "post", "after", "late", "followup")
# whole words, short ones to their end: "positive" holds iti, "friend" end
_NO_CELL = re.compile(
    r"(rest|resting|restblock|fix|iti|isi|blank|null|end)\d*$"
    "|fixation|baseline|instruct|cross|jitter|feedback|respon[sd]|button|rating"
)
# in this order: a reinstatement test is a reinstatement
_KINDS = (
    ("progressive_ratio", r"(^|[^a-z])pr([^a-z]|$)|progressive"),
    ("punishment", r"punish|shock"),
    ("reinstatement", r"reinst|relapse"),
    ("conditioning", r"cond|pairing"),
    ("cue_test", r"cue.?test|test.?cue|cue|seeking"),
    ("extinction", r"(^|[^a-z])ext|extinction"),
    ("self_administration", r"(^|[^a-z])(fr|vr|fi|vi|sa|sha|lga|inta?|acq|esc)\d*h?([^a-z]|$)|self|acquisition|escalat"
                            r"|training|access|drink|intake|choice|2bc|bottle"),
)  # fmt: skip


def words_of(text: str) -> tuple[str, ...]:
    """Split a label into its words, in lower case."""
    return tuple(re.findall(r"[^\W_]+[+-]?", text.casefold()))


def is_reference(level: str) -> bool:
    """Recognize a level that others are usually compared with."""
    return any(word in _REFERENCES for word in words_of(level))


def reference_first(levels: Iterable[str]) -> tuple[str, ...]:
    """Order levels: usual references first, then by name, numbers by value."""
    return tuple(sorted(levels, key=lambda level: (not is_reference(level), _natural(level))))


def in_time(levels: Iterable[str]) -> tuple[str, ...]:
    """Order sessions: by the words for time that they hold, else by name, numbers by value."""
    return tuple(sorted(levels, key=lambda level: (_moment(level), _natural(level))))


def says_time(level: str) -> bool:
    """Recognize a session whose name says when it was."""
    return _moment(level) < len(_IN_TIME)


def is_no_cell(trial_type: str) -> bool:
    """Recognize a trial type that is usually no condition: rest, fixation, an instruction, a response."""
    return any(map(_NO_CELL.match, words_of(trial_type))) or trial_type in ("n/a", "")


def kind_of_phase(name: str) -> str | None:
    """Return the kind of phase that a name states; None where it states none."""
    return next((kind for kind, pattern in _KINDS if re.search(pattern, name, re.IGNORECASE)), None)


def slug(text: str, otherwise: str = "sessions") -> str:
    """Return a name for a section: letters, digits and _, a letter first."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower()
    return plain if plain[:1].isalpha() else f"{otherwise}_{plain}".strip("_")


def _moment(level: str) -> int:
    return next((k for k, word in enumerate(_IN_TIME) if word in words_of(level)), len(_IN_TIME))


def _natural(level: str) -> list[tuple[int, int | str]]:
    parts = re.findall(r"\d+|\D+", level.casefold())
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]
