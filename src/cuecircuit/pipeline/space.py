"""An atlas with the names of its regions."""

from pathlib import Path

from cuecircuit.io.label_table import read_label_table
from cuecircuit.io.nifti import read_atlas
from cuecircuit.records.atlas import Atlas


def read_named_atlas(path: Path, labels: Path) -> Atlas:
    """Read an atlas with the names of its labels, in any form that `read_label_table` knows.

    Raises:
        DataError: the label table cannot be read, or a label has no name.
    """
    return read_atlas(path, read_label_table(labels))
