"""Finds and ends processes that a step left behind.

The runner is a subreaper: whatever outlives its parent, a daemon or a shim
that a failed test forgot, becomes a child of the runner and is found here.
"""

import ctypes
import os
import pathlib
import signal
import time

_PR_SET_CHILD_SUBREAPER = 36


def adopt():
    """From now on orphans among our descendants come to this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _children():
    """(pid, name, state) of each child."""
    me = os.getpid()
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # It ended meanwhile.
        # The name is in parentheses and may contain some.
        before, _, after = text.rpartition(")")
        state, parent = after.split()[:2]
        if int(parent) == me:
            yield int(before.split()[0]), before.partition("(")[2], state


def end_all(timeout_s=20):
    """Kills and reaps every child; returns the names of those that lived."""
    names = []
    deadline = time.monotonic() + timeout_s
    while children := list(_children()):
        for pid, name, state in children:
            if state != "Z":
                names.append(f"{name}({pid})")
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            break
        # Children of what was killed arrive as soon as it is gone.
        time.sleep(0.01)
    return sorted(set(names))
