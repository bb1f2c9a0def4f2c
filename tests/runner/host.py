"""What this machine is, and whether it can run containers at all."""

import os
import pathlib
import subprocess
import tempfile

_PIVOT = 'mount -t tmpfs none "$1"; cd "$1"; mkdir old; pivot_root . old'


def obstacle():
    """Why no container can run here; None when nothing speaks against it."""
    if os.geteuid() != 0:
        return "not root: containers need namespaces, mounts and cgroups"
    if not os.path.exists("/proc/self/ns/pid"):
        return "/proc is not mounted"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private",
             "sh", "-ec", _PIVOT, "sh", folder],
            capture_output=True, text=True, check=False)
    if done.returncode:
        return ("pivot_root does not work here, and no container starts "
                "without it. In a plain chroot that is so: enter the root "
                "with new mount and pid namespaces and pivot_root instead. "
                f"({done.stderr.strip()})")
    return None


def cgroup_kind():
    """"v2" where the unified hierarchy has the controllers, else "v1"."""
    controllers = pathlib.Path("/sys/fs/cgroup/cgroup.controllers")
    if controllers.is_file() and "memory" in controllers.read_text().split():
        return "v2"
    return "v1"
