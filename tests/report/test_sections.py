import numpy as np
import pandas as pd
import pytest

from cuecircuit.report.checklist import checklist
from cuecircuit.report.content import FigureItem, FigureRow, ReportContent, Section, TableItem
from cuecircuit.report.methods import RunFacts
from cuecircuit.report.page import render
from cuecircuit.report.sections import (
    RegionMeans,
    behavior_section,
    clusters_display,
    clusters_section,
    correlations_section,
    group_section,
    methods_section,
    region_frame,
    regions_section,
    study_section,
)
from cuecircuit.report.shared_sections import provenance_section, quality_section, settings_section
from cuecircuit.study.settings import resolved
from cuecircuit.study.study import Study

ANOVA = pd.DataFrame({"term": ["group:session"], "df1": [9], "df2": [171], "F": [4.25], "p": [5.5e-5]})
MEANS = RegionMeans(
    regions=("Amygdala nuclei", "Insula"),
    cells=("ShA saline", "LgA saline"),
    means=np.array([[1.3, 0.1], [-0.5, np.nan]]),
    sems=np.array([[0.2, 0.3], [0.4, np.nan]]),
    voxels=np.array([20, 4]),
)


def figure(name: str) -> FigureItem:
    return FigureItem(id=name, title=name, caption="c", alt="a", svg=b"<svg/>", png=b"", tsv="")


CLUSTERS = pd.DataFrame(
    {
        "cluster": [1, 2], "voxels": [233, 20], "peak_x": [-1.25, 2.0], "peak_y": [0.0, -3.0], "peak_z": [4.5, 1.0],
        "regions": ["Insula 99 (40 %); Habenula 70 (9 %); Peduncle 50 (8 %); VTA 10 (2 %); Raphe 4 (1 %)", "Insula 20"],
    }
)  # fmt: skip


@pytest.fixture
def sections(study: Study, facts: RunFacts) -> tuple[Section, ...]:
    row = (figure("fig2a"), figure("fig2b"), figure("fig2c"))
    return (
        study_section(study, facts.subjects),
        behavior_section(
            figure("fig1a"),
            figure("fig1b"),
            escalation_anova=ANOVA,
            escalation_posthoc=ANOVA,
            conditioning_anova=ANOVA,
            sessions=[figure("event_raster")],
        ),
        quality_section(TableItem(id="tsnr", title="tSNR", frame=pd.DataFrame({"subject": ["01"], "tsnr": [31.2]}))),
        group_section(study, facts, figure("fig1c"), ANOVA),
        clusters_section(study, facts, CLUSTERS),
        regions_section(study, MEANS),
        correlations_section(study, [row], pd.DataFrame({"region": ["Insula"], "r": [0.6], "r_within": [0.1]})),
        methods_section(study, facts),
        settings_section(study),
        provenance_section(pd.DataFrame({"file": ["a.nii.gz"], "sha256": ["0"]}), facts.versions, 7),
    )


def test_sections_come_in_the_order_of_the_paper(sections: tuple[Section, ...]) -> None:
    assert [section.id for section in sections] == [
        "study", "behavior", "quality", "group", "clusters", "regions", "correlations", "methods", "settings",
        "provenance",
    ]  # fmt: skip


def test_the_whole_page_has_every_figure_and_no_anchor_twice(sections: tuple[Section, ...]) -> None:
    html = render(ReportContent(title="T", subtitle="S", sections=sections))

    for name in ("fig1a", "fig1b", "event_raster", "fig1c", "fig2a", "fig2b", "fig2c"):
        assert html.count(f'<figure id="{name}"') == 1
    ids = [part.split('"', 1)[0] for part in html.split(' id="')[1:]]
    assert len(ids) == len(set(ids))
    assert "group × session" in html


def test_assumed_settings_carry_the_badge_in_the_settings_and_the_assumed_table(
    sections: tuple[Section, ...], study: Study, facts: RunFacts
) -> None:
    html = render(ReportContent(title="T", subtitle="S", sections=sections))

    assumed = [setting for setting in resolved(study, study.assumed) if setting.source == "assumed"]
    weak = int((checklist(study, facts)["source"] == "assumed").sum())
    # each in two tables, the items of the checklist that rest on them, and the legend
    assert html.count('<span class="source assumed">') == 2 * len(assumed) + weak + 1


def test_table_1_shows_mean_and_sem_and_downloads_numbers(study: Study) -> None:
    item = regions_section(study, MEANS).items[0]

    assert isinstance(item, TableItem)
    assert item.display is not None
    assert item.display.iloc[0].tolist() == ["Amygdala nuclei", "1.30 ± 0.20", "0.10 ± 0.30", 20]
    assert item.display.iloc[1, 2] == "–"
    frame = region_frame(MEANS)
    assert list(frame.columns) == [
        "region", "voxels", "ShA saline_mean", "ShA saline_sem", "LgA saline_mean", "LgA saline_sem",
    ]  # fmt: skip
    assert frame.loc[0, "LgA saline_sem"] == 0.3


def test_phases_name_what_of_them_is_assumed(study: Study) -> None:
    item = next(item for item in study_section(study, {"ShA": 11}).items if isinstance(item, TableItem))

    assert dict(zip(item.frame["phase"], item.frame["assumed"], strict=True)) == {
        "escalation": "–",
        "conditioning": "counted minutes",
        "cue test": "sessions, access",
        "extinction": "sessions, access",
        "reinstatement": "sessions, access",
    }


def test_panels_of_one_region_stand_in_one_row(sections: tuple[Section, ...]) -> None:
    row = sections[6].items[0]

    assert isinstance(row, FigureRow)
    assert [item.id for item in row.figures] == ["fig2a", "fig2b", "fig2c"]


def test_a_cluster_is_printed_with_its_peak_in_one_place_and_its_largest_regions() -> None:
    shown = clusters_display(CLUSTERS)
    assert list(shown.columns) == ["cluster", "voxels", "peak_place_mm", "regions"]
    assert shown["peak_place_mm"].tolist() == ["−1.25, 0, 4.5", "2, −3, 1"]
    assert shown["regions"].tolist() == [
        "Insula 99 (40 %); Habenula 70 (9 %); Peduncle 50 (8 %); 2 more in the file",
        "Insula 20",
    ]


def test_no_cluster_makes_an_empty_table() -> None:
    assert clusters_display(CLUSTERS[:0]).empty
