"""What a fit gives: tests as a table, maps as images, means, contrasts, corrected maps, clusters, figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from cuecircuit.api.arguments import Count, Names, Positive, Seed, Share, Threads, checked
from cuecircuit.api.correct import Corrected, correct_term
from cuecircuit.api.images import image_of
from cuecircuit.arrays import Array, Bool, Float
from cuecircuit.clusters.maxima import MapStatistic
from cuecircuit.errors import DesignError
from cuecircuit.models.direction import check_side, direction
from cuecircuit.models.evidence import EvidenceSettings, evidence, evidence_frame
from cuecircuit.models.fit import Fit, stratum_of, tidy_row
from cuecircuit.models.means import compare, contrasts, means
from cuecircuit.pipeline.anova import comparison_rows, mean_rows
from cuecircuit.records.grid import Grid
from cuecircuit.stats.comparisons import FamilyAdjustment
from cuecircuit.stats.term_test import TermTest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Result:
    """A fitted model of a table's column or of maps.

    `tests` has a row for each term and contrast; `maps` (of maps alone) images of F, p, z, effect and se by term.
    `notes` name who was left out and why, `roles` say what each column is, `directions` what is positive.
    """

    fit: Fit
    tests: pd.DataFrame
    notes: tuple[str, ...] = ()
    mask: Bool[Array, "x y z"] | None = None
    grid: Grid | None = None

    @property
    def roles(self) -> Mapping[str, str]:
        """Whether each column is a number or a factor, with its levels."""
        return self.fit.design.roles

    @property
    def directions(self) -> Mapping[str, str]:
        """What a positive effect of each test means: "ShA - LgA", "slope of age"."""
        named = {_name(test, self.fit.tests): direction(test, self.fit.design) for test in self.fit.tests}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def maps(self) -> dict[str, dict[str, Any]]:
        """Images of every test: F, p, z, and effect and se where it has one degree of freedom."""
        return {_name(test, self.fit.tests): self._images(test) for test in self.fit.tests}

    @checked
    def means(self, factors: Names, *, confidence: Share = 0.95) -> Any:
        """Marginal means of the levels of factors ("group:cue" or a list): a table, or of maps an image of each.

        Args:
            factors: names, a string where one term is meant.
            confidence: coverage of the intervals.

        Returns:
            DataFrame of levels, mean, se, df, ci_low and ci_high; of maps a dict of images by levels ("LgA:saline").

        Raises:
            DesignError: the model has no such factor.

        Examples:
            >>> import cuecircuit as cc, numpy as np, pandas as pd
            >>> rats = pd.DataFrame({"rat": list("abcdefgh"), "access": ["LgA", "ShA"] * 4, "presses": np.arange(8.0)})
            >>> fit = cc.fit(rats, "access", dv="presses", subject="rat")
            >>> fit.means("access")["mean"].round(6).tolist()
            [3.0, 4.0]
        """
        names = factors.split(":") if isinstance(factors, str) else list(factors)
        if not self._of_maps:
            return mean_rows(self.fit, names, confidence)
        table = means(self.fit, names, confidence=confidence)
        return {":".join(cell): self._image(table.mean[place]) for place, cell in enumerate(table.levels)}

    @checked
    def contrast(self, text: str) -> Any:
        """Test a contrast of levels or slopes, such as "LgA: naloxone - saline".

        Returns:
            A row of the test: effect in units of the response, se, low, high, df1, df2, F, p; of maps a dict of images
            F, p, z, effect, se.

        Raises:
            DesignError: levels or covariates that the model does not have.

        Examples:
            >>> import cuecircuit as cc, numpy as np, pandas as pd
            >>> rats = pd.DataFrame({"rat": list("abcdefgh"), "access": ["LgA", "ShA"] * 4, "presses": np.arange(8.0)})
            >>> fit = cc.fit(rats, "access", dv="presses", subject="rat")
            >>> round(fit.contrast("ShA - LgA")["effect"], 6)
            1.0
        """
        (test,) = contrasts(self.fit, [text])
        if self._of_maps:
            return self._images(test)
        row = tidy_row(test, 0, 0.95)
        return {"effect" if name == "estimate" else name: value for name, value in row.items()}

    @checked
    def compare(
        self,
        factors: Names,
        *,
        by: Names = (),
        reference: str | None = None,
        adjust: FamilyAdjustment = "holm",
    ) -> pd.DataFrame:
        """Compare the levels of factors, all pairs or each with a reference, of one response.

        Args:
            factors: names, or "group:cue"; a string where one is meant.
            by: factors in each of whose levels the others are compared.
            reference: level that each other is compared with.
            adjust: "holm", "bonferroni", "tukey", "dunnett" or "none", within each level of `by`.

        Returns:
            A row for each comparison: estimate, se, df, t, p, p_adjusted, simultaneous interval.

        Raises:
            DesignError: of maps, or factors or a reference that the model does not have.

        Examples:
            >>> import cuecircuit as cc, numpy as np, pandas as pd
            >>> rats = pd.DataFrame({"rat": list("abcdefgh"), "access": ["LgA", "ShA"] * 4, "presses": np.arange(8.0)})
            >>> fit = cc.fit(rats, "access", dv="presses", subject="rat")
            >>> fit.compare("access")["estimate"].round(6).tolist()
            [-1.0]
        """
        if self._of_maps:
            raise DesignError("comparisons of maps: ask for each with `contrast`")
        names, families = (each.split(":") if isinstance(each, str) else list(each) for each in (factors, by))
        return comparison_rows(compare(self.fit, names, by=families, reference=reference, adjustment=adjust))

    @checked
    def evidence(self, *, scale: Positive | None = None, equivalence: Positive | None = None) -> Any:
        """Weigh the evidence for and against every effect: Bayes factors, effect sizes, equivalence.

        Args:
            scale: of the Cauchy prior of standardized effects; √2/2 of one, ½ of several, √2/4 of a slope by default.
            equivalence: bound of |d| below which an effect is negligible.

        Returns:
            A row for each test: d with its limits, g, bf10, log_bf10, quantiles of the posterior of d, p_equivalence;
            of maps a dict of images d, dLow, dHigh, g, logBF10 and pequivalence by test.

        Raises:
            DesignError: the model has no one standard deviation to measure effects by.

        Examples:
            >>> import cuecircuit as cc, pandas as pd
            >>> table = pd.DataFrame({"rat": list("abcdefgh"), "presses": [3.0, 5, 4, 6, 2, 4, 5, 7]})
            >>> found = cc.fit(table, "1", dv="presses", subject="rat").evidence(equivalence=0.5)
            >>> found[["term", "d", "bf10"]].round(2)
                      term     d    bf10
            0  (Intercept)  2.81  283.85
        """
        settings = EvidenceSettings(scale=scale, bound=equivalence)
        if not self._of_maps:
            return evidence_frame(self.fit.tests, settings)
        images = {}
        for test in self.fit.tests:
            weighed = evidence(test, settings)
            named = {"d": weighed.d, "dLow": weighed.d_low, "dHigh": weighed.d_high, "g": weighed.g}
            named |= {"logBF10": weighed.log_bf10, "pequivalence": weighed.p_equivalence}
            images[_name(test, self.fit.tests)] = {
                name: self._image(values) for name, values in named.items() if values is not None
            }
        return images

    @checked
    def correct(
        self,
        term: str,
        *,
        method: Literal["simulation", "permutation"] = "simulation",
        statistic: MapStatistic = "size",
        voxel_p: Share = 0.001,
        alpha: Share = 0.05,
        sided: Literal["1", "2", "bi"] = "2",
        variance: Literal["auto", "equal", "groups"] = "auto",
        n: Count = 10_000,
        seed: Seed = 0,
        n_jobs: Threads = 1,
    ) -> Corrected:
        """Correct the map of a term for the number of voxels.

        Args:
            term: of `tests`.
            method: simulated null fields, or permutation.
            statistic: maximum that permutation corrects by.
            voxel_p: forms the clusters (0.001: Eklund et al. 2016, PNAS 113:7900).
            alpha: corrected level.
            sided: "1" positive t only, "2" both signs, "bi" clusters of one sign.
            variance: permutation takes all variances as equal, rotates subjects within groups, or asks the data.
            n: simulated fields or permutations.
            seed: the same gives the same numbers.
            n_jobs: threads; results do not depend on it.

        Returns:
            Images of the corrected p and of the clusters, and their table (mm³, mm).

        Raises:
            DesignError: there is no such term, it has no side to test, the method does not fit the model, or there is
                one response alone.
            DataError: nothing can be tested.
        """
        if self.mask is None or self.grid is None:
            raise DesignError("found no maps, and nothing to correct for; fit a column `map` with a mask")
        if sided == "1":
            check_side(self.fit.test(term), self.fit.design)
        settings = {"voxel_p": voxel_p, "alpha": alpha, "sided": sided, "seed": seed, "n_jobs": n_jobs}
        settings |= {"variance": variance}
        return correct_term(self.fit, term, self.mask, self.grid, method, statistic, n, settings)

    def clusters(self, term: str, **settings: Any) -> pd.DataFrame:
        """List the clusters of a term with their corrected p and signed peaks.

        Args:
            term: of `tests`.
            settings: of `correct`.

        Returns:
            A row for each cluster: voxels, mm3, p, peak_F, peak_t, peak_effect, and the peak's x, y, z in mm.

        Raises:
            DesignError: as `correct`.
        """
        return self.correct(term, **settings).clusters

    @checked
    def plot(self, term: str, statistic: str = "z") -> Any:
        """Draw a map of a term, or the means of its levels with their intervals.

        Args:
            term: of `tests`.
            statistic: of maps: "F", "p", "z", "effect" or "se".

        Returns:
            A matplotlib figure.

        Raises:
            DesignError: the model has no such factors.
        """
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 3), layout="constrained")
        if self._of_maps:
            image = self.maps.get(term, {}).get(statistic)
            if image is None:
                names = ", ".join(self.maps)
                raise DesignError(f"map '{statistic}' of '{term}': expected F, p, z, effect or se of {names}")
            data = np.asarray(image.dataobj)
            limit = float(np.nanmax(np.abs(data))) if np.isfinite(data).any() else 1.0
            middle = np.array(data.shape) // 2
            shared = {"origin": "lower", "cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
            views = figure.subplots(1, 3)
            drawn = [axes.imshow(data.take(middle[k], axis=k).T, **shared) for k, axes in enumerate(views)]
            for axes in views:
                axes.set_axis_off()
            figure.colorbar(drawn[-1], label=f"{term}: {statistic}")
            return figure
        table = self.means(term)
        labels = table.iloc[:, : len(term.split(":"))].agg(":".join, axis=1)
        axes = figure.subplots()
        axes.errorbar(labels, table["mean"], yerr=table["ci_high"] - table["mean"], fmt="o", capsize=4)
        axes.set_title(term)
        return figure

    def __repr__(self) -> str:
        """Return the tests, as the console shows them."""
        return self.tests.to_string(index=False)

    def _repr_html_(self) -> str:
        """Return the tests, as notebooks show them."""
        return self.tests.to_html(index=False)

    @property
    def _of_maps(self) -> bool:
        """Whether maps were fitted, or one column; the responses of an array are neither."""
        n = self.fit.responses.blocks[-1].stop
        if self.mask is None and n > 1:
            raise DesignError(
                f"found {n} responses of an array, expected one column or maps; their tests are in `result.fit.tests`, "
                "and `cuecircuit.models.means` has their means, contrasts and comparisons, from `result.fit`"
            )
        return self.mask is not None

    def _image(self, values: Float[Array, "voxel"]) -> Any:
        assert self.mask is not None
        assert self.grid is not None
        return image_of(values, self.mask, self.grid)

    def _images(self, test: TermTest) -> dict[str, Any]:
        if self.mask is None:
            raise DesignError("found no maps; numbers are in `tests`, and those of an array in `result.fit.tests`")
        values = {"F": test.f, "p": test.p, "z": test.z, "effect": test.estimate, "se": test.se}
        return {name: self._image(numbers) for name, numbers in values.items() if numbers is not None}


def _name(test: TermTest, tests: Sequence[TermTest]) -> str:
    """Name each test; a covariate that is tested in several strata has the stratum in its name."""
    several = sum(each.name == test.name for each in tests) > 1
    return f"{test.name} ({stratum_of(test)})" if several else test.name


def map_rows(fit: Fit) -> pd.DataFrame:
    """Summarize tests of maps: term, stratum, df, how many responses were tested, largest F, smallest p."""
    rows = []
    for test in fit.tests:
        tested = np.isfinite(test.f)
        df2 = np.broadcast_to(np.float64(test.df2), test.f.shape)[tested]
        rows.append(
            {
                "term": test.name,
                "stratum": stratum_of(test),
                "df1": test.df1,
                "df2": float(np.median(df2)) if tested.any() else np.nan,
                "n": int(tested.sum()),
                "largest F": float(test.f[tested].max()) if tested.any() else np.nan,
                "smallest p": float(test.p[tested].min()) if tested.any() else np.nan,
            }
        )
    return pd.DataFrame(rows)
