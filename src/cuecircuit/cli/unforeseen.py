"""What nobody foresaw: one line on the terminal, the rest in a file that can be sent to us without the data."""

import os
import platform
import shlex
import tempfile
import traceback
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

import cuecircuit

STATUS = 70  # EX_SOFTWARE of sysexits.h


def write_report(words: list[str], error: BaseException) -> Path | None:
    """Write what is needed to find a fault of the program: the command, versions, and where it happened.

    Values are left out, messages of the exceptions with them, because they may quote the data.

    Returns:
        The file, in the working folder or else the system's for temporary files; None where neither can be written.
    """
    text = "\n".join(_report(words, error))
    name = f"cuecircuit-fault-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.txt"
    for folder in (Path.cwd, tempfile.gettempdir):
        try:
            path = Path(folder(), name)
            with path.open("x", encoding="utf-8", errors="replace") as file:
                file.write(text)
            return path
        except OSError:
            continue
    return None


def _report(words: list[str], error: BaseException) -> list[str]:
    lines = [
        f"command: {shlex.join(['cuecircuit', *words])}",
        f"cuecircuit {cuecircuit.__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"packages: {', '.join(sorted({f'{package.name} {package.version}' for package in distributions()}))}",
        "",
    ]
    link: BaseException | None = error
    while link is not None:
        lines += [f"{type(link).__module__}.{type(link).__qualname__}, raised at:"]
        lines += [line.rstrip() for line in traceback.format_tb(link.__traceback__)]
        link = link.__cause__ or link.__context__
    return lines
