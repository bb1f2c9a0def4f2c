#!/usr/bin/env python3
"""Checks how a header begins: a comment that says what it is, then its guard.

The comment of a header in runtime/ and server/ names the process and the
thread it runs in, since that decides what its code may do.
"""

import re

import lint_tree


def guard_of(name):
    return "CAISSON_" + re.sub(r"[/.]", "_", name).upper() + "_"


def check(tree, name):
    lines = [text for _, text in tree.lines(name)]
    comment = []
    while lines and lines[0].startswith("//"):
        comment.append(lines.pop(0))
    text = "\n".join(comment)
    if not comment:
        yield f"{name}:1: begins without a comment that says what it is"
    elif name.startswith(("runtime/", "server/")):
        if not re.search(r"\bProcess(es)?: \S", text):
            yield f"{name}:1: the first comment does not name the process"
        if not re.search(r"\bThreads?: \S", text):
            yield f"{name}:1: the first comment does not name the thread"
    guard = guard_of(name)
    body = [line for line in lines if line.strip()]
    if body[:2] != [f"#ifndef {guard}", f"#define {guard}"]:
        yield f"{name}: the guard is not {guard}"


def main():
    args = lint_tree.arguments(__doc__)
    tree = lint_tree.Tree(args.root)
    lint_tree.finish(
        found for name in tree.files(".h") for found in check(tree, name))


if __name__ == "__main__":
    main()
