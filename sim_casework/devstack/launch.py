"""Turns itself into one child of the stack: service user, and a signal when the parent dies. Run as a script; imports nothing of ours.

A script, because code between fork and exec is not safe in a process that has threads.
"""

import ctypes
import json
import os
import sys
from typing import TypedDict

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


class Terms(TypedDict):
    parent: int
    death_signal: int
    uid: int
    gid: int
    keep_reach: bool


def launch(terms: Terms, argv: list[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    if terms["uid"] != os.geteuid():
        if terms["keep_reach"] and libc is not None:
            _check(libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
        os.setgroups([])
        os.setgid(terms["gid"])
        os.setuid(terms["uid"])
        if terms["keep_reach"] and libc is not None:
            _keep_only_reach(libc)
    if libc is not None:
        # After the change of user, which clears it. A parent that died before this line sends nothing.
        _check(libc.prctl(PR_SET_PDEATHSIG, terms["death_signal"], 0, 0, 0))
        if os.getppid() != terms["parent"]:
            sys.exit("The parent has gone.")
    os.execv(argv[0], argv)


def _keep_only_reach(libc: ctypes.CDLL) -> None:
    """Of root's powers, keep the one of passing closed folders: the state may lie below root's home."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    reach = 1 << CAP_DAC_OVERRIDE
    # effective, permitted, inheritable; then the same for the upper 32.
    sets = (ctypes.c_uint32 * 6)(reach, reach, reach, 0, 0, 0)
    _check(libc.capset(header, sets))
    _check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0))


def _check(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


if __name__ == "__main__":
    launch(json.loads(sys.argv[1]), sys.argv[2:])
