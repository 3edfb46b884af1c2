"""How infusions lie in a session: intervals, loading and maintenance, bursts, rates over time.

Loading ends with the first infusion that is followed by an interval at least as long as the median interval of the
session; maintenance is what comes after (the two phases of Tsibulsky and Norman 1999; this rule is assumed, because
none is standard). A burst is a run of at least `BURST_SIZE` infusions, none more than `BURST_GAP_S` after the one
before; bursts of infusions as a sign of loss of control are from Belin et al. 2009 (Biol Psychiatry 65:863), the two
numbers are assumed and suit time-outs of about 20 s. A measure without a value is None, never 0.
"""

from dataclasses import dataclass

import numpy as np

from cuecircuit.arrays import Array, Float

BURST_SIZE = 3
BURST_GAP_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InfusionPattern:
    """Numbers of one session's infusion times; None where there are too few infusions to say.

    `median_interval_s` needs two infusions and `cv_interval` (SD over mean of the intervals) three, as do loading
    and maintenance: `loading_s` is the time of the last infusion of the loading, `maintenance_per_h` the rate from
    there to the end of the session.
    """

    median_interval_s: float | None
    cv_interval: float | None
    loading_infusions: int | None
    loading_s: float | None
    maintenance_per_h: float | None
    bursts: int | None
    burst_infusions: int | None
    longest_burst: int | None


def infusion_pattern(
    infusions_s: Float[Array, "infusion"],
    *,
    duration_s: float | None = None,
    burst_size: int = BURST_SIZE,
    burst_gap_s: float = BURST_GAP_S,
) -> InfusionPattern:
    """Describe the infusions of a session.

    Args:
        infusions_s: times from the start of the session, any order.
        duration_s: length of the session; None leaves out the rate of maintenance.
        burst_size: fewest infusions of a burst, at least 2.
        burst_gap_s: longest interval inside a burst.
    """
    times = np.sort(infusions_s)
    intervals = np.diff(times)
    sizes = burst_sizes(times, gap_s=burst_gap_s, smallest=burst_size)
    loading = loading_count(times)
    end = None if loading is None else float(times[loading - 1])
    left_s = None if end is None or duration_s is None else duration_s - end
    spread = intervals.std(ddof=1) / intervals.mean() if intervals.size > 1 and intervals.mean() > 0 else None
    return InfusionPattern(
        median_interval_s=float(np.median(intervals)) if intervals.size else None,
        cv_interval=None if spread is None else float(spread),
        loading_infusions=loading,
        loading_s=end,
        maintenance_per_h=3600.0 * (times.size - loading) / left_s if loading and left_s and left_s > 0 else None,
        bursts=len(sizes),
        burst_infusions=sum(sizes),
        longest_burst=max(sizes) if sizes else None,
    )


def loading_count(infusions_s: Float[Array, "infusion"]) -> int | None:
    """Return how many of the infusions (rising times) belong to the loading; None below three."""
    intervals = np.diff(infusions_s)
    return None if intervals.size < 2 else int(np.argmax(intervals >= np.median(intervals))) + 1


def burst_sizes(infusions_s: Float[Array, "infusion"], *, gap_s: float, smallest: int) -> tuple[int, ...]:
    """Infusions in each burst, in order; times rise."""
    breaks = np.flatnonzero(np.diff(infusions_s) > gap_s) + 1
    runs = (run.size for run in np.split(infusions_s, breaks))
    return tuple(size for size in runs if size >= smallest)
