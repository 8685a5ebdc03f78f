"""Ctrl-C under `make`: the terminal's signals reach the supervisor alone, so that a wanted end is no failure of make's."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def terminal_to_ourselves() -> Iterator[None]:
    """Without a terminal, or started straight from a shell, this changes nothing."""
    shared = os.getpgrp()
    terminal = _open_terminal()
    try:
        if terminal is None or shared == os.getpid() or os.tcgetpgrp(terminal) != shared:
            yield
            return
        os.setpgid(0, 0)
        _hand_over(terminal, os.getpgrp())
        # Nobody above us would notice that we were suspended, nor wake us.
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        try:
            yield
        finally:
            _hand_over(terminal, shared)
    finally:
        if terminal is not None:
            os.close(terminal)


def _open_terminal() -> int | None:
    try:
        return os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None


def _hand_over(terminal: int, group: int) -> None:
    # A background process that touches the terminal is stopped unless it ignores this.
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        os.tcsetpgrp(terminal, group)
    finally:
        signal.signal(signal.SIGTTOU, before)
