"""The files of a tree and the way a check reports: shared by all checks.

A check is a program `check_x --root DIR [--build DIR]` that prints one finding
a line and exits with CLEAN, FOUND or SKIPPED; anything else means that the
check itself is broken.
"""

import argparse
import pathlib
import subprocess
import sys

CLEAN, FOUND, SKIPPED = 0, 1, 77


class Tree:
    """The tracked files of a checkout, or every file of a plain folder."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()

    def files(self, *suffixes):
        """Paths relative to the root, sorted; all of them without suffixes."""
        names = self._tracked()
        if names is None:
            names = [
                str(p.relative_to(self.root))
                for p in self.root.rglob("*")
                if p.is_file()
            ]
        return sorted(
            n
            for n in names
            if (not suffixes or n.endswith(suffixes))
            and (self.root / n).is_file()
        )

    def lines(self, name):
        """(number, text) for each line; nothing for a binary file."""
        data = (self.root / name).read_bytes()
        if b"\0" in data:
            return []
        text = data.decode("utf-8", errors="replace")
        return list(enumerate(text.splitlines(), 1))

    def git(self, *args):
        """Standard output of a git command, or None when it fails."""
        done = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", self.root, *args],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout if done.returncode == 0 else None

    def _tracked(self):
        top = self.git("rev-parse", "--show-toplevel")
        if top is None or pathlib.Path(top.strip()) != self.root:
            return None
        # Untracked files too, so that a check speaks before the commit.
        return self.git(
            "ls-files", "--cached", "--others", "--exclude-standard"
        ).splitlines()


def arguments(doc, *, build=False, add=None):
    """Parses the command line that all checks share."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--root", required=True)
    parser.add_argument("--build", required=build)
    if add:
        add(parser)
    return parser.parse_args()


def finish(findings):
    """Prints what was found and leaves with the status that says so."""
    found = list(findings)
    print(*found, sep="\n")
    sys.exit(FOUND if found else CLEAN)


def skip(reason):
    """Leaves without having checked; the caller decides whether it may."""
    print(reason)
    sys.exit(SKIPPED)
