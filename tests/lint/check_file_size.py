#!/usr/bin/env python3
"""Refuses source files over their cap: one file, one idea."""

import lint_tree

# The first suffix that fits counts.
CAPS = [
    ("_test.cc", 900),
    (".cc", 600),
    (".h", 250),
    (".proto", 900),
    (".py", 400),
    (".sh", 300),
]
NAMES = {"common", "util", "utils", "misc", "helpers"}


def cap_of(name):
    return next((cap for suffix, cap in CAPS if name.endswith(suffix)), None)


def main():
    args = lint_tree.arguments(__doc__)
    tree = lint_tree.Tree(args.root)
    found = []
    for name in tree.files():
        for folder in NAMES.intersection(name.split("/")[:-1]):
            found.append(f"{name}: a folder called {folder} says nothing")
        cap = cap_of(name)
        count = len(tree.lines(name)) if cap else 0
        if cap and count > cap:
            found.append(f"{name}: {count} lines, the cap is {cap}")
    lint_tree.finish(found)


if __name__ == "__main__":
    main()
