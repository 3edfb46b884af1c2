"""What the way from a rat to a region's number adds: the constants of `simulation.plan_draws.Measurement`.

    cuecircuit simulate carmack2019 NULL --hypothesis null --seed 5
    cuecircuit run NULL/study.yaml NULL_OUT --stage behavior --stage firstlevel
    cuecircuit simulate carmack2019 RESP --hypothesis respiration --seed 5
    cuecircuit run RESP/study.yaml RESP_OUT --stage behavior --stage firstlevel
    python validation/plan_measurement.py NULL NULL_OUT RESP RESP_OUT

Region means of the unsmoothed block responses (whole regions) are regressed on what was planted in each rat (gain),
and, where cues change breathing, on that change (% BOLD per breath a minute that the nuisance regression leaves). The
rest is noise: SD shared by all regions of a rat, cue and half of the blocks, SD of each region's own, and the
correlation between the halves. Breathing: SD of the rats' levels, between scans, and between halves.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from cuecircuit.io.maps import read_maps
from cuecircuit.io.nifti import read_mask
from cuecircuit.io.tables import read_table
from cuecircuit.pipeline.job import read_study
from cuecircuit.pipeline.space import read_space_atlas
from cuecircuit.regions.means import region_means


def measured(folder: Path, out: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Responses and planted responses (rat, cue, half, region), rates (rat, cue, half), changes (rat, cue)."""
    files = read_study(folder / "study.yaml")
    study = files.study
    atlas, (mask, grid) = read_space_atlas(files), read_mask(files.path(study.space.mask))
    tables = [read_table(path, text=("subject",)) for path in sorted(out.glob("sub-*/func/*_cells.tsv"))]
    cells = pd.concat(tables, ignore_index=True)
    maps = read_maps(list(cells["map_unsmoothed"]), out, mask, grid)
    y = region_means(maps.reshape(-1, 4, maps.shape[-1]), atlas.labels[mask], np.array(list(atlas.names))).values
    y = y.reshape(-1, 2, 2, y.shape[2])
    names = [f"sub-{name}" for name in dict.fromkeys(cells["subject"])]
    truth = read_table(folder / "truth" / "responses.tsv")
    planted = truth.pivot(index=["participant_id", "cue"], columns="region", values="percent")[
        list(atlas.names.values())
    ]
    breath = read_table(folder / "truth" / "breathing.tsv").groupby(["participant_id", "cue"])["planted_change"].first()
    order = [(name, cue) for name in names for cue in study.cues.levels]
    own = planted.loc[order].to_numpy().reshape(len(names), 2, 1, -1)
    rates = cells["respiration"].to_numpy().reshape(-1, 2, 2)
    return y, np.broadcast_to(own, y.shape), rates, breath.loc[order].to_numpy().reshape(-1, 2)


def main(null: str, null_out: str, resp: str, resp_out: str) -> None:
    """Print the constants."""
    y, own, rates, _ = measured(Path(null), Path(null_out))
    gain = float((own * y).sum() / (own * own).sum())
    left = y - gain * own
    left -= left.mean(axis=(0, 1, 2))
    shared = left.mean(axis=3, keepdims=True)
    specific = left - shared
    halves = [np.corrcoef(part[:, :, 0].ravel(), part[:, :, 1].ravel())[0, 1] for part in (shared, specific)]
    print(f"gain {gain:.3f}; noise SD shared {shared.std():.3f}, own {specific.std():.3f}; halves r {halves}")
    print("own SD by region", np.round(specific.std(axis=(0, 1, 2)), 2))
    level = rates.mean(axis=(1, 2))
    scan = rates.mean(axis=2) - level[:, None]
    half = (rates[:, :, 0] - rates[:, :, 1]).std() / np.sqrt(2)
    print(
        f"rates: level {level.mean():.1f}, SD {level.std(ddof=1):.2f}; "
        f"half SD {half:.2f}, between scans {scan.std():.2f}"
    )
    y, own, rates, change = measured(Path(resp), Path(resp_out))
    left = y - gain * own
    x = change[:, :, None, None] - change.mean()
    slope = float((x * (left - left.mean())).sum() / (np.broadcast_to(x, left.shape) ** 2).sum())
    evoked = rates - rates.mean(axis=(1, 2), keepdims=True)
    own_change = change - change.mean(axis=1, keepdims=True)
    rate = float((evoked * own_change[:, :, None]).sum() / (2 * (own_change**2).sum()))
    print(f"% per planted breath {slope:.4f}; of which the block's mean rate shows {rate:.3f}")
    by = [(x[..., 0] * (left[..., r] - left[..., r].mean())).sum() / (2 * (x**2).sum()) for r in range(left.shape[3])]
    print("slope by region", np.round(by, 3))
    rest = left - slope * x
    rest -= rest.mean(axis=(0, 1, 2))
    print(f"noise SD shared {rest.mean(axis=3).std():.3f}, own {(rest - rest.mean(axis=3, keepdims=True)).std():.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
