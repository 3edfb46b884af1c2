"""Does any broken or hostile input end in a traceback, a hang, or a result without a word?

Each input is made in a folder of its own and given to the command in a process with bounds on time and memory, forked
from one that has imported its modules. TSV on stdout: kind, input, command, exit status, seconds of the processor, MB,
verdict. Verdicts that are faults of the program:

    traceback   an exception that nobody foresaw, or the path of a source file on stderr
    hang        more than 30 s of the processor, or no end
    memory      more than 2 GB
    touched     a file beside OUT was changed, deleted or made
    silent      a result without a word about what is broken
    unnamed     a refusal that does not name what is at fault

    python validation/broken_inputs.py [--kind KIND ...] [--show] > broken_inputs.tsv
"""

import argparse
import contextlib
import hashlib
import importlib
import io
import os
import re
import resource
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NoReturn

from broken import CASES
from broken.case import Broken
from broken.folders import PERMUTED, everything

from cuecircuit.cli import app, main
from cuecircuit.errors import CuecircuitError

LIMIT_S, LIMIT_MB, ADDRESS_SPACE = 30, 2000, 16 * 2**30
MODULES = (
    *("formulaic", "openpyxl", "pynwb", "h5py", "cuecircuit.planning.plan", "cuecircuit.fitting.compare_models"),
    *("cuecircuit.api.studies", "cuecircuit.pipeline.anova", "cuecircuit.pipeline.map_tests.command"),
    *("cuecircuit.pipeline.sessions", "cuecircuit.nodes.run", "cuecircuit.nodes.check", "cuecircuit.nodes.quality"),
)
MIXED = (
    "anova",
    "t.tsv",
    "--dv",
    "y",
    "--subject",
    "rat",
    "--formula",
    "group*cue + (1|rat)",
    "--contrast",
    "LgA - ShA",
)
FAULTS = ("traceback", "hang", "memory", "touched", "silent", "unnamed")
OUT = "out"


def contents(folder: Path) -> dict[str, str]:
    """Return a hash of every file that is not below OUT; links and pipes by what they are."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if name.split("/")[0] == OUT or path.is_dir():
            continue
        whole = path.is_file() and not path.is_symlink()
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if whole else "link or pipe"
    return found


def warm_up() -> None:
    """Import what commands import, once; processes forked from here begin with it."""
    with contextlib.suppress(SystemExit, CuecircuitError), contextlib.redirect_stdout(io.StringIO()):
        app(["audit", "F(9,171)=4.25, P=0.002"], prog_name="cuecircuit")
    for name in MODULES:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as name:  # loops are compiled once, in a process without bounds
        everything(Path(name))
        for words in (MIXED, PERMUTED):
            run(Broken(kind="", name="", words=words, says="", make=everything), Path(name), bounded=False)


def command(words: tuple[str, ...], folder: Path, printed: int, *, bounded: bool = True) -> NoReturn:
    """Run a command in the process of its own that this is."""
    os.setsid()
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", errors="replace"), os.fdopen(2, "w", errors="replace", buffering=1)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    if bounded:
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))
    sys.argv = ["cuecircuit", *words]
    status: int | str | None = 70
    try:
        main()
    except SystemExit as ended:
        status = ended.code
    finally:
        sys.stdout.flush()
        os._exit(status if isinstance(status, int) else 0)


def run(case: Broken, folder: Path, *, bounded: bool = True) -> tuple[int, float, float, str]:
    """Return the status, seconds of the processor, MB and everything printed."""
    with tempfile.TemporaryFile("w+", errors="replace") as printed:
        child = os.fork()
        if not child:
            command(case.words, folder, printed.fileno(), bounded=bounded)
        signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGKILL))
        signal.alarm(20 * LIMIT_S)  # what waits uses no time of the processor
        _, status, usage = os.wait4(child, 0)
        signal.alarm(0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        printed.seek(0)
        seconds = usage.ru_utime + usage.ru_stime
        return os.waitstatus_to_exitcode(status), seconds, usage.ru_maxrss / 1024, printed.read()


def verdict(case: Broken, status: int, mb: float, printed: str, *, touched: bool) -> str:
    """Return one of the faults, or how the command took the input."""
    if status in (-signal.SIGKILL, -signal.SIGXCPU):
        return "hang"
    if status not in (0, 1, 2) or "Traceback (" in printed or re.search(r"\.py:\d+", printed):
        return "traceback"
    if mb > LIMIT_MB:
        return "memory"
    if touched:
        return "touched"
    if status not in case.status:
        return "silent" if status == 0 else "unnamed"
    if not re.search(case.says, printed):
        return "silent" if status == 0 else "unnamed"
    return "reported" if status == 0 else "refused"


def table() -> None:
    """Try every input of the kinds that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", action="append")
    parser.add_argument("--show", action="store_true", help="print what each command printed, on stderr")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    warm_up()
    print("kind", "input", "command", "exit", "seconds", "mb", "verdict", sep="\t")
    for case in CASES:
        if options.kind and case.kind not in options.kind:
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            case.make(folder)
            before = contents(folder)
            status, seconds, mb, printed = run(case, folder)
            end = verdict(case, status, mb, printed, touched=contents(folder) != before)
        counts[end] += 1
        words = case.words[0]
        print(case.kind, ascii(case.name), words, status, f"{seconds:.1f}", f"{mb:.0f}", end, sep="\t", flush=True)
        if options.show or end in FAULTS:
            print(f"--- {case.kind}: {case.name}: {end}\n{printed[:1500]}", file=sys.stderr, flush=True)
    print(f"{sum(counts.values())} inputs: {dict(counts)}", file=sys.stderr)
    sys.exit(any(counts[fault] for fault in FAULTS))


if __name__ == "__main__":
    table()
