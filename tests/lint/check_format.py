#!/usr/bin/env python3
"""Checks that every C++ file is formatted as .clang-format says."""

import re
import subprocess

import lint_tree

TOOL = "clang-format-14"


def main():
    args = lint_tree.arguments(__doc__)
    tree = lint_tree.Tree(args.root)
    names = tree.files(".cc", ".h")
    if not names:
        lint_tree.finish(["no C++ file in the tree"])
    done = subprocess.run(
        [TOOL, "--dry-run", "-Werror", "--style=file", *names],
        cwd=tree.root, capture_output=True, text=True, check=False)
    bad = re.findall(r"^([^:\s]+):(\d+):\d+: error", done.stderr, re.M)
    if done.returncode and not bad:
        raise RuntimeError(done.stderr)
    first = {}
    for name, line in bad:
        first.setdefault(name, line)
    lint_tree.finish(
        f"{name}:{line}: not formatted ({TOOL} -i {name})"
        for name, line in sorted(first.items()))


if __name__ == "__main__":
    main()
