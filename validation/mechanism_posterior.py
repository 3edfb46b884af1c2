"""Posterior of the mechanism's numbers given public counts of oxycodone, and what it says of what was left out.

    python validation/mechanism_posterior.py SF9_Behavior_example.xlsx FOLDER [COHORTS]

The file: github.com/3c-lab/operant-data-pipeline, Examples (MIT), infusions of 28 rats in 4 sessions of 2 h and 15 of
12 h, five days a week. A cohort of 28 simulated rats lives the same dates with numbers from a prior (log-normal about
the table's medians); thirteen summaries of its counts are regressed on the logs of the numbers, with squares and
products. The likelihood of the observed summaries is normal about this surface, with the covariance of the surface's
residuals, which holds the chance of 28 animals (a synthetic likelihood, Wood 2010, Nature 466:1102). A first wave of
2 × COHORTS is drawn from the prior, the next of COHORTS each about those most like the rats so far; the surface is
that of the last two, and its posterior is kept within what they reach. Left
out of the fit, and predicted: progressive ratio, the last five long sessions, the experiments of
`mechanism_literature.py`. Written to FOLDER: the cohorts (a second call goes on from them), `posterior.tsv`,
`summaries.tsv`, `signatures.tsv`, `posterior.png`.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import mechanism_literature as literature
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import chi2, qmc
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
WAVES, EFFECTIVE = 4, 30
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """Summaries as a quadratic function of places in the prior, and the covariance about it."""

    weights: np.ndarray
    inverse: np.ndarray
    explained: np.ndarray
    center: np.ndarray
    spread: np.ndarray
    farthest: float

    def log_likelihood(self, z: np.ndarray, observed: np.ndarray) -> np.ndarray:
        away = observed - _terms(z) @ self.weights
        return -0.5 * np.einsum("ni,ij,nj->n", away, self.inverse, away)

    def distance(self, z: np.ndarray) -> np.ndarray:
        """Return the squared distance (Mahalanobis) of places from the cohorts."""
        away = z - self.center
        return np.einsum("ni,ni->n", away @ np.linalg.inv(self.spread), away)


def _terms(z: np.ndarray) -> np.ndarray:
    low, high = np.triu_indices(z.shape[1])
    return np.column_stack([np.ones(len(z)), z, z[:, low] * z[:, high]])


def fit_surface(z: np.ndarray, seen: np.ndarray) -> Surface:
    """Fit the surface; `explained`: share of each summary's variance in cohorts left out, ten folds."""
    terms = _terms(z)
    weights = np.linalg.lstsq(terms, seen, rcond=None)[0]
    away = seen - terms @ weights
    covariance = away.T @ away / (len(z) - terms.shape[1])
    folds = np.arange(len(z)) % 10
    left = np.empty_like(seen)
    for fold in range(10):
        own = np.linalg.lstsq(terms[folds != fold], seen[folds != fold], rcond=None)[0]
        left[folds == fold] = seen[folds == fold] - terms[folds == fold] @ own
    return Surface(
        weights=weights,
        inverse=np.linalg.inv(covariance),
        explained=1 - left.var(axis=0) / seen.var(axis=0),
        center=z.mean(axis=0),
        spread=np.cov(z.T),
        farthest=float(chi2.ppf(0.99, z.shape[1])),
    )


def sample(log_density: Callable[[np.ndarray], np.ndarray], surface: Surface, *, steps: int, seed: int) -> np.ndarray:
    """Draw by the stretch move of Goodman & Weare (2010, CAMCoS 5:65); the first half is thrown away."""
    dims = len(surface.center)
    rng, walkers = np.random.default_rng(seed), 10 * dims
    place = surface.center + 0.3 * rng.standard_normal((walkers, dims)) @ np.linalg.cholesky(surface.spread).T
    value, kept = log_density(place), []
    halves = np.arange(walkers) % 2
    for step in range(steps):
        for half in (0, 1):
            moving, others = np.flatnonzero(halves == half), np.flatnonzero(halves != half)
            stretch = (rng.random(len(moving)) + 1) ** 2 / 2
            base = place[rng.choice(others, len(moving))]
            tried = base + stretch[:, None] * (place[moving] - base)
            new = log_density(tried)
            taken = np.log(rng.random(len(moving))) < (dims - 1) * np.log(stretch) + new - value[moving]
            place[moving[taken]], value[moving[taken]] = tried[taken], new[taken]
        if step >= steps // 2 and step % 10 == 0:
            kept.append(place.copy())
    return np.concatenate(kept)


def posterior(surface: Surface, observed: np.ndarray, *, steps: int = 4000, seed: int = 0) -> np.ndarray:
    """Return places drawn from prior times likelihood, among those that the cohorts of the surface reach."""

    def log_density(z: np.ndarray) -> np.ndarray:
        value = surface.log_likelihood(z, observed) - 0.5 * (z**2).sum(axis=1)
        return np.where(surface.distance(z) < surface.farthest, value, -np.inf)

    return sample(log_density, surface, steps=steps, seed=seed)


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


def coverage(z: np.ndarray, seen: np.ndarray, *, tried: int) -> np.ndarray:
    """Return for each number the share of left-out cohorts of the prior whose 95 % interval holds the truth."""
    hits = []
    for k in range(tried):
        rest = np.arange(len(z)) != k
        drawn = posterior(fit_surface(z[rest], seen[rest]), seen[k], steps=600, seed=k)
        low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
        hits.append((low < z[k]) & (z[k] < high))
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
    for wave in range(1, WAVES):
        center, spread = nearest(z, seen, observed)
        new = center + normal.ppf(qmc.Sobol(len(FREE), seed=wave).random(cohorts)) @ np.linalg.cholesky(spread).T
        lived = simulate_wave(new, (wave + 1) * 1_000_000, early, folder / f"wave_{wave}.npz")
        z, seen = np.concatenate([z, new]), np.concatenate([seen, seen_in(lived, early)])
    first, last = slice(0, 2 * cohorts), slice(-2 * cohorts, None)
    surface = fit_surface(z[last], seen[last])
    drawn = posterior(surface, observed, seed=1)
    report(folder, counts, observed, drawn, surface, covered=coverage(z[first], seen[first], tried=100))
    predict(folder, counts, drawn)


def nearest(z: np.ndarray, seen: np.ndarray, observed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance, twice over, of the cohorts that are most like the rats, some thirty by weight."""
    away = (seen - observed) / seen[: len(seen) // 2].std(axis=0)
    squares = (away**2).sum(axis=1)

    def weights(heat: float) -> np.ndarray:
        own = np.exp(-(squares - squares.min()) / (2 * heat))
        return own / own.sum()

    weight = weights(next(heat for heat in np.geomspace(1e-2, 1e4, 200) if 1 / (weights(heat) ** 2).sum() >= EFFECTIVE))
    center = weight @ z
    spread = (z - center).T @ (weight[:, None] * (z - center))
    return center, 2 * (0.7 * spread + 0.3 * np.diag(np.diag(spread)))


def report(
    folder: Path, counts: Counts, observed: np.ndarray, drawn: np.ndarray, surface: Surface, *, covered: np.ndarray
) -> None:
    """Write and print the posterior, and how the surface and the fit do."""
    rows = []
    for k, name in enumerate(FREE):
        low, middle, high = (numbers_of(np.percentile(drawn, q, axis=0))[name] for q in (2.5, 50, 97.5))
        rows.append(
            {
                "parameter": name,
                "prior_median": numbers_of(np.zeros(len(FREE)))[name],
                "median": middle,
                "low": low,
                "high": high,
                "sd_over_prior": float(drawn[:, k].std()),
                "coverage": float(covered[k]),
            }
        )
    table = pd.DataFrame(rows)
    table.to_csv(folder / "posterior.tsv", sep="\t", index=False, float_format="%.4g")
    print(table.to_string(index=False, float_format=lambda x: f"{x:.3g}"))
    modelled = _terms(drawn) @ surface.weights
    fits = pd.DataFrame(
        {
            "summary": list(summaries(counts)),
            "observed": observed,
            "fitted": modelled.mean(axis=0),
            "off_in_sd": (observed - modelled.mean(axis=0)) * np.sqrt(1 / np.diag(np.linalg.inv(surface.inverse))),
            "explained": surface.explained,
        }
    )
    fits.to_csv(folder / "summaries.tsv", sep="\t", index=False, float_format="%.4g")
    print(fits.to_string(index=False, float_format=lambda x: f"{x:.2f}"))
    _draw(folder / "posterior.png", drawn)


def _draw(picture: Path, drawn: np.ndarray) -> None:
    rows = np.arange(len(FREE))
    low, quarter, middle, three, high = np.percentile(drawn, [2.5, 25, 50, 75, 97.5], axis=0)
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


def predict(folder: Path, counts: Counts, drawn: np.ndarray, *, cohorts: int = 100, lives: int = 10) -> None:
    """Write what cohorts of the posterior do in what was left out, and how often they meet the literature."""
    chosen = drawn[np.random.default_rng(2).choice(len(drawn), cohorts, replace=False)]
    lived = simulate_wave(chosen, 3_000_000, counts, folder / "predicted.npz")
    rows = [held_out(Counts(name=counts.name, date=counts.date, values=one)) for one in lived]
    for name, value in held_out(counts).items():
        low, middle, high = np.percentile([row[name] for row in rows], [2.5, 50, 97.5])
        print(f"{name}: observed {value:.1f}, predicted {middle:.1f} [{low:.1f}, {high:.1f}]")
    met: dict[str, list[bool]] = {}
    numbers = [numbers_of(z) for z in chosen[:lives]]
    settings = [{name: own for name, own in one.items() if name in _TABLE} for one in numbers]
    for rows_ in Parallel(n_jobs=-1)(delayed(literature.signatures)(12, **own) for own in settings):
        for one in rows_:
            met.setdefault(f"{one.source}: {one.published}", []).append(one.met)
    table = pd.DataFrame({"signature": list(met), "met": [sum(own) for own in met.values()], "of": lives})
    table.to_csv(folder / "signatures.tsv", sep="\t", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 256)
