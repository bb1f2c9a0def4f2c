"""The guest's part: can it run here, and what did it say."""

import pathlib
import shutil

import results as results_lib

PROGRAMS = ["qemu-system-x86_64", "mmdebstrap", "mkfs.ext4", "cpio", "depmod"]


def obstacle():
    """Why the guest cannot run here; None when it can."""
    missing = [p for p in PROGRAMS if shutil.which(p) is None]
    if missing:
        return ("cannot be built: " + ", ".join(missing) + " could not be "
                "installed (--no-guest leaves the guest out)")
    return None


def read_results(folder):
    """The results that came back: XML and exit status of each program."""
    found = []
    for status in sorted(pathlib.Path(folder).glob("*.status")):
        program = status.stem
        code = status.read_text(encoding="ascii").strip()
        why = "did not end" if code == "running" else f"exit status {code}"
        found += results_lib.read_gtest(
            status.with_suffix(".xml"), program, code == "0", why)
    return found
