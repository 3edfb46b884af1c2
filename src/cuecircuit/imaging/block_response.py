"""Block responses: the percent change of a cue block from a baseline window just before it.

response = 100 · (mean(window) − mean(baseline)) / mean(baseline), block by block and voxel by voxel, on series whose
nuisance is removed and whose mean is kept. Windows are given from the onset of the block and are half-open; volume k
counts at the time it began, k · TR. The local baseline takes slow drift out without a drift model.

Its variance treats the volumes of a window as independent draws around the window's mean (delta method):
(100 / b)² · (s_w² / n_w + (w / b)² · s_b² / n_b). Autocorrelated noise makes it too small, a response that
still rises within the window too large: it weighs blocks and subjects, it is no test.
"""

from collections.abc import Sequence

import numpy as np

from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.errors import DataError
from cuecircuit.records.scan import Block

# onsets carry the rounding of a text file; a hundred-thousandth of a second never decides over a volume
_ROUNDING_S = 1e-5


def window_members(
    blocks: Sequence[Block],
    window_s: tuple[float, float],
    *,
    tr_s: float,
    n_volumes: int,
    keep: Bool[Array, "volume"] | None = None,
) -> Bool[Array, "block volume"]:
    """Return which volumes lie in the window of each block.

    Args:
        blocks: in the order of the rows wanted.
        window_s: start and stop, seconds from the onset of the block.
        tr_s: repetition time.
        n_volumes: length of the scan.
        keep: volumes that count (False: censored).

    Raises:
        DataError: windows that leave the scan or hold no volume; each block is named.
    """
    time_s = np.arange(n_volumes) * tr_s
    keep = np.ones(n_volumes, dtype=bool) if keep is None else keep
    members = np.zeros((len(blocks), n_volumes), dtype=bool)
    faults = []
    for number, block in enumerate(blocks):
        start, stop = (block.onset_s + edge for edge in window_s)
        who = f"block {number + 1} ({block.cue}, onset {block.onset_s:g} s): window {start:g} to {stop:g} s"
        if start < -_ROUNDING_S or stop > n_volumes * tr_s + _ROUNDING_S:
            faults.append(f"{who} leaves the scan, which lasts from 0 to {n_volumes * tr_s:g} s; shorten the window")
            continue
        members[number] = keep & (time_s >= start - _ROUNDING_S) & (time_s < stop - _ROUNDING_S)
        if not members[number].any():
            faults.append(f"{who} holds no volume that counts; lengthen the window or censor fewer volumes")
    DataError.raise_any(faults)
    return members


def window_means(
    data: Float[Array, "volume voxel"], members: Bool[Array, "block volume"]
) -> Float[Array, "block voxel"]:
    """Average the series over the volumes of each window."""
    weights = members / members.sum(axis=1, keepdims=True)
    return weights.astype(data.dtype) @ data


def percent_change(
    window: Float[Array, "block voxel"], baseline: Float[Array, "block voxel"]
) -> Float[Array, "block voxel"]:
    """Express `window` as percent change from `baseline`; NaN where the baseline is not above 0."""
    base = np.where(baseline > 0, baseline, np.nan)
    return 100 * (window - base) / base


def percent_variance(
    data: Float[Array, "volume voxel"],
    window: Bool[Array, "block volume"],
    baseline: Bool[Array, "block volume"],
) -> Float[Array, "block voxel"]:
    """Return the variance of percent changes (%²); NaN where a window holds one volume or the baseline is not > 0."""
    variances = []
    for in_window, in_baseline in zip(window, baseline, strict=True):
        w, b = data[in_window], data[in_baseline]
        if min(len(w), len(b)) < 2:
            variances.append(np.full(data.shape[1], np.nan, dtype=data.dtype))
            continue
        base = b.mean(axis=0)
        base = np.where(base > 0, base, np.nan)
        of_window, of_baseline = w.var(axis=0, ddof=1) / len(w), b.var(axis=0, ddof=1) / len(b)
        variances.append((100 / base) ** 2 * (of_window + (w.mean(axis=0) / base) ** 2 * of_baseline))
    return np.stack(variances)
