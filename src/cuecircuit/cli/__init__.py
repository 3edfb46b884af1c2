"""One command for each file of the pipeline; an error becomes clear lines on stderr.

Exit status: 0 done, 1 the data or the study is at fault, 2 the command line is at fault.
"""

import sys

# importing them adds their commands
from cuecircuit.cli import fit, groups, plan, scans, studies, tables, voxels  # noqa: F401
from cuecircuit.cli.app import app
from cuecircuit.cli.examples import add_examples
from cuecircuit.errors import CuecircuitError

add_examples(app)


def main() -> None:
    """Run the command line; `--verbose` may stand anywhere."""
    verbose = "--verbose" in sys.argv
    arguments = [word for word in sys.argv[1:] if word != "--verbose"]
    try:
        app(arguments, prog_name="cuecircuit")
    except CuecircuitError as error:
        if verbose:
            raise
        notes = getattr(error, "__notes__", [])
        for fault in error.faults:
            print("cuecircuit:", fault, *notes, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("cuecircuit: stopped; what was finished is kept and will not be done again", file=sys.stderr)
        sys.exit(130)
