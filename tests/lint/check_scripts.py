#!/usr/bin/env python3
"""Checks scripts: shellcheck for sh and bash, compilation for Python.

Also that what begins with "#!" can be executed, and nothing else can.
"""

import os
import re
import subprocess

import lint_tree

SHELL = re.compile(r"#!\s*(/bin/|/usr/bin/|/usr/bin/env )(ba|da)?sh\b")
PYTHON = re.compile(r"#!.*\bpython3?\b")


def first_line(tree, name):
    with open(tree.root / name, "rb") as file:
        return file.readline(200).decode("utf-8", errors="replace")


def check_shell(tree, names):
    if not names:
        return []
    done = subprocess.run(
        ["shellcheck", "--format=gcc", "--severity=warning", *names],
        cwd=tree.root, capture_output=True, text=True, check=False)
    if done.returncode and not done.stdout:
        raise RuntimeError(done.stderr)
    return done.stdout.splitlines()


def check_python(tree, name):
    try:
        compile((tree.root / name).read_bytes(), name, "exec")
    except SyntaxError as error:
        return [f"{name}:{error.lineno}: {error.msg}"]
    return []


def main():
    args = lint_tree.arguments(__doc__)
    tree = lint_tree.Tree(args.root)
    found, shell = [], []
    for name in tree.files():
        first = first_line(tree, name)
        runs = os.access(tree.root / name, os.X_OK)
        if runs != first.startswith("#!"):
            found.append(f"{name}: " + (
                "can be executed and has no #! line" if runs
                else "has a #! line and no run bit"))
        if SHELL.match(first) or name.endswith(".sh"):
            shell.append(name)
        if PYTHON.match(first) or name.endswith(".py"):
            found += check_python(tree, name)
    lint_tree.finish(found + check_shell(tree, shell))


if __name__ == "__main__":
    main()
