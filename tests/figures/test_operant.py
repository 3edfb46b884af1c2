"""Cumulative records, rasters and drug levels show every event where it happened."""

import numpy as np
import pytest

from cuecircuit.figures.operant import SessionEvents, cumulative_figure, drug_level_figure, raster_figure

LEVELS = ["ShA", "LgA"]


def session(label: str, group: str, infusions: list[float], hours: float = 1.0) -> SessionEvents:
    times = np.array(infusions)
    return SessionEvents(
        label=label,
        group=group,
        active_s=np.sort(np.concatenate([times, times + 5.0])),
        inactive_s=np.array([1000.0]),
        infusions_s=times,
        duration_s=hours * 3600,
    )


SESSIONS = [
    session("a", "ShA", [600.0, 1200.0]),
    session("b", "LgA", [60.0, 7200.0, 9000.0], 3.0),
    session("c", "LgA", []),
]


def test_a_cumulative_record_ends_at_the_number_of_presses_with_a_pip_at_each_infusion():
    axes = cumulative_figure(SESSIONS, LEVELS).axes[0]

    thick = [line for line in axes.lines if line.get_linewidth() == 1.1]
    assert [np.asarray(line.get_ydata())[-1] for line in thick] == [4, 6, 0]
    pips = next(line for line in axes.lines if line.get_gid() == "infusions-b")
    np.testing.assert_allclose(np.asarray(pips.get_xdata()) * 3600, [60, 7200, 9000])
    # the earning press is counted, the one five seconds later is not yet
    assert np.asarray(pips.get_ydata()).tolist() == [1, 3, 5]
    assert axes.get_xlim() == (0, 3)
    # two animals of one group differ in dash
    assert thick[1].get_linestyle() != thick[2].get_linestyle()


def test_a_raster_has_a_row_per_session_in_the_order_given():
    axes = raster_figure(SESSIONS, LEVELS).axes[0]

    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    ticks = [np.asarray(line.get_xydata()) for line in axes.lines if line.get_gid() == "ticks"]
    # infusions, active and inactive presses of each row
    assert [int(np.isnan(tick[:, 1]).sum()) for tick in ticks] == [2, 4, 1, 3, 6, 1, 0, 0, 1]
    np.testing.assert_allclose(ticks[0][:2], [[1 / 6, -0.46], [1 / 6, 0.0]])
    low, high = axes.get_ylim()
    assert low > high


def test_the_level_stands_above_its_ticks_with_its_threshold():
    times = [np.arange(0.0, s.duration_s, 60.0) for s in SESSIONS]
    levels = [np.linspace(0, 1, len(t)) for t in times[:2]] + [np.zeros(len(times[2]))]

    figure = drug_level_figure(
        SESSIONS, LEVELS, times, levels, thresholds_mg_kg=[0.4, 0.5, float("nan")], drug="Heroin"
    )

    assert len(figure.axes) == 3
    assert all(axes.get_xlim() == (0, 3) for axes in figure.axes)
    lines = [[line for line in axes.lines if line.get_gid() == "threshold"] for axes in figure.axes]
    assert [len(own) for own in lines] == [1, 1, 0]
    assert np.asarray(lines[0][0].get_ydata())[0] == pytest.approx(0.4)
    assert min(figure.axes[0].get_yticks()) >= 0
    assert figure.axes[1].get_title(loc="left") == "b (LgA)"
