"""Drugs and medicines of the mechanism: one table of affinity, efficacy and kinetics in rats, and flows between places.

A drug enters at one place (blood, or under the skin) and reaches its receptors at a second one, which it leaves with
its half-life; heroin passes through three compounds on its way. `half_mg_kg` is K, the amount at the receptors that
binds half of them alone, in mg/kg of the drug as given; `efficacy` is relative to heroin's. What nobody printed is
marked `assumed` in `source`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float

VEHICLES = ("saline", "vehicle", "water")
"""Injected, and without an effect."""
_CHAIN = ("heroin", "mam", "morphine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Substance:
    """A drug of the table; half-lives in minutes (NaN: by the chain of heroin), doses in mg/kg.

    `stress_share` is the share of κ that full block of CRF1 takes; `usual_mg_kg` a usual unit dose or injection.
    """

    drug: str
    role: str
    half_mg_kg: float
    efficacy: float
    stress_share: float
    uptake_min: float
    half_life_min: float
    usual_mg_kg: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chemistry:
    """The drugs of a study in one animal: flows between places (1/s; the first place holds 1), and where each drug is.

    `ligands` are those of `animal_kernel.Body`, in the order of `drugs`; `entries` the places where drugs enter.
    """

    drugs: tuple[str, ...]
    flows: Float[Array, "place place"]
    entries: Mapping[str, int]
    ligands: Float[Array, "ligand 4"]

    def with_pumps(self, mg_kg_day: Mapping[str, float]) -> Float[Array, "place place"]:
        """Return the flows while pumps run, by their mg/kg a day."""
        flows = self.flows.copy()
        for drug, amount in mg_kg_day.items():
            flows[self.entries[drug], 0] += amount / 86_400
        return flows


@cache
def substances() -> Mapping[str, Substance]:
    """Return the table of drugs by name."""
    with (files("cuecircuit.generators") / "pharmacology.tsv").open(encoding="utf-8") as file:
        table = pd.read_csv(file, sep="\t")
    return {row["drug"]: Substance(**row) for row in table.to_dict("records")}  # pyright: ignore[reportCallIssue]


def chemistry(
    drugs: tuple[str, ...], own: Mapping[str, float], half_lives_min: Mapping[str, float] | None = None
) -> Chemistry:
    """Lay out the places of an animal's drugs.

    Args:
        drugs: names in the table.
        own: the animal's parameters: kinetics and K of heroin and naloxone.
        half_lives_min: of drugs whose half-life the study file gives, in place of the table's.
    """
    size = 1 + sum(4 if drug == "heroin" else 2 for drug in drugs)
    flows = np.zeros((size, size))
    entries, ligands, place = {}, [], 1
    for drug in drugs:
        substance = substances()[drug]
        entries[drug] = place
        if drug == "heroin":
            _heroin(flows, place, own)
            site, half = place + 3, own["agonist_half"]
        else:
            uptake, loss, half = _single(substance, own, (half_lives_min or {}).get(drug))
            flows[place, place], flows[place + 1, place], flows[place + 1, place + 1] = -uptake, uptake, -loss
            site = place + 1
        ligands.append((site, half, substance.efficacy, substance.stress_share))
        place = site + 1
    return Chemistry(drugs=drugs, flows=flows, entries=entries, ligands=np.array(ligands).reshape(-1, 4))


def _single(substance: Substance, own: Mapping[str, float], half_life_min: float | None) -> tuple[float, float, float]:
    """Return rates of uptake and loss (1/s), and K."""
    uptake, loss, half = substance.uptake_min, substance.half_life_min, substance.half_mg_kg
    if substance.drug == "naloxone":
        uptake, loss, half = (own[f"naloxone_{name}"] for name in ("uptake", "half_life", "half"))
    loss = half_life_min or loss
    return np.log(2) / (60 * uptake), np.log(2) / (60 * loss), half


def _heroin(flows: Float[Array, "place place"], first: int, own: Mapping[str, float]) -> None:
    """Add the chain of heroin, 6-MAM and morphine, and the brain (`behavior.pharmacokinetics` has the closed form)."""
    rates = [np.log(2) / (60 * own[f"{name}_half_life"]) for name in _CHAIN]
    brain = np.log(2) / (60 * own["brain_delay"])
    mam, morphine, site = first + 1, first + 2, first + 3
    for place, rate in zip((first, mam, morphine, site), (*rates, brain), strict=True):
        flows[place, place] = -rate
    flows[mam, first] = rates[0]
    flows[morphine, mam] = own["morphine_share"] * rates[1]
    flows[site, mam] = flows[site, morphine] = brain
