"""`python -m cuecircuit`: the command line."""

from cuecircuit.cli import main

main()
