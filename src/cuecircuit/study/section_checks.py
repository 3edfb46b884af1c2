"""Whether the sections about maps, regions, events and simulation fit together."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from cuecircuit.study.accounting import split_reference
from cuecircuit.study.acquisition import BetaSeries, Blocks, Glm, Ppi
from cuecircuit.study.question_checks import Contradiction, KeyPath, QuestionChecks, contrast_faults, not_among
from cuecircuit.study.questions import Effect, Question, Rows, Strata
from cuecircuit.study.schema import Study


@dataclass(frozen=True)
class SectionChecks:
    """Checks of sections; names that they use are added to those that questions use."""

    asked: QuestionChecks

    @property
    def study(self) -> Study:
        """The study."""
        return self.asked.study

    def maps_and_regions(self) -> Iterator[Contradiction]:
        """Yield faults of sets of maps and of regions."""
        study = self.study
        if study.maps and study.space is None:
            yield ("maps",), "maps need a space: give space.mask and space.origin"
        if study.space is not None and study.space.is_shared and not (study.scans and study.scans.derivatives):
            text = "auto is made of the brain masks of scans.derivatives, which is not given; name a mask"
            yield ("space", "mask"), text
        for name, maps in study.maps.items():
            self.asked.used.update((*maps.carry, *getattr(maps, "cells", ()), *getattr(maps, "keys", ())))
            if maps.kind != "given" and study.scans is None:
                yield ("maps", name), f"kind {maps.kind} is made from scans; give scans:"
            if isinstance(maps, Blocks | Glm):
                yield from self._cells(("maps", name), maps)
            measures = (*study.trials.measures, study.trials.breathing) if study.trials else ()
            for measure in (*maps.carry, *getattr(maps, "modulators", ())):
                if measure not in measures:
                    yield ("maps", name, "carry"), not_among(measure, filter(None, measures), "measure of trials")
            if maps.kind == "seed" and not (study.space and study.space.atlas):
                yield ("maps", name, "seeds"), "seeds are regions; give space.atlas and space.labels"
            for key in getattr(maps, "keys", ()):
                if key not in self.asked.labels:
                    yield ("maps", name, "keys"), f"list the levels of {key} under factors:"
        yield from self._files_of_sets()
        yield from self._edges()
        for name, region in study.regions.items():
            at, table = ("regions", name), split_reference(region.of)[0]
            self.asked.used.add(table)
            if table not in self.asked.books.tables or not table.startswith(("maps.", "contrasts.")):
                maps = [made for made in self.asked.books.tables if made.startswith(("maps.", "contrasts."))]
                yield (*at, "of"), not_among(table, maps, "table of maps")
            if not (region.atlas or (study.space and study.space.atlas)):
                yield at, "regions need space.atlas and space.labels, or atlas and labels of their own"
            asked = study.questions.get(region.within.question) if region.within else None
            if region.within and (asked is None or split_reference(asked.of)[0] != table):
                yield (*at, "within", "question"), f"'{region.within.question}' is no question on {table}"
            elif region.within and asked is not None:
                yield from self._survivors((*at, "within"), region.within.effect, asked)
            if region.unsmoothed and not getattr(study.maps.get(table.partition(".")[2]), "unsmoothed", True):
                yield (*at, "unsmoothed"), f"set {table}.unsmoothed: true, so that these maps are kept"

    def _files_of_sets(self) -> Iterator[Contradiction]:
        files: dict[str, str] = {}
        for name, maps in self.study.maps.items():
            file = name.replace("_", "")  # labels of BIDS have no underscore
            if maps.kind != "given" and (other := files.setdefault(file, name)) != name:
                yield ("maps", name), f"{other} and {name} would have the same files; tell them apart by more than _"

    def _cells(self, at: KeyPath, maps: Blocks | Glm | BetaSeries | Ppi) -> Iterator[Contradiction]:
        trials = self.study.trials
        if trials is None:
            yield at, f"kind {maps.kind} needs the events of scans; give trials:"
            return
        columns = (
            {trials.cells} if isinstance(trials.cells, str) else {f for cell in trials.cells.values() for f in cell}
        )
        columns |= set(trials.parts)
        for factor in maps.cells:
            if factor not in columns:
                yield (*at, "cells"), not_among(factor, columns, "factor of trials.cells or trials.parts")
        if isinstance(maps, Glm):
            if maps.seed and not (self.study.space and self.study.space.atlas):
                yield (*at, "seed"), "a seed needs space.atlas and space.labels"
            yield from self._response_contrasts(at, maps)

    def _response_contrasts(self, at: KeyPath, maps: Glm) -> Iterator[Contradiction]:
        tr_s = self.study.scans.tr_s if self.study.scans else 0.0
        start, stop = maps.window_s
        if maps.hrf == "fir" and tr_s and np.ceil(start / tr_s - 1e-9) * tr_s >= stop:
            yield (*at, "window_s"), f"no step of {tr_s:g} s begins within [{start:g}, {stop:g}]; widen the window"
        levels = {factor: self.asked.books.factors.get(factor, ()) for factor in maps.cells}
        files: dict[str, str] = {}
        for name, text in maps.contrasts.items():
            if all(levels.values()) and not any(text == level for names in levels.values() for level in names):
                yield from contrast_faults((*at, "contrasts", name), text, levels)
            file = name.replace("_", "")  # labels of BIDS have no underscore
            if file in files:
                reason = f"contrasts {files[file]} and {name} would have the same files; tell them apart by more than _"
                yield (*at, "contrasts", name), reason
            files[file] = name

    def _edges(self) -> Iterator[Contradiction]:
        """Yield faults of sets of edges."""
        study = self.study
        for name, edges in study.edges.items():
            at = ("edges", name)
            if study.scans is None or not (study.space and study.space.atlas):
                yield at, "edges are made from scans, between regions; give scans:, space.atlas and space.labels"
            if len(edges.regions) == 1:
                yield (*at, "regions"), "an edge has two regions; name two or more, or leave it out for all"
            if isinstance(edges, BetaSeries | Ppi):
                self.asked.used.update(edges.cells)
                yield from self._cells(at, edges)

    def _survivors(self, at: KeyPath, effect: str, asked: Question) -> Iterator[Contradiction]:
        """Yield why no map says where an effect of a question survives."""
        correction = asked.correction or self.study.correction
        if asked.each:
            yield (*at, "question"), "asks `each`, so that it has several maps of each effect; ask of one in `where`"
        if correction is not None and correction.method not in ("simulation", "permutation"):
            yield (*at, "question"), f"is corrected by {correction.method}, which marks no survivors; use permutation"
        effects: list[str] = [*getattr(asked, "tests", ()), *getattr(asked, "contrasts", ())]
        if isinstance(asked, Strata):
            names = (*asked.between, *asked.within)
            terms = (term for size in range(1, len(names) + 1) for term in combinations(names, size))
            effects += [*map(":".join, terms), *asked.covariates]
        if effect not in effects:
            yield (*at, "effect"), not_among(effect, effects, "effect that the question tests")

    def trials(self) -> Iterator[Contradiction]:
        """Yield faults of cells and parts."""
        trials, factors = self.study.trials, self.study.factors
        if trials is None:
            return
        cells_of = {"": {trials.cells: ""}} if isinstance(trials.cells, str) else trials.cells
        for cell, levels in cells_of.items():
            at = ("trials", "cells", cell) if cell else ("trials", "cells")
            for factor, level in levels.items():
                self.asked.used.add(factor)
                if factor not in factors:
                    yield at, f"{not_among(factor, factors, 'factor')}; list its levels under factors:"
                elif level and level not in factors[factor].levels:
                    yield at, not_among(level, factors[factor].levels, f"level of {factor}")
        for part, numbers in trials.parts.items():
            yield from self._part(("trials", "parts", part), part, numbers)
        for factor in self.study.factors.values():
            if factor.names == "run" and not (self.study.scans and self.study.scans.runs == "key"):
                yield ("scans", "runs"), "a factor names runs; set runs: key"

    def _part(self, at: KeyPath, part: str, numbers: Mapping[str, tuple[int, ...]]) -> Iterator[Contradiction]:
        self.asked.used.add(part)
        if part not in self.study.factors:
            yield at, f"list the levels {', '.join(numbers)} under factors.{part}"
        elif set(numbers) != set(self.study.factors[part].levels):
            yield at, f"has levels {', '.join(numbers)}, factors.{part} {', '.join(self.study.factors[part].levels)}"
        for number, times in Counter(number for listed in numbers.values() for number in listed).items():
            if number < 1:
                yield at, f"block {number} does not exist; blocks count from 1"
            if times > 1:
                yield at, f"block {number} is in {times} levels; each block in one"

    def preprocess(self) -> Iterator[Contradiction]:
        """Yield settings of scans by which what `preprocess` makes would not be found."""
        made, scans = self.study.preprocess, self.study.scans
        if made is None:
            return
        if scans is None:
            yield ("preprocess",), "raw scans are needed; give scans: with task and tr_s"
            return
        if scans.table is not None:
            yield ("scans", "table"), "preprocess takes the raw scans of a BIDS data set; leave out scans.table"
        named = {**scans.entities, **{name: value for name in ("space", "res") if (value := getattr(scans, name))}}
        for entity, made_as in (("space", made.name), ("desc", "preproc"), ("res", "none")):
            if (value := named.get(entity, made_as)) != made_as:
                at = ("scans", entity) if entity != "desc" else ("scans", "entities", "desc")
                yield at, f"{value}, but preprocess makes scans with {entity} {made_as}; leave it out"

    def simulation(self) -> Iterator[Contradiction]:
        """Yield faults of what is to be planted."""
        plan = self.study.simulation
        if plan is None:
            return
        for name, effects in plan.hypotheses.items():
            for effect in effects:
                if effect not in plan.effects:
                    yield ("simulation", "hypotheses", name), not_among(effect, plan.effects, "effect")
        for name, effect in plan.effects.items():
            yield from self._planted(("simulation", "effects", name), effect)
        for place, base in enumerate(plan.base):
            if split_reference(base.in_)[0] not in self.asked.books.tables:
                table = split_reference(base.in_)[0]
                yield ("simulation", "base", place, "in"), not_among(table, self.asked.books.tables, "table")
        phases = self.study.operant.phases.values() if self.study.operant else ()
        days = {str(day) for phase in phases for day in range(1, phase.days + 1)}
        for rows in plan.missing:
            key, _, level = rows.partition("=")
            if level not in (days if key == "day" else self.asked.books.levels("", key)):
                yield ("simulation", "missing", rows), "write a key with one of its levels, such as session=2 or day=3"

    def _planted(self, at: KeyPath, effect: Effect) -> Iterator[Contradiction]:
        table = split_reference(effect.in_)[0]
        if table not in self.asked.books.tables:
            yield (*at, "in"), not_among(table, self.asked.books.tables, "table")
            return
        columns = {
            *self.asked.books.tables[table].keys,
            *self.asked.labels,
            *({"region"} if table.startswith("maps.") else ()),
        }
        for name, asked in effect.where.items():
            levels = self.asked.levels_here(table, Rows(of=effect.in_, where=effect.where), name)
            if name not in columns:
                yield (*at, "where", name), not_among(name, columns, f"key of {table} or factor")
            for level in asked if levels else ():
                if level not in levels:
                    yield (*at, "where", name), not_among(level, levels, f"level of {name}")
        tree = effect.add
        for key in effect.by:
            levels = self.asked.levels_here(table, Rows(of=effect.in_, where=effect.where), key)
            if key not in columns:
                yield (*at, "by"), not_among(key, columns, f"key of {table} or factor")
            for level in tree if isinstance(tree, dict) and levels else ():
                if level not in levels:
                    yield (*at, "add", level), not_among(level, levels, f"level of {key}")
            tree = next(iter(tree.values()), None) if isinstance(tree, dict) else None
