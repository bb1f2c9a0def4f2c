#!/usr/bin/env python3
"""Checks that code that runs after clone() needs nothing but a list of libc.

Reads the undefined symbols of the objects of caisson_init and of the plan view
that the child reads. A symbol that is neither in init_symbols.txt nor defined
by one of these objects is refused: operator new, a lock, an absl function.
"""

import pathlib
import re
import subprocess

import lint_tree

# Object files, relative to the build directory.
OBJECTS = [
    "**/caisson_init.dir/**/*.o",
    "**/caisson_plan_view.dir/view.cc.o",
]


def symbols(path, option):
    done = subprocess.run(
        ["nm", option, "--format=posix", path],
        capture_output=True, text=True, check=True)
    return {line.split()[0] for line in done.stdout.splitlines()}


def allow_list():
    here = pathlib.Path(__file__).resolve().parent
    text = (here / "init_symbols.txt").read_text()
    return set(re.sub(r"#.*", "", text).split())


def main():
    args = lint_tree.arguments(__doc__, build=True)
    build = pathlib.Path(args.build)
    objects = sorted(p for glob in OBJECTS for p in build.glob(glob))
    if not objects:
        lint_tree.finish([f"{build}: no object of caisson_init to look at"])
    known = allow_list()
    for path in objects:
        known |= symbols(path, "--defined-only")
    lint_tree.finish(
        f"{path.name}: needs {name} (not in init_symbols.txt)"
        for path in objects
        for name in sorted(symbols(path, "--undefined-only") - known))


if __name__ == "__main__":
    main()
