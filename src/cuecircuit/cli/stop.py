"""Stop a command by a signal: scratch is removed, workers end, all within seconds.

SIGINT (Ctrl-C), SIGTERM (schedulers, `kill`) and SIGHUP (a closed terminal) are alike. Where compiled code keeps the
command from ending in time, it is ended from a thread of its own; scratch is then swept by the next command.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE_S = 1.0


class Stopped(BaseException):
    """A signal asked the command to stop; not an `Exception`, so that nothing on the way takes it for a fault."""

    def __init__(self, number: int) -> None:
        """Keep the number of the signal."""
        super().__init__(number)
        self.number = number

    @property
    def status(self) -> int:
        """Exit status by the convention of shells."""
        return 128 + self.number

    def __str__(self) -> str:
        """Describe what happened in one line."""
        return f"stopped ({signal.Signals(self.number).name}); what was finished is kept and will not be done again"


def heed_signals() -> None:
    """Raise `Stopped` in the main thread at the first signal; those that the caller ignores (nohup) stay ignored."""
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heeded:
        signal.signal(number, _stop)
    sys.unraisablehook = _unraisable
    # joblib's tracker of shared memory puts killed workers in order, and would say so in three lines
    quiet = "ignore:resource_tracker:UserWarning"
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), quiet)))
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_enforce, args=(reading, frozenset(heeded)), daemon=True).start()


def _stop(number: int, _: FrameType | None) -> None:
    for later in _SIGNALS:
        signal.signal(later, signal.SIG_IGN)  # the first is being heeded
    raise Stopped(number)


def _unraisable(fault: "sys.UnraisableHookArgs") -> None:
    """Keep silent where the stop came in a finalizer, which Python goes on after: `_enforce` ends the command."""
    if not isinstance(fault.exc_value, Stopped):
        sys.__unraisablehook__(fault)


def _enforce(reading: int, heeded: frozenset[int]) -> None:
    """End the workers at a signal, and the process if it has not ended by itself some time after."""
    while (number := os.read(reading, 1)[0]) not in heeded:
        pass
    for worker in multiprocessing.active_children():  # what they were at is undone, and swept
        if worker.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)
    time.sleep(_PATIENCE_S)
    print(f"cuecircuit: {Stopped(number)}", file=sys.stderr, flush=True)
    os._exit(Stopped(number).status)
