"""Commands that pack results for archives: maps for NeuroVault, a whole run for any other."""

from pathlib import Path
from typing import Annotated

import typer

from cuecircuit.cli.app import app, print_table


@app.command()
def share(
    results: Annotated[Path, typer.Argument(help="Folder of `cuecircuit group`, of one question, or of a whole run.")],
    out: Annotated[Path, typer.Argument(help="The zip to write.")],
    template: Annotated[
        str, typer.Option(help="Space of the maps, as NeuroVault calls it: MNI152NLin2009cAsym, GenericMNI, ...")
    ],
    modality: Annotated[str, typer.Option(help="As NeuroVault calls it.")] = "fMRI-BOLD",
    paradigm: Annotated[str, typer.Option(metavar="ID", help="Task of the Cognitive Atlas: trm_...")] = "",
    paradigm_url: Annotated[str, typer.Option(metavar="URL", help="Page that describes the task.")] = "",
) -> None:
    """Pack the maps of every test with NeuroVault's metadata into a zip; TSV of the images on stdout."""
    from cuecircuit.pipeline.share import SharedAs
    from cuecircuit.pipeline.share import share as pack

    about = SharedAs(template=template, modality=modality, paradigm=paradigm, paradigm_url=paradigm_url)
    print_table(pack(results, out, about))


@app.command()
def deposit(
    results: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    out: Annotated[Path, typer.Argument(help="Folder of the package; an older one is replaced.")],
) -> None:
    """Pack a run for an archive: README, license, data dictionary, RO-Crate of all; the dictionary on stdout."""
    from cuecircuit.pipeline.package import deposit as pack

    print_table(pack(results, out))
