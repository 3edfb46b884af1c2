"""The sections of the page in the order of the paper, from the study, the run's records and the figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cuecircuit.arrays import Array, Float, Int
from cuecircuit.figures.numbers import MISSING, number, short, threshold
from cuecircuit.report.captions import threshold_statement
from cuecircuit.report.checklist import checklist
from cuecircuit.report.content import (
    FigureItem,
    FigureRow,
    Paragraph,
    RowPlace,
    Section,
    TableItem,
    ViewerItem,
)
from cuecircuit.report.marks import dose_text, effect_text, marks_of
from cuecircuit.report.methods import RunFacts, methods
from cuecircuit.report.shared_sections import opening_section, sourced_methods
from cuecircuit.study.study import Study

_PHASE_WORDS = {"sessions": "sessions", "access_h": "access", "window_min": "counted minutes"}
_STRATA = "Every effect is tested in its own error stratum; η²ₚ is the partial, η²G the generalized η²."
_REGIONS_SHOWN = 3
_PEAK = ["peak_x", "peak_y", "peak_z"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegionMeans:
    """Table 1: mean response (percent) and its SEM in each region and cell, and the voxels averaged."""

    regions: tuple[str, ...]
    cells: tuple[str, ...]
    means: Float[Array, "region cell"]
    sems: Float[Array, "region cell"]
    voxels: Int[Array, "region"]


def study_section(study: Study, subjects: Mapping[str, int]) -> Section:
    """Say who took part and what they went through; `subjects` counts those analyzed, by group."""
    facts = {
        "Subjects": f"{sum(subjects.values())} ({', '.join(f'{n} {group}' for group, n in subjects.items())})",
        "Species": study.subjects.species,
        "Drug": f"{study.drug.name}, {dose_text(study.drug.dose_mg_kg)} {study.drug.route}",
        "Cues": ", ".join(study.cues.levels),
        "Effect of interest": effect_text(study.group.effect),
    }
    phases = TableItem(id="phases", title="Phases", frame=_phases(study))
    return opening_section(study, "Study and animals", facts, phases)


def behavior_section(
    escalation: FigureItem,
    conditioning: FigureItem,
    *,
    escalation_anova: pd.DataFrame,
    escalation_posthoc: pd.DataFrame,
    conditioning_anova: pd.DataFrame,
    sessions: Sequence[FigureItem] = (),
) -> Section:
    """Fig. 1A and 1B with their tests, then the figures of single sessions."""
    return Section(
        id="behavior",
        title="Behavior",
        items=(
            escalation,
            TableItem(
                id="escalation-anova",
                title="Escalation: analysis of variance",
                frame=escalation_anova,
                notes=(_STRATA,),
            ),
            TableItem(
                id="escalation-posthoc", title="Escalation: each session against the first", frame=escalation_posthoc
            ),
            conditioning,
            TableItem(
                id="conditioning-anova",
                title="Conditioning: analysis of variance",
                frame=conditioning_anova,
                notes=(_STRATA,),
            ),
            *sessions,
        ),
    )


def group_section(
    study: Study, facts: RunFacts, figure: FigureItem, terms: pd.DataFrame, *, viewer: ViewerItem | None = None
) -> Section:
    """Fig. 1C, the interactive brain, and the effects that were tested in every voxel."""
    tested = TableItem(
        id="terms", title="Effects tested in every voxel", frame=terms, notes=(threshold_statement(study, facts),)
    )
    return Section(id="group", title="Group map", items=(figure, *((viewer,) if viewer else ()), tested))


def clusters_section(study: Study, facts: RunFacts, clusters: pd.DataFrame) -> Section:
    """The clusters that survive."""
    notes = (threshold_statement(study, facts), f"Coordinates are mm from {study.space.reference_point}.")
    places = tuple(RowPlace(mm=(float(x), float(y), float(z))) for x, y, z in clusters[_PEAK].to_numpy(float))
    return Section(
        id="clusters",
        title="Clusters",
        items=(
            TableItem(
                id="cluster-table",
                title="Clusters that survive",
                frame=clusters,
                display=clusters_display(clusters),
                notes=notes,
                places=places,
            ),
        ),
    )


def clusters_display(clusters: pd.DataFrame) -> pd.DataFrame:
    """The clusters as the page prints them: the peak in one column, of the regions those that hold most of it."""
    peaks = clusters[_PEAK].to_numpy(float)
    shown = clusters.drop(columns=[*_PEAK, "regions"])
    shown["peak_place_mm"] = [", ".join(f"{x:g}".replace("-", "−") for x in peak) for peak in peaks]
    shown["regions"] = [_first_regions(str(regions)) for regions in clusters["regions"]]
    return shown


def _first_regions(regions: str) -> str:
    named = regions.split("; ")
    more = f"; {len(named) - _REGIONS_SHOWN} more in the file" if len(named) > _REGIONS_SHOWN else ""
    return "; ".join(named[:_REGIONS_SHOWN]) + more


def regions_section(study: Study, table: RegionMeans) -> Section:
    """Table 1."""
    note = (
        f"Mean ± SEM over subjects of the percent BOLD change of the voxels of each region that lie in the "
        f"{effect_text(study.group.effect)} cluster."
    )
    item = TableItem(
        id="table1",
        title="Table 1. Responses of the regions (% BOLD change)",
        frame=region_frame(table),
        display=_region_display(table),
        notes=(note,),
        places=tuple(RowPlace(region=region) for region in table.regions),
    )
    return Section(id="regions", title="Regions", items=(item,))


def region_frame(table: RegionMeans) -> pd.DataFrame:
    """Table 1 as numbers: region, voxels, and for each cell `<cell>_mean` and `<cell>_sem`."""
    columns: dict[str, object] = {"region": list(table.regions), "voxels": table.voxels}
    for index, cell in enumerate(table.cells):
        columns[f"{cell}_mean"], columns[f"{cell}_sem"] = table.means[:, index], table.sems[:, index]
    return pd.DataFrame(columns)


def correlations_section(
    study: Study, panels: Sequence[tuple[FigureItem, FigureItem, FigureItem]], correlations: pd.DataFrame
) -> Section:
    """Fig. 2: for each region its place, its animals and its scatter; then every region's correlation."""
    notes = (
        "r is pooled over groups; q controls the false discovery rate over regions "
        f"(threshold {threshold(study.correlations.q)}).",
        "Regions were chosen by the interaction and the groups differ on both axes, so a pooled r above zero is "
        "expected even where there is no relation within groups; the within-group r is free of this.",
    )
    table = TableItem(
        id="correlation-table",
        title="Response against infusions, every region",
        frame=correlations,
        notes=notes,
        places=tuple(RowPlace(region=str(region)) for region in correlations["region"]),
    )
    rows = tuple(FigureRow(figures=row) for row in panels)
    return Section(id="correlations", title="Brain and behavior", items=(*rows, table))


def corrections_section(study: Study, figure: FigureItem, corrections: pd.DataFrame) -> Section:
    """One map under several corrections: the figure, and each cluster's p by every method."""
    text = (
        "The map of the study is corrected by one method, chosen beforehand. Here others stand beside it, so that a "
        "reader sees what hangs on that choice; they decide nothing."
    )
    table = TableItem(
        id="corrections-table",
        title="Clusters under each correction",
        frame=corrections,
        display=corrections_display(corrections),
        notes=(
            f"Smallest corrected p in the cluster (q for FDR); clusters with p ≤ {threshold(study.correction.alpha)} "
            "by at least one method. The file has every cluster and the voxels that survive in each.",
        ),
    )
    return Section(id="corrections", title="Corrections side by side", items=(Paragraph(text=text), figure, table))


def corrections_display(corrections: pd.DataFrame) -> pd.DataFrame:
    """A row for each cluster that survives any method: cluster, voxels, and p by every method."""
    own = corrections[corrections["cluster"] > 0]
    methods = list(dict.fromkeys(corrections["method"]))
    survivors = sorted(set(own.loc[own["survives"] == "yes", "cluster"]))
    p = own.pivot(index="cluster", columns="method", values="p")
    sizes = own.drop_duplicates("cluster").set_index("cluster")["voxels"]
    shown = {"cluster": survivors, "voxels": [int(sizes[cluster]) for cluster in survivors]}
    for method in methods:
        column = f"q_{method}" if method == "fdr" else f"p_{method.replace(' ', '_')}"
        shown[column] = [float(p.loc[cluster, method]) for cluster in survivors]  # pyright: ignore
    return pd.DataFrame(shown)


def methods_section(study: Study, facts: RunFacts) -> Section:
    """The Methods text, and what a reader would look for in it."""
    items = TableItem(
        id="checklist",
        title="Checklist of what to report",
        frame=checklist(study, facts),
        notes=(
            "Items after the COBIDAS report (Nichols et al. 2017). An answer takes the mark of the weakest of the "
            "settings behind it; what this analysis cannot know is marked as not stated.",
        ),
    )
    return sourced_methods(study, methods(study, facts), items)


def _phases(study: Study) -> pd.DataFrame:
    marks = marks_of(study).settings
    rows = []
    for phase in study.phases:
        settings = (marks[f"phases.{phase.name}.{name}"] for name in _PHASE_WORDS)
        rows.append(
            {
                "phase": phase.name.replace("_", " "),
                "treatments": ", ".join(t.name.replace("_", " ") for t in phase.treatments) or "–",
                "sessions": phase.sessions,
                "access": ", ".join(f"{group} {short(hours)} h" for group, hours in phase.access_h.items()) or "–",
                "counted_min": "–".join(map(short, phase.window_min)) if phase.window_min else "all",
                "assumed": ", ".join(_PHASE_WORDS[s.path.rsplit(".", 1)[1]] for s in settings if s.source == "assumed")
                or "–",
            }
        )
    return pd.DataFrame(rows)


def _region_display(table: RegionMeans) -> pd.DataFrame:
    cells = {
        cell: [
            f"{number(mean)} ± {number(sem)}" if np.isfinite(mean) else MISSING
            for mean, sem in zip(table.means[:, index], table.sems[:, index], strict=True)
        ]
        for index, cell in enumerate(table.cells)
    }
    return pd.DataFrame({"region": list(table.regions), **cells, "voxels": np.asarray(table.voxels)})
