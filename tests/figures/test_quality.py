from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from cuecircuit.figures.quality import DirectionsView, QualityPage, ScanMeasure, quality_overview, quality_page


def page(**changes):
    rng = np.random.default_rng(1)
    mask = np.zeros((10, 9, 6), bool)
    mask[2:8, 2:7, 1:5] = True
    volume = np.where(mask, 100.0, 5.0)
    return QualityPage(
        **{
            "title": "sub-7 run-1",
            "tr_s": 2.0,
            "mean": volume,
            "tsnr": np.where(mask, 40.0, np.nan),
            "mask": mask,
            "series": 100 + rng.standard_normal((50, int(mask.sum()))),
            "framewise_mm": rng.random(49),
            "dvars_percent": rng.random(49),
            "design": rng.random((50, 3)),
            "design_names": ["saline", "naloxone", "constant"],
            "blocks_s": [(20.0, 40.0), (60.0, 80.0)],
            "breath_s": np.arange(0.0, 100.0, 0.7),
            "breaths_per_min": np.full(143, 85.0),
        }
        | changes
    )


def panel(figure, label):
    return next(axes for axes in figure.axes if label in (axes.get_ylabel(), axes.get_title()))


def test_motion_jumps_and_breathing_are_drawn_over_the_blocks():
    shown = page()

    figure = quality_page(shown)

    motion = panel(figure, "displacement\n(mm)")
    np.testing.assert_allclose(motion.lines[0].get_ydata(), shown.framewise_mm)
    np.testing.assert_allclose(motion.lines[0].get_xdata()[:2], [2.0, 4.0])
    for label in ("displacement\n(mm)", "DVARS (%)", "breaths/min"):
        assert len(panel(figure, label).patches) == 2
        assert panel(figure, label).get_ylim()[0] == 0


def test_the_carpet_is_sorted_by_tissue_and_has_a_scale():
    white = np.zeros((10, 9, 6), bool)
    white[2:4, 2:7, 1:5] = True
    shown = page(tissues={"white_matter": white})
    shown.series[:, white[shown.mask]] *= np.linspace(0.97, 1.03, 50)[:, None]

    axes = panel(quality_page(shown), "carpet, percent of the mean of each voxel")

    (image,) = axes.images
    rows = image.get_array()
    assert [text.get_text() for text in axes.texts] == ["other voxels", "white matter"]
    (edge,) = axes.lines
    start = int(edge.get_ydata()[0])
    slopes = rows[:, -10:].mean(axis=1) - rows[:, :10].mean(axis=1)
    assert (slopes[start:] > 3).all()
    assert (slopes[:start] < 3).all()
    assert len(rows) - start == white.sum()
    assert image.colorbar is not None


def test_names_of_narrow_tissues_do_not_lie_on_one_another():
    masks = {}
    for number, name in enumerate(("white_matter", "ventricles"), 2):
        masks[name] = np.zeros((10, 9, 6), bool)
        masks[name][number, 2:4, 1] = True

    figure = quality_page(page(tissues=masks))
    FigureCanvasAgg(figure).draw()

    texts = panel(figure, "carpet, percent of the mean of each voxel").texts
    boxes = [Text.get_window_extent(text) for text in texts]  # without the line that points at the rows
    assert len(boxes) == 3
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


@pytest.mark.parametrize(("columns", "names"), [(34, 34), (60, 4)])
def test_columns_of_the_design_are_named_and_many_of_one_kind_share_a_name(columns, names):
    labels = ["drug", "neutral", *(f"a_comp_cor_{number:02d}" for number in range(columns - 3)), "constant"]
    design = np.random.default_rng(2).random((50, columns))

    axes = panel(
        quality_page(page(design=design, design_names=labels)), "design and nuisance, each column centered and scaled"
    )

    shown = [label.get_text() for label in axes.get_xticklabels()]
    assert len(shown) == names
    assert shown[:2] == ["drug", "neutral"]
    assert columns == 34 or shown[2] == "a_comp_cor (57)"


def test_a_brain_of_one_brightness_is_no_white_hole():
    axes = panel(quality_page(page()), "mean, outline of the mask")
    (image,) = axes.images
    assert image.norm(100.0) < 0.9


def test_both_directions_are_shown_with_their_agreement():
    images = np.random.default_rng(3).random((4, 10, 9, 6)) * 100
    view = DirectionsView(
        measured=(images[0], images[1]),
        corrected=(images[2], images[2]),
        displacement_mm=images[3] / 50,
        agreement=(0.712, 0.934),
        largest_mm=2.0,
    )

    figure = quality_page(page(directions=view))

    titles = [axes.get_title() for axes in figure.axes]
    before, after = (next(title for title in titles if state in title) for state in ("as measured", "corrected, %"))
    assert ("r = 0.71" in before, "r = 0.93" in after) == (True, True)
    (corrected,) = panel(figure, after).images
    assert np.abs(corrected.get_array()).max() == 0
    assert any("at most 2 in the head" in title for title in titles)


def test_what_was_not_recorded_is_said():
    figure = quality_page(page(framewise_mm=None, breath_s=np.empty(0), breaths_per_min=np.empty(0)))

    assert [text.get_text() for text in panel(figure, "displacement\n(mm)").texts] == ["no motion parameters"]
    assert "breaths/min" not in [axes.get_ylabel() for axes in figure.axes]
    assert panel(figure, "DVARS (%)").get_xlabel() == "time (s)"


def test_the_overview_names_only_scans_that_stand_out_and_leaves_out_what_nobody_has():
    names = [f"rat{number} 1" for number in range(4)]
    tsnr = ScanMeasure(
        label="tSNR", values=np.array([30.0, 31, 12, 30]), stands_out=np.array([False, False, True, False])
    )
    motion = ScanMeasure(label="displacement", values=np.full(4, np.nan), stands_out=np.zeros(4, bool))

    figure = quality_overview(names, {"ShA": [0, 1], "LgA": [2, 3]}, [tsnr, motion])

    (axes,) = figure.axes
    assert axes.get_title() == "tSNR"
    assert [text.get_text() for text in axes.texts] == ["rat2 1"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["ShA", "LgA"]


def test_names_of_scans_that_stand_out_at_the_same_height_do_not_lie_on_one_another():
    names = [f"LgA{number:02d} 2" for number in range(10)]
    values = np.r_[np.linspace(4.04, 4.05, 6), 4.065, 4.065, 4.065, 4.064]
    dvars = ScanMeasure(label="DVARS (%)", values=values, stands_out=np.arange(10) > 5)

    figure = quality_overview(names, {"LgA": range(10)}, [dvars] * 3)
    FigureCanvasAgg(figure).draw()

    for axes in figure.axes:
        assert axes.get_ylim()[0] == 0
        boxes = [Text.get_window_extent(text) for text in axes.texts]  # without the line that points at the dot
        assert len(boxes) == 4
        assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_many_names_of_scans_and_long_names_of_groups_do_not_lie_on_one_another():
    names = [f"LgA{number:02d} late {number % 2 + 1}" for number in range(42)]
    out = np.isin(np.arange(42), [*range(12), 18, 30, 41])
    values = np.where(out, 21.0, 30.0) + np.random.default_rng(0).random(42)
    groups = {
        "heroin self-administration": range(20),
        "saline self-administration": range(20, 36),
        "excluded": range(36, 42),
    }

    figure = quality_overview(names, groups, [ScanMeasure(label="tSNR", values=values, stands_out=out)] * 4)
    FigureCanvasAgg(figure).draw()

    for axes in figure.axes:
        named = [Text.get_window_extent(text) for text in axes.texts]
        below = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert (len(named), len(below)) == (15, 3)
        assert not any(a.overlaps(b) for a, b in combinations([*named, *below], 2))
        assert not any(axes.bbox.x0 < box.x0 < axes.bbox.x1 for box in named)
        assert axes.bbox.height > 100
