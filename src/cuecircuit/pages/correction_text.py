"""How the Methods text says what kept false clusters away."""

from collections.abc import Callable
from pathlib import Path

from markupsafe import Markup

from cuecircuit.figures.numbers import effect_text, number, short, threshold
from cuecircuit.io.tables import read_table
from cuecircuit.pages.map_pictures import shown_effect
from cuecircuit.pages.sentences import uneven_sentence
from cuecircuit.study.acquisition import Correction
from cuecircuit.study.questions import AnyQuestion

_NEIGHBORS = {6: "faces", 18: "faces or edges", 26: "faces, edges or corners"}
_STATISTICS = {"size": "size", "mass": "mass (Bullmore et al. 1999)"}


def _compared(statistic: str, clusters: Markup, touch: Markup) -> Markup:
    """Begin a sentence with what is compared with rearrangements."""
    if statistic == "voxel":
        return Markup("The statistic of each voxel was")
    if statistic == "tfce":
        text = "Each voxel's threshold-free cluster enhancement (neighbors share {}; Smith and Nichols 2009) was"
        return Markup(text).format(touch)
    return Markup("{} were, by their {},").format(clusters, _STATISTICS[statistic])


def correction_text(
    correction: Correction, at: str, said: Callable[[str, object], Markup], question: AnyQuestion, folder: Path
) -> Markup:
    """Describe what kept false clusters away, with the smoothness and smallest cluster of the effect that is shown."""
    alpha = said(f"{at}.alpha", threshold(correction.alpha))
    if correction.method == "none":
        return Markup("Not corrected for the number of voxels.")
    if correction.method == "fdr":
        return Markup("Voxels: false discovery rate {} (Benjamini and Hochberg 1995).").format(alpha)
    height = (
        said(f"{at}.voxel_p", f"p < {threshold(correction.voxel_p)}")
        if correction.voxel_p is not None
        else said(f"{at}.voxel_z", f"Z > {number(correction.voxel_z or 0)}")
    )
    touch = said(f"{at}.connectivity", _NEIGHBORS[correction.connectivity])
    clusters = Markup("Clusters of voxels with {} that touch by {}").format(height, touch)
    draws = said(f"{at}.draws", short(correction.draws))
    if correction.method == "permutation":
        return Markup(
            "{} compared with the largest of each of {} rearrangements of the subjects (all of them where fewer are "
            "distinct; Freedman and Lane 1983; Nichols and Holmes 2002; Winkler et al. 2014); corrected p ≤ {}."
        ).format(_compared(correction.statistic, clusters, touch), draws, alpha)
    terms = read_table(folder / "terms.tsv", text=("term", "prefix", "stratum"))
    shown = shown_effect(question, terms)
    smoothness = read_table(folder / "smoothness.tsv", text=("stratum",))
    of_stratum = smoothness[smoothness["stratum"] == shown["stratum"]] if "stratum" in smoothness else smoothness
    row = (of_stratum if len(of_stratum) else smoothness).iloc[0]
    field = f"FWHM {number(row['fwhm_mm'])} mm"
    if correction.smoothness == "acf" and "a" in row:
        field = (
            f"mixed autocorrelation model of Cox et al. (2017), a = {number(row['a'])}, b = {number(row['b_mm'])} mm, "
            f"c = {number(row['c_mm'])} mm; {field}"
        )
    return Markup(
        "Smoothness of the residuals ({}; {}). {} that are as large as this noise makes them in fewer than {} of {} "
        "null fields are reported: {} voxels or more, corrected p ≤ {}.{}"
    ).format(
        effect_text(str(shown["term"])),
        said(f"{at}.smoothness", field),
        clusters,
        f"{short(100 * correction.alpha)} %",
        draws,
        number(float(shown["cluster_size"]), 1),
        alpha,
        uneven_sentence(float(row["unevenness"])),
    )
