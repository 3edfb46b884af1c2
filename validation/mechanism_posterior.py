"""Posterior of the mechanism's numbers given public counts of oxycodone, and what it says of what was left out.

    python validation/mechanism_posterior.py SF9_Behavior_example.xlsx FOLDER [COHORTS]

The file: github.com/3c-lab/operant-data-pipeline, Examples (MIT), infusions of 28 rats in 4 sessions of 2 h and 15 of
12 h, five days a week. A cohort of 28 simulated rats lives the same dates with numbers from a prior (log-normal about
the table's medians), and thirteen summaries of its counts are compared with those of the rats, each in SDs over the
prior's cohorts: approximate Bayesian computation (Beaumont 2010, Annu Rev Ecol Evol Syst 41:379). A first wave of
2 × COHORTS is drawn from the prior, the next of COHORTS each about those most like the rats so far; a cohort weighs
prior over the mixture of all waves, times a kernel that reaches the nearest tenth. Intervals are wide rather than
false: no regression brings distant cohorts nearer. Left out of the fit, and predicted: progressive ratio, the last five
long sessions, the experiments of `mechanism_literature.py`. Written to FOLDER: the cohorts (a second call goes on from
them), `posterior.tsv`, `summaries.tsv`, `predicted.tsv`, `signatures.tsv`, `posterior.png`.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mechanism_literature as literature
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import multivariate_normal, qmc
from scipy.stats import norm as normal

from cuecircuit.figures.style import DOUBLE_MM, FAINT, INK, sheet, style
from cuecircuit.generators.animals import Animal, set_point_course
from cuecircuit.generators.parameters import PARAMETERS
from cuecircuit.generators.pharmacology import chemistry, substances
from cuecircuit.generators.protocol import ratios_of
from cuecircuit.study.experiment import Phase

RATS, DOSE_MG_KG = 28, 0.15
HOURS = {"SHA": 2, "LGA": 12, "PR": 6}  # of PR: assumed
LAST_FITTED = "LGA15"
WAVES, EFFECTIVE, NEAREST = 4, 30, 0.1
_DAY_S = 86_400
# SD of the log in the prior; 0.7 lets a number double or halve within one SD
FREE = {
    "oxycodone_half": 0.7,
    "set_point": 0.7,
    "set_point_day": 0.7,
    "threshold": 0.7,
    "noise": 0.7,
    "fastest": 0.7,
    "learning": 0.7,
    "opponent_gain": 0.7,
    "opponent_hours": 0.5,
    "growth_use": 1.0,
    "growth_withdrawal": 1.0,
    "spread": 0.7,
}
_TABLE = {one.name: one for one in PARAMETERS}
_MEDIANS = {"oxycodone_half": substances()["oxycodone"].half_mg_kg, "spread": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counts:
    """Infusions by rat and session, NaN where there was none; `name` and `date` (days from the first) of sessions."""

    name: tuple[str, ...]
    date: np.ndarray
    values: np.ndarray

    def of(self, beginning: str, low: int = 0, high: int = 99) -> np.ndarray:
        """Return counts of the sessions of a kind from one number to another."""
        kept = [name.startswith(beginning) and low <= int(name.removeprefix(beginning)) <= high for name in self.name]
        return self.values[:, kept]


def read_counts(path: Path) -> Counts:
    """Read infusions of rats of the group Drug; sessions in which a treatment was given are not read."""
    sheet_ = pd.read_excel(path, header=None)
    names = sheet_.iloc[1].astype("string").fillna("").str.strip()
    sessions = [at for at in range(4, sheet_.shape[1]) if names[at].startswith(tuple(HOURS))]
    first = int(np.flatnonzero(sheet_[0] == "Rewards")[0])
    block = sheet_.iloc[first + 1 :]
    end = block.index[block[3].isna() & block[0].notna()]
    rows = block.loc[: end[0] - 1] if len(end) else block
    rows = rows[rows.apply(lambda row: "Drug" in row.to_numpy()[:4], axis=1)]
    values = rows[sessions].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    values = values[np.isfinite(values).mean(axis=1) > 0.5]
    dates = pd.to_datetime(sheet_.iloc[0][sessions])
    order = np.argsort(dates.to_numpy(), kind="stable")
    days = (dates - dates.min()).dt.days.to_numpy()
    return Counts(name=tuple(names[sessions].to_numpy()[order]), date=days[order], values=values[:, order])


def numbers_of(z: np.ndarray) -> dict[str, float]:
    """Return the numbers of a place in the prior's standard deviations; those with a highest value by their logit."""
    found = {}
    for (name, sd), own in zip(FREE.items(), z, strict=True):
        median = _MEDIANS.get(name) or _TABLE[name].value
        highest = _TABLE[name].highest if name in _TABLE else np.inf
        inner = highest / (1 + (highest / median - 1) * np.exp(-sd * own)) if np.isfinite(highest) else 0.0
        found[name] = float(inner or median * np.exp(sd * own))
    return found


def live_cohort(z: np.ndarray, seed: int, name: tuple[str, ...], date: np.ndarray) -> np.ndarray:
    """Return infusions of a cohort of simulated rats in the sessions named."""
    numbers, rng = numbers_of(z), np.random.default_rng(seed)
    scatter = {one.name: np.exp(one.sd * numbers["spread"] * rng.standard_normal(RATS)) for one in PARAMETERS}
    counts = []
    for rat in range(RATS):
        own = {
            one.name: float(min(numbers.get(one.name, one.value) * scatter[one.name][rat], one.highest))
            for one in PARAMETERS
        }
        counts.append(_life(own, numbers["oxycodone_half"], np.random.default_rng([seed, rat]), name, date))
    return np.array(counts, float)


def _life(
    own: Mapping[str, float], half: float, rng: np.random.Generator, name: tuple[str, ...], date: np.ndarray
) -> list[int]:
    # what acts is dose over K
    dose = DOSE_MG_KG * _MEDIANS["oxycodone_half"] / half
    rat = literature.Rat(Animal(own=own, chemistry=chemistry(("oxycodone",), own)), rng)
    rat.wander = iter(set_point_course(own, len(name), rng))
    rat.animal.unit = dose * rat.animal.peaks["oxycodone"]
    counts = []
    for session, day in zip(name, date, strict=True):
        rat.animal.rest_until(int(day) * _DAY_S)
        kind = session.rstrip("0123456789")
        ratios = ratios_of(Phase(kind="progressive_ratio", days=1, experiment="PR")) if kind == "PR" else (1,)
        counts.append(len(rat.day(HOURS[kind], drug="oxycodone", dose_mg_kg=dose, ratios=ratios).infusion))
    return counts


def summaries(counts: Counts) -> dict[str, float]:
    """Return what the likelihood sees, of ln(1 + infusions)."""
    y = Counts(name=counts.name, date=counts.date, values=np.log1p(counts.values))
    short, long = y.of("SHA"), y.of("LGA", 1, 15)
    blocks = {"SHA": short} | {f"LGA{low}-{low + 2}": y.of("LGA", low, low + 2) for low in (1, 4, 7, 10, 13)}
    at = np.flatnonzero(np.char.startswith(np.array(counts.name), "LGA"))[: long.shape[1]]
    rested = np.flatnonzero(np.diff(counts.date[at]) > 2)
    return {
        **{f"mean {name}": float(np.nanmean(own)) for name, own in blocks.items()},
        "SD between rats, SHA": float(np.nanstd(np.nanmean(short, axis=1))),
        "SD between rats, LGA1-5": float(np.nanstd(np.nanmean(long[:, :5], axis=1))),
        "SD between rats, LGA11-15": float(np.nanstd(np.nanmean(long[:, 10:], axis=1))),
        "SD from day to day": float(np.nanstd(np.diff(long, axis=1)) / np.sqrt(2)),
        "r of successive days": _pooled_r(long[:, :-1], long[:, 1:]),
        "SHA sessions without infusion": float((short == 0).sum() / np.isfinite(short).sum()),
        "after a weekend less before": float(np.nanmean(long[:, rested + 1] - long[:, rested])),
    }


def _pooled_r(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean over pairs of sessions of their correlation over rats."""
    pairs = [(a, b) for a, b in zip(one.T, other.T, strict=True)]
    found = []
    for a, b in pairs:
        both = np.isfinite(a) & np.isfinite(b)
        if a[both].std() > 0 and b[both].std() > 0:
            found.append(np.corrcoef(a[both], b[both])[0, 1])
    return float(np.mean(found)) if found else 0.0


def simulate_wave(z: np.ndarray, seed: int, counts: Counts, file: Path) -> np.ndarray:
    """Return the counts of a cohort for each place; kept in a file, from which a second call goes on."""
    lived = np.load(file)["lived"] if file.is_file() else np.empty((0, RATS, len(counts.name)))
    for start in range(len(lived), len(z), 50):
        todo = range(start, min(start + 50, len(z)))
        more = Parallel(n_jobs=-1)(delayed(live_cohort)(z[k], seed + k, counts.name, counts.date) for k in todo)
        lived = np.concatenate([lived, np.array(more)])
        np.savez_compressed(file, lived=lived, z=z)
        print(f"{file.name}: {len(lived)} of {len(z)} cohorts", file=sys.stderr, flush=True)
    return lived


def seen_in(lived: np.ndarray, counts: Counts) -> np.ndarray:
    """Return the summaries of each cohort."""
    rows = [summaries(Counts(name=counts.name, date=counts.date, values=one)) for one in lived]
    return np.array([list(row.values()) for row in rows])


def distances(seen: np.ndarray, observed: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return how far each cohort is from what was observed, in root mean squares of the prior's SDs."""
    return np.sqrt((((seen - observed) / scale) ** 2).mean(axis=1))


def kernel_weights(away: np.ndarray, importance: np.ndarray) -> np.ndarray:
    """Return weights of cohorts that sum to 1: Epanechnikov's kernel up to the nearest tenth, times importance."""
    own = importance * np.maximum(1 - (away / np.quantile(away, NEAREST)) ** 2, 0)
    return own / own.sum()


def weighted_quantiles(z: np.ndarray, weight: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """Return quantiles of each number, level × number."""
    order = np.argsort(z, axis=0)
    mass = np.cumsum(weight[order], axis=0)
    return np.array(
        [[z[order[np.searchsorted(mass[:, k], q * mass[-1, k]), k], k] for k in range(z.shape[1])] for q in levels]
    )


def coverage(z: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return for each number the share of the prior's cohorts, each left out, whose 95 % interval holds the truth."""
    hits = []
    for k in range(len(z)):
        rest = np.arange(len(z)) != k
        weight = kernel_weights(distances(seen[rest], seen[k], seen.std(axis=0)), np.ones(len(z) - 1))
        low, high = weighted_quantiles(z[rest], weight, (0.025, 0.975))
        hits.append((low <= z[k]) & (z[k] <= high))
    return np.mean(hits, axis=0)


def held_out(counts: Counts) -> dict[str, float]:
    """Return what was not fitted."""
    return {
        "infusions, LGA16-20": float(np.nanmean(counts.of("LGA", 16, 20))),
        "deliveries, PR01": float(np.nanmean(counts.of("PR", 1, 1))),
        "deliveries, PR02": float(np.nanmean(counts.of("PR", 2, 2))),
    }


def main(path: Path, folder: Path, cohorts: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    counts = read_counts(path)
    fitted = counts.name.index(LAST_FITTED) + 1
    observed = np.array(list(summaries(counts).values()))
    early = Counts(name=counts.name[:fitted], date=counts.date[:fitted], values=counts.values[:, :fitted])
    z = normal.ppf(qmc.Sobol(len(FREE), seed=0).random(2 * cohorts))
    seen = seen_in(simulate_wave(z, 1_000_000, early, folder / "wave_0.npz"), early)
    prior = multivariate_normal(np.zeros(len(FREE)))
    scale, covered, waves = seen.std(axis=0), coverage(z, seen), [(2 * cohorts, prior)]
    for wave in range(1, WAVES):
        center, spread = nearest(z, distances(seen, observed, scale))
        new = center + normal.ppf(qmc.Sobol(len(FREE), seed=wave).random(cohorts)) @ np.linalg.cholesky(spread).T
        lived = simulate_wave(new, (wave + 1) * 1_000_000, early, folder / f"wave_{wave}.npz")
        z, seen = np.concatenate([z, new]), np.concatenate([seen, seen_in(lived, early)])
        waves.append((cohorts, multivariate_normal(center, spread)))
    mixture = sum(number * density.pdf(z) for number, density in waves) / len(z)
    weight = kernel_weights(distances(seen, observed, scale), prior.pdf(z) / mixture)
    report(folder, counts, (z, seen, weight), observed, scale, covered)
    predict(folder, counts, z[np.random.default_rng(2).choice(len(z), 100, p=weight)])


def nearest(z: np.ndarray, away: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance, twice over, of the cohorts that are most like the rats, some thirty by weight."""

    def weights(heat: float) -> np.ndarray:
        own = np.exp(-(away**2 - (away**2).min()) / heat)
        return own / own.sum()

    weight = weights(next(heat for heat in np.geomspace(1e-3, 1e3, 200) if 1 / (weights(heat) ** 2).sum() >= EFFECTIVE))
    center = weight @ z
    spread = (z - center).T @ (weight[:, None] * (z - center))
    return center, 2 * (0.7 * spread + 0.3 * np.diag(np.diag(spread)))


def report(
    folder: Path,
    counts: Counts,
    cohorts: tuple[np.ndarray, np.ndarray, np.ndarray],
    observed: np.ndarray,
    scale: np.ndarray,
    covered: np.ndarray,
) -> None:
    """Write and print the posterior, and how its cohorts look beside the rats."""
    z, seen, weight = cohorts
    quantiles = weighted_quantiles(z, weight, (0.025, 0.25, 0.5, 0.75, 0.975))
    low, _, middle, _, high = (numbers_of(own) for own in quantiles)
    sd = np.sqrt(weight @ (z - weight @ z) ** 2)
    table = pd.DataFrame(
        {
            "parameter": list(FREE),
            "prior_median": list(numbers_of(np.zeros(len(FREE))).values()),
            "median": list(middle.values()),
            "low": list(low.values()),
            "high": list(high.values()),
            "sd_over_prior": sd,
            "coverage": covered,
        }
    )
    below, fitted, above = weighted_quantiles(seen, weight, (0.025, 0.5, 0.975))
    names = list(summaries(counts))
    fits = pd.DataFrame({"summary": names, "rats": observed, "median": fitted, "low": below, "high": above})
    for name, own in (("posterior", table), ("summaries", fits)):
        own.to_csv(folder / f"{name}.tsv", sep="\t", index=False, float_format="%.4g")
        print(own.to_string(index=False, float_format=lambda x: f"{x:.3g}"))
    away = distances(seen, observed, scale)
    print(f"{len(z)} cohorts, effective {1 / (weight**2).sum():.0f}; distance of the nearest {away.min():.2f}")
    _draw(folder / "posterior.png", quantiles)


def _draw(picture: Path, quantiles: np.ndarray) -> None:
    rows = np.arange(len(FREE))
    low, quarter, middle, three, high = quantiles
    with style():
        figure = sheet(DOUBLE_MM, 75.0)
        axes = figure.subplots()
        axes.axvspan(-1.96, 1.96, color=FAINT, alpha=0.25, linewidth=0)
        axes.hlines(rows, low, high, color=INK, linewidth=0.8)
        axes.hlines(rows, quarter, three, color=INK, linewidth=2.4)
        axes.plot(middle, rows, "o", color=INK, markersize=3)
        axes.axvline(0, color=FAINT, linewidth=0.5)
        axes.set_yticks(rows, list(FREE))
        axes.invert_yaxis()
        axes.set_xlabel("prior's standard deviations from the table's median (gray: 95 % of the prior)")
        figure.savefig(picture, dpi=200, metadata={"Software": None})


def predict(folder: Path, counts: Counts, drawn: np.ndarray, *, lives: int = 20) -> None:
    """Write what cohorts of the posterior do in what was left out, and how often they meet the literature."""
    lived = simulate_wave(drawn, 9_000_000, counts, folder / "predicted.npz")
    rows = pd.DataFrame([held_out(Counts(name=counts.name, date=counts.date, values=one)) for one in lived])
    low, middle, high = rows.quantile([0.025, 0.5, 0.975]).to_numpy()
    rats = held_out(counts)
    predicted = pd.DataFrame(
        {"held_out": list(rats), "rats": rats.values(), "median": middle, "low": low, "high": high}
    )
    met: dict[str, list[bool]] = {}
    settings = [{name: own for name, own in numbers_of(z).items() if name in _TABLE} for z in drawn[:lives]]
    for signatures in Parallel(n_jobs=-1)(delayed(_signatures)(**own) for own in settings):
        for one in signatures:
            met.setdefault(f"{one.source}: {one.published}", []).append(one.met)
    shares = pd.DataFrame({"signature": list(met), "met": [sum(own) for own in met.values()], "of": lives})
    for name, table in (("predicted", predicted), ("signatures", shares)):
        table.to_csv(folder / f"{name}.tsv", sep="\t", index=False, float_format="%.4g")
        print(table.to_string(index=False, float_format=lambda x: f"{x:.3g}"))


def _signatures(**numbers: float) -> list[literature.Signature]:
    return list(literature.signatures(12, **numbers))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 256)
