#!/usr/bin/env python3
"""Runs clang-tidy: on changed files, or on all with --all.

Changed is what differs from the base of the work (lint_base.py). Headers are
read through the files that include them. Needs a build directory that was
configured with clang and whose generated headers exist. A file that was clean
is not read again until it, a header of the tree that it sees, or .clang-tidy
changes.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess

import lint_base
import lint_tree

TOOL = "clang-tidy-14"
INCLUDE = re.compile(r'#include "([^"]+)"')


def add_options(parser):
    parser.add_argument("--all", action="store_true")


class Sources:
    """What the files of a tree include, and what they contain."""

    def __init__(self, tree):
        self._tree = tree
        self._known = set(tree.files(".cc", ".h"))

    @functools.cache
    def included(self, name):
        """The headers of the tree that a file names."""
        return {
            match.group(1) for _, text in self._tree.lines(name)
            if (match := INCLUDE.match(text))} & self._known

    def seen_by(self, name):
        """The file and every header of the tree that it sees."""
        seen, todo = set(), {name}
        while todo:
            seen |= todo
            todo = {h for n in todo for h in self.included(n)} - seen
        return sorted(seen)

    def key(self, name):
        """Changes whenever a finding in the file may change."""
        digest = hashlib.sha256()
        for part in [".clang-tidy", *self.seen_by(name)]:
            digest.update((self._tree.root / part).read_bytes())
        return digest.hexdigest()


def wanted(tree, sources, names, everything):
    """Of the compiled files, those that changed or include what changed."""
    if everything:
        return names
    changed = set(lint_base.changed(tree))
    return [
        n for n in names if n in changed or sources.included(n) & changed]


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


def tidy_cached(tree, sources, build, name):
    """Findings of one file; a clean one is remembered by its key."""
    clean = build / "tidy-clean" / sources.key(name)
    if clean.exists():
        return []
    found = tidy(tree, build, name)
    if not found:
        clean.parent.mkdir(exist_ok=True)
        clean.touch()
    return found


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
    sources = Sources(tree)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(
            lambda n: tidy_cached(tree, sources, build, n),
            wanted(tree, sources, names, args.all))
        # A header's finding comes once for each file that includes it.
        lint_tree.finish(sorted({f for found in results for f in found}))


if __name__ == "__main__":
    main()
