"""Does `cuecircuit fit` find what was put in, and does the model that made the data predict them best?

    python validation/recovery_fit.py parameters SEEDS     bias, error and coverage of every parameter
    python validation/recovery_fit.py models SEEDS         which model predicts the last two sessions of data of which
    python validation/recovery_fit.py mechanism SEEDS      the same for animals of `simulate --model mechanism`
    python validation/recovery_fit.py rats SEEDS           one 12 h session of oxycodone, as the real rats have

Twelve animals, heroin 0.06 mg/kg, six sessions of 6 h, time-out 20 s; parameters vary between animals by `SPREAD`.
"""

import sys
from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

from cuecircuit.behavior.fit_intervals import AnimalIntervals, FitSession, animal_intervals, response_of
from cuecircuit.behavior.fit_models import MODELS, ModelName
from cuecircuit.behavior.fit_population import day_sd, every_nth, fit_model, held_out, last_sessions, session_scales
from cuecircuit.behavior.pharmacokinetics import kinetics_of
from cuecircuit.generators.experiment import plan_experiment
from cuecircuit.generators.fit_sessions import simulate_sessions
from cuecircuit.generators.rat_design import rat_design
from cuecircuit.generators.rats import levels_of
from cuecircuit.nodes.designs import design_text
from cuecircuit.study.reading import parse_study

ANIMALS, TIMEOUT_S = 12, 20
MEDIANS: dict[ModelName, tuple[float, ...]] = {
    "poisson": (0.06,),
    "gamma": (0.06, 2.0),
    "drift": (0.06, 0.1),
    "satiety": (0.3, 0.06, 0.15),
    "priming": (0.3, 0.06, 0.15, 0.25, 15.0),
    "homeostatic": (0.3, 0.06, 0.1),
    "bouts": (0.06, 0.3, 0.6),
    "lapses": (0.3, 0.06, 0.15, 0.2, 0.02),
}
SPREAD, GROWTH, GROWTH_SPREAD = 0.3, 0.05, 0.03


def cohort(
    name: ModelName, seed: int, *, sessions: int = 6, hours: int = 6, drug: str = "heroin", dose: float = 0.06
) -> tuple[list[AnimalIntervals], np.ndarray, np.ndarray]:
    """Animals of a model, their parameters, and the population's mean, on the scale of estimation."""
    model, rng = MODELS[name], np.random.default_rng(seed)
    response = response_of(kinetics_of(drug), 3600 * hours)
    scale = dose / 0.06
    mean = np.array(
        [
            parameter.estimated(value * scale if parameter.unit == "mg/kg" else value)
            for parameter, value in zip(model.parameters, MEDIANS[name], strict=True)
        ]
        + [GROWTH] * (sessions > 1)
    )
    sd = np.array([SPREAD] * len(model.parameters) + [GROWTH_SPREAD] * (sessions > 1))
    true = mean + sd * rng.standard_normal((ANIMALS, mean.size))
    animals = []
    for number, own in enumerate(true):
        lived = simulate_sessions(
            model, own, subject=f"rat{number:02}", sessions=sessions, duration_s=3600 * hours, timeout_s=TIMEOUT_S,
            dose_mg_kg=dose, response=response, rng=rng,
        )  # fmt: skip
        animals.append(animal_intervals(lived, dose_mg_kg=dose, response=response))
    return animals, true, mean


def parameters(seeds: int) -> None:
    print(
        f"{'model':12}{'parameter':15}{'bias':>8}{'rmse':>8}{'se':>8}{'sd/true':>9}{'covered':>9}{'animals':>9}{'shrunk':>8}"
    )
    for name, model in MODELS.items():
        rows = []
        for seed in range(seeds):
            animals, true, mean = cohort(name, seed)
            found = fit_model(model, animals).found
            width = student.ppf(0.975, ANIMALS - 1) * found.mean_se
            sd = true.std(axis=0)
            rows.append(
                [
                    found.mean - mean,
                    (found.mean - mean) ** 2,
                    found.mean_se,
                    found.sd / sd,
                    np.abs(found.mean - mean) < width,
                    (np.abs(found.alone.mode - true) < 1.96 * found.alone.se).mean(axis=0),
                    (np.abs(found.shrunk.mode - true) < 1.96 * found.shrunk_se).mean(axis=0),
                ]
            )
        bias, square, se, sd, covered, alone, shrunk = np.mean(rows, axis=0)
        for k, parameter in enumerate(model.with_growth(True)):
            print(
                f"{name:12}{parameter.name:15}{bias[k]:8.3f}{np.sqrt(square[k]):8.3f}{se[k]:8.3f}{sd[k]:9.2f}"
                f"{covered[k]:9.2f}{alone[k]:9.2f}{shrunk[k]:8.2f}",
                flush=True,
            )


def winner(train: Sequence[AnimalIntervals], test: Sequence[AnimalIntervals]) -> tuple[ModelName, dict[str, float]]:
    scores = {}
    for name, model in MODELS.items():
        seen = fit_model(model, train)
        days = day_sd(session_scales(seen, train)) if train[0].session[-1] < test[0].session[-1] else 0.0
        scores[name] = held_out(seen, test, day_sd=days).per_interval
    return max(scores, key=lambda name: scores[name]), scores  # pyright: ignore


def confusion(won: dict[str, Counter[str]], lead: dict[str, list[float]]) -> None:
    print(
        f"{'data from':14}"
        + "".join(f"{name:>13}" for name in MODELS)
        + "   lead over the best rival (nat per interval)"
    )
    for name, counts in won.items():
        print(
            f"{name:14}" + "".join(f"{counts[other]:13}" for other in MODELS) + f"{np.median(lead[name]):10.4f}",
            flush=True,
        )


def models(seeds: int, **how: object) -> None:
    won, lead = {}, {}
    for name in MODELS:
        won[name], lead[name] = Counter(), []
        for seed in range(seeds):
            animals, _, _ = cohort(name, 1000 + seed, **how)  # pyright: ignore
            kept = [every_nth(a, 3) if how else last_sessions(a, 2) for a in animals]
            best, scores = winner(
                [a.chosen(~k) for a, k in zip(animals, kept, strict=True)],
                [a.chosen(k) for a, k in zip(animals, kept, strict=True)],
            )
            won[name][best] += 1
            lead[name].append(scores[name] - max(score for other, score in scores.items() if other != name))
    confusion(won, lead)


def mechanism(seeds: int) -> None:
    design = rat_design(parse_study(design_text("carmack2019")))
    response = response_of(kinetics_of("heroin"), 12 * 3600)
    won, lead = {}, {}
    for policy in ("satiety", "homeostatic"):
        won[policy], lead[policy], r, rise = Counter(), [], [], []
        for seed in range(seeds):
            experiment = plan_experiment(
                design, hypothesis="withdrawal", scale="tiny", seed=seed, model="mechanism", policy=policy
            )
            assert experiment.lived is not None
            long = np.flatnonzero(levels_of(experiment.rats) == 1)
            animals = []
            for rat in long:
                lived = [
                    FitSession(
                        subject=str(rat), start=str(s.day), infusions_s=s.infusion, duration_s=43_200.0, timeout_s=20.0
                    )
                    for s in experiment.lived.lives[rat].sessions[:10]
                ]
                animals.append(animal_intervals(lived, dose_mg_kg=design.dose_mg_kg, response=response))
            kept = [last_sessions(a, 2) for a in animals]
            best, scores = winner(
                [a.chosen(~k) for a, k in zip(animals, kept, strict=True)],
                [a.chosen(k) for a, k in zip(animals, kept, strict=True)],
            )
            won[policy][best] += 1
            lead[policy].append(scores[policy] - max(v for k, v in scores.items() if k != policy))
            found = fit_model(MODELS["satiety"], animals).found.shrunk.mode
            true = np.log(experiment.lived.parameters["threshold"][long])
            r.append(np.corrcoef(found[:, 1], true)[0, 1])
            # set point at the end of the last session over that of the first
            record = [[s.record[-60:, 2].mean() for s in experiment.lived.lives[rat].sessions[:10]] for rat in long]
            rise.append([9 * found[:, 3].mean(), np.log(np.array(record)[:, 9] / np.array(record)[:, 0]).mean()])
        print(
            f"{policy}: r of fitted with true log threshold {np.mean(r):.2f}; rise of the log threshold over nine "
            f"sessions, fitted and of the set point: {np.mean(rise, axis=0).round(2)}"
        )
    confusion(won, lead)


if __name__ == "__main__":
    what, seeds = sys.argv[1], int(sys.argv[2])
    if what == "rats":
        models(seeds, sessions=1, hours=12, drug="oxycodone", dose=0.15)
    else:
        {"parameters": parameters, "models": models, "mechanism": mechanism}[what](seeds)
