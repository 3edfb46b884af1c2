"""Which tables a study makes, by which keys their rows are told apart, and whether a question accounts for every key.

Each key of a table but the unit must be fixed to one level (`where`), modeled, asked one by one (`each`), averaged
(`average`), differenced (`change`) or declared as repeats. A key nobody mentions would be averaged or doubled in
silence, so the question is refused with these ways out.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from cuecircuit.study.acquisition import Blocks, Given, Glm, Seed
from cuecircuit.study.experiment import Operant, Phase
from cuecircuit.study.questions import Composite, Reduce, Rows, Split, Stack
from cuecircuit.study.schema import Study
from cuecircuit.study.trial_cells import slope_contrasts

# counts and measures of a whole session
SESSION_MEASURES = (
    "infusions",
    "active",
    "inactive",
    "licks",
    "shocks",
    "timeout_presses",
    "discrimination",
    "first_hour_infusions",
    "first_hour_share",
    "latency_s",
    "mean_interval_s",
    "cv_interval",
    "loading_infusions",
    "maintenance_per_h",
    "bursts",
    "intake_mg_kg",
    "mean_level_mg_kg",
    "peak_level_mg_kg",
    "satiety_mg_kg",
    "breakpoint",
)
# columns of results that stand beside those of factors
RESULT_COLUMNS = frozenset({
    "F", "against", "ci_high", "ci_low", "comparison", "d", "d_av", "d_av_high", "d_av_low", "df", "df1", "df2",
    "difference", "estimate", "family", "high", "icc", "level", "low", "map", "mean", "n", "p", "p_adjusted", "pes",
    "q", "r", "ratio", "se", "sem", "stratum", "t", "term", "value", "variance", "x", "y",
})  # fmt: skip
_PRESSES = {"active": "active presses", "inactive": "inactive presses"}
_OPERANT_KEYS = ("subject", "phase", "treatment", "day")
# tables whose name has two parts; the rest of a reference is the response
_NAMED = ("maps", "contrasts", "regions", "edges", "derived")


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlan:
    """A table that a study makes: keys that identify its rows, and responses (None: columns of files not yet read)."""

    keys: tuple[str, ...]
    responses: frozenset[str] | None


def split_reference(of: str) -> tuple[str, str]:
    """Split `operant.infusions` into table and response; `maps.NAME` is a table whose response is its map."""
    parts = of.split(".")
    cut = 2 if parts[0] in _NAMED else 1
    return ".".join(parts[:cut]), ".".join(parts[cut:])


def levels_of_phases(operant: Operant | None, rows: Rows) -> tuple[Phase, ...]:
    """Return the phases that rows of operant are chosen from."""
    phases = operant.phases if operant else {}
    return tuple(phases[name] for name in rows.where.get("phase", tuple(phases)) if name in phases)


def deliveries_word(study: Study, phases: Iterable[Phase]) -> str:
    """Return what is delivered in phases: infusions, or deliveries where a drug takes another route, as oral."""
    drugs = {name for phase in phases for name in phase.drugs} & set(study.drugs)
    infused = all(re.match(r"i(?!nha)", study.drugs[name].route, re.IGNORECASE) for name in drugs)
    return "infusions" if infused else "deliveries"


def response_words(study: Study | None, rows: Rows) -> str:
    """Return the response of rows in words; deliveries by the route of what the phases deliver (None: infusions)."""
    table, response = split_reference(rows.of)
    if table != "operant" or study is None or study.operant is None or response in study.operant.measures:
        return _PRESSES.get(response, response.replace("_", " "))
    delivered = deliveries_word(study, levels_of_phases(study.operant, rows))
    return _PRESSES.get(response, response.replace("infusions", delivered).replace("_", " "))


@dataclass(frozen=True)
class Accounting:
    """The tables of one study, computed once."""

    study: Study

    @cached_property
    def tables(self) -> Mapping[str, TablePlan]:
        """Every table that the study makes, by name."""
        made = dict(self._tables_of_files())
        made |= self._tables_of_maps()
        waiting = {f"regions.{name}": region for name, region in self.study.regions.items()} | {
            f"derived.{name}": derived for name, derived in self.study.derived.items()
        }
        while waiting:
            ready = [name for name, section in waiting.items() if self._source(section) in (None, *made)]
            for name in ready:
                made[name] = self._computed(waiting.pop(name), made)
            if not ready:  # a source that nothing makes, or a circle; both are faults of their own
                break
        return made

    @cached_property
    def factors(self) -> Mapping[str, tuple[str, ...]]:
        """Levels of every factor: those of the file, then labels that are split from numbers."""
        declared = {name: factor.levels for name, factor in self.study.factors.items()}
        return declared | {
            name: self._split_levels(d) for name, d in self.study.derived.items() if isinstance(d, Split)
        }

    def levels(self, table: str, key: str) -> tuple[str, ...]:
        """Return the levels that the study file gives a key; empty where only files have them."""
        study = self.study
        if key == "phase":
            return tuple(study.operant.phases) if study.operant else ()
        if key == "contrast":
            maps = study.maps.get(self._map_set(table))
            return (*maps.contrasts, *slope_contrasts(self.study, maps)) if isinstance(maps, Glm) else ()
        if key == "seed":
            maps = study.maps.get(self._map_set(table))
            return maps.seeds if isinstance(maps, Seed) else ()
        stacks = [d for d in study.derived.values() if isinstance(d, Stack) and d.key == key]
        if stacks:
            return tuple(stacks[0].stack)
        return self.factors.get(key, ())

    def named_key(self, factor: str) -> str:
        """Return the key whose levels a factor names; empty where it names none."""
        return (self.study.factors[factor].names if factor in self.study.factors else None) or ""

    def numbered(self, key: str) -> bool:
        """Return whether a key has whole numbers as levels, which need no declaration."""
        return key in ("day", "bin", "trial", "run") or any(
            key in phase.by_day for phase in (self.study.operant.phases.values() if self.study.operant else ())
        )

    def spoken_for(self, rows: Rows, *more: str) -> set[str]:
        """Return the keys that rows account for: fixed to one level, averaged, differenced, named by a factor."""
        fixed = (key for key, levels in rows.where.items() if len(levels) == 1)
        named = {*more, *rows.average, rows.change or "", *fixed}
        return named | {self.named_key(name) for name in named}

    def unaccounted(self, rows: Rows, *modeled: str) -> tuple[str, ...]:
        """Return the keys of the rows that nothing accounts for."""
        plan = self.tables.get(split_reference(rows.of)[0])
        spoken = self.spoken_for(rows, *modeled)
        keys = plan.keys if plan else ()
        return tuple(key for key in keys if key != "subject" and key not in spoken and not self._alone(rows, key))

    def of_sessions(self, table: str) -> bool:
        """Return whether the rows of a table are logged sessions, their bins or their columns."""
        derived = self.study.derived.get(table.removeprefix("derived.")) if table.startswith("derived.") else None
        return table in ("operant", "bins") or (isinstance(derived, Stack) and derived.of == "operant")

    def _alone(self, rows: Rows, key: str) -> bool:
        """Return whether a key of the operant tables has one level in the phases that are asked about."""
        if not self.of_sessions(split_reference(rows.of)[0]):
            return False
        phases = levels_of_phases(self.study.operant, rows)
        if key == "treatment":
            return bool(phases) and not any(phase.treatments for phase in phases)
        if key == "phase":
            return len(phases) == 1
        return key == "day" and bool(phases) and all(phase.days == 1 for phase in phases)

    def _tables_of_files(self) -> Iterator[tuple[str, TablePlan]]:
        study, session, run = self.study, self._session, self._run
        yield "subjects", TablePlan(keys=("subject",), responses=None)
        if session:
            yield "visits", TablePlan(keys=("subject", *session), responses=None)
        if study.operant:
            by_day = {name for phase in study.operant.phases.values() for name in phase.by_day}
            measures = study.operant.measures
            whole = {name for name, measure in measures.items() if not measure.every_min}
            yield "operant", TablePlan(keys=_OPERANT_KEYS, responses=frozenset({*SESSION_MEASURES, *whole, *by_day}))
            if binned := frozenset(measures) - whole:
                yield "bins", TablePlan(keys=(*_OPERANT_KEYS, "bin"), responses=binned)
        if study.trials:
            measures = {*study.trials.measures, *((study.trials.breathing,) if study.trials.breathing else ())}
            yield "trials", TablePlan(keys=("subject", *session, *run, "trial"), responses=frozenset(measures))

    def _tables_of_maps(self) -> dict[str, TablePlan]:
        response = frozenset({""})
        made: dict[str, TablePlan] = {}
        scans = self.study.scans
        kept = ("subject", *self._session, *(("run",) if scans and scans.runs == "key" else ()))
        for name, maps in self.study.maps.items():
            match maps:
                case Given():
                    keys = ("subject", *maps.keys)
                case Seed():
                    keys = (*kept, "seed")
                case Blocks() | Glm():
                    keys = (*kept, *maps.cells)
            made[f"maps.{name}"] = TablePlan(keys=keys, responses=response)
            if isinstance(maps, Glm) and (maps.contrasts or maps.modulators):
                made[f"contrasts.{name}"] = TablePlan(keys=(*kept, "contrast"), responses=response)
        for name, edges in self.study.edges.items():
            keys = (*kept, *getattr(edges, "cells", ()), "region", "region2")
            made[f"edges.{name}"] = TablePlan(keys=keys, responses=response)
        return made

    def _computed(self, section: object, made: Mapping[str, TablePlan]) -> TablePlan:
        response = frozenset({""})
        match section:
            case Reduce():
                spoken = self.spoken_for(section, section.over)
                keys = made[split_reference(section.of)[0]].keys
                left = tuple(k for k in keys if k == "subject" or (k not in spoken and not self._alone(section, k)))
                return TablePlan(keys=left, responses=response)
            case Stack():
                return TablePlan(keys=(*made[section.of].keys, section.key), responses=response)
            case Split() | Composite():
                return TablePlan(keys=("subject",), responses=response)
            case _:  # regions
                return TablePlan(keys=(*made[self._source(section) or ""].keys, "region"), responses=response)

    @staticmethod
    def _source(section: object) -> str | None:
        of = getattr(section, "of", None)
        return None if of is None else split_reference(of)[0]

    @property
    def _session(self) -> tuple[str, ...]:
        return ("session",) if "session" in self.study.factors else ()

    @property
    def _run(self) -> tuple[str, ...]:
        scans = self.study.scans
        return ("run",) if scans is not None and scans.runs != "one" else ()

    def _map_set(self, table: str) -> str:
        """Return the set of maps that a table of maps, contrasts or regions goes back to."""
        kind, _, name = table.partition(".")
        if kind == "regions" and name in self.study.regions:
            return split_reference(self.study.regions[name].of)[0].partition(".")[2]
        return name

    def _split_levels(self, split: Split) -> tuple[str, ...]:
        others = [
            level
            for factor, chosen in split.among.items()
            for level in (self.study.factors[factor].levels if factor in self.study.factors else ())
            if level not in chosen
        ]
        return tuple(dict.fromkeys([*others, *split.labels]))


def names_in(*groups: Iterable[str]) -> tuple[str, ...]:
    """Join names in order, each once."""
    return tuple(dict.fromkeys(name for group in groups for name in group))
