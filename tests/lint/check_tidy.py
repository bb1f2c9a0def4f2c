#!/usr/bin/env python3
"""Runs clang-tidy: on changed files, or on all with --all.

Changed is what differs from the base of the work (lint_base.py). Headers are
read through the files that include them. Needs a build directory that was
configured with clang and whose generated headers exist.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess

import lint_base
import lint_tree

TOOL = "clang-tidy-14"


def add_options(parser):
    parser.add_argument("--all", action="store_true")


def wanted(tree, names, everything):
    """Of the compiled files, those that changed or include what changed."""
    if everything:
        return names
    changed = set(lint_base.changed(tree))
    headers = [n for n in changed if n.endswith(".h")]
    pattern = re.compile(
        r'#include "(' + "|".join(map(re.escape, headers)) + r')"')

    def touched(name):
        return name in changed or (headers and any(
            pattern.match(text) for _, text in tree.lines(name)))

    return [n for n in names if touched(n)]


def tidy(tree, build, name):
    """Findings of one file."""
    done = subprocess.run(
        [TOOL, "--quiet", "-p", build, name],
        cwd=tree.root, capture_output=True, text=True, check=False)
    found = re.findall(
        r"^(\S+?:\d+):\d+: (?:error|warning): (.*)$", done.stdout, re.M)
    if done.returncode and not found:
        return [f"{name}: {TOOL} failed: {done.stderr[-2000:]}"]
    prefix = f"{tree.root}/"
    return [f"{where.removeprefix(prefix)}: {what}" for where, what in found]


def main():
    args = lint_tree.arguments(__doc__, build=True, add=add_options)
    tree = lint_tree.Tree(args.root)
    build = pathlib.Path(args.build).resolve()
    database = json.loads((build / "compile_commands.json").read_text())
    compiled = {os.path.realpath(entry["file"]) for entry in database}
    names = [
        n for n in tree.files(".cc") if str(tree.root / n) in compiled]
    if not names:
        lint_tree.finish([f"{build}: compiles no file of this tree"])
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(
            lambda n: tidy(tree, build, n), wanted(tree, names, args.all))
        # A header's finding comes once for each file that includes it.
        lint_tree.finish(sorted({f for found in results for f in found}))


if __name__ == "__main__":
    main()
