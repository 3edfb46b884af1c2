"""How many bytes of the page a figure of maps takes: a page of 25 of them can still be sent by mail."""

import numpy as np
from nilearn.datasets import load_mni152_template
from scipy import ndimage

from cuecircuit.figures.saving import rendered
from cuecircuit.figures.slices import slices_figure
from cuecircuit.records.grid import Grid
from cuecircuit.report.shown_picture import shown_picture

MOST_BYTES = 120_000
"""25 figures are 3 MB."""


def test_a_figure_of_two_maps_on_eight_slices_of_the_human_brain_is_small():
    image = load_mni152_template(resolution=2)
    anatomy = np.asarray(image.dataobj, float)
    grid = Grid(shape=anatomy.shape, affine=np.asarray(image.affine, float))
    brain = anatomy > 0.2
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(0, 1, anatomy.shape), 3)
    z = noise / noise[brain].std()
    figure = slices_figure(
        z, brain & (z > 3), brain, grid, anatomy=anatomy, anatomy_grid=grid, label="z", height=3.0, effect=z / 9,
        effect_label="Effect, %", positions_mm=np.linspace(-60, 50, 8).tolist(), columns=8,
    )  # fmt: skip
    assert len(shown_picture(rendered(figure).svg)) < MOST_BYTES
