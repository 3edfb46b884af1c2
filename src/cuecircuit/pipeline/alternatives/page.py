"""What the page shows of the alternatives, read from `OUT/alternatives` where they were run and are up to date."""

from pathlib import Path

from markupsafe import Markup

from cuecircuit.io.nifti import read_volume
from cuecircuit.io.tables import read_table
from cuecircuit.pipeline.alternatives.runs import FOLDER
from cuecircuit.pipeline.alternatives.tables import BEHAVIOR_ALPHA, GRID, MAP, choices_map, voxels_by_share
from cuecircuit.pipeline.job import Job
from cuecircuit.report.alternatives import AlternativeFacts, alternatives_section, grid_caption, map_caption
from cuecircuit.report.content import FigureItem, Section
from cuecircuit.study.study import Study


def alternative_outputs(job: Job) -> list[Path]:
    """Give the files of the alternatives that the page shows; none where none were run."""
    record = job.store.records().get(FOLDER)
    return [job.out / name for name in record["outputs"]] if record else []


def alternative_sections(job: Job) -> tuple[Section, ...]:
    """Make the section, or none."""
    if not alternative_outputs(job):
        return ()
    study, folder = job.study, job.out / FOLDER
    verdicts = read_table(folder / "verdicts.tsv", text=("kind", "result", "verdict", "deviant"))
    choices = read_table(folder / "choices.tsv", text=("choice", "setting", "value", "planned", "source", "reason"))
    facts = AlternativeFacts(
        choices=len(study.alternatives) + 1,
        verdicts={str(name): int(n) for name, n in verdicts["verdict"].value_counts().items()},
        alpha=study.correction.alpha,
        behavior_alpha=BEHAVIOR_ALPHA,
    )
    figures = [_figure(folder / GRID, "Figure of the alternatives", grid_caption(facts))]
    if isinstance(study, Study):
        count, _ = read_volume(folder / choices_map(study))
        shares = {name: int(kept.sum()) for name, kept in voxels_by_share(count.astype(int), facts.choices).items()}
        caption = map_caption(study.group.effect, facts, shares)
        figures.append(_figure(folder / MAP, "Figure of the voxels", caption))
    return (alternatives_section(facts, tuple(figures), verdicts=verdicts, choices=choices),)


def _figure(stem: Path, title: str, caption: Markup) -> FigureItem:
    return FigureItem(
        id=stem.name,
        title=title,
        caption=caption,
        alt=caption.striptags(),
        svg=stem.with_suffix(".svg").read_bytes(),
        png=stem.with_suffix(".png").read_bytes(),
        tsv=stem.with_suffix(".tsv").read_text(encoding="utf-8"),
        wide=True,
    )
