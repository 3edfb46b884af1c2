"""What a page says first: that its data are simulated, and whose design they follow."""

_PLANTED = "Effects were planted; no animal or person was measured."
_LIVED = "A model's prediction from numbers that are assumed or set by hand; no animal was measured."


def banner(simulated: object) -> str:
    """Return what is said of simulated data, from what their data set says of itself; empty of measured data."""
    if not simulated:
        return ""
    facts = simulated if isinstance(simulated, dict) else {}
    marks = ", ".join(f"{name} {value}" for name, value in facts.items())
    made = _LIVED if facts.get("model") == "mechanism" else _PLANTED
    return f"({marks}). {made}" if marks else made


def subtitle(reference: str, simulated: object) -> str:
    """Return the reference of a study; of simulated data it is one of the design, not of the results."""
    return f"The design follows {reference}; these are not its results." if reference and simulated else reference
