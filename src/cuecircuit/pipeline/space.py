"""The space of a study: its atlas with the names of the regions."""

from pathlib import Path

from cuecircuit.io.label_table import read_label_table
from cuecircuit.io.nifti import read_atlas
from cuecircuit.pipeline.job import StudyFiles
from cuecircuit.records.atlas import Atlas


def read_space_atlas(files: StudyFiles) -> Atlas:
    """Read the atlas of the study's space with its names.

    Raises:
        DataError: the label table lacks a column, or labels and names do not match.
    """
    return read_named_atlas(files.path(files.study.space.atlas), files.path(files.study.space.labels))


def read_named_atlas(path: Path, labels: Path) -> Atlas:
    """Read an atlas with the names of its labels, in any form that `read_label_table` knows.

    Raises:
        DataError: the label table cannot be read, or a label has no name.
    """
    return read_atlas(path, read_label_table(labels))
