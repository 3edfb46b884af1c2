"""Timed comparisons: ratios against a peer or a floor, measured in the same run."""

RATIOS: dict[str, float] = {}


def ratio(name: str, times: float) -> str:
    """Keep how many times faster than its peer something is, for `--release`; give it as text."""
    RATIOS[name] = times
    return f"{times:.3g} x"
