#!/usr/bin/env python3
"""Runs `buf lint`, and `buf breaking` against the base of the work.

buf comes from npm: skipped where npm is not installed or has no network.
"""

import io
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

import lint_base
import lint_tree

BUF = "1.50.0"


def install(root):
    """Path of the pinned buf; leaves with SKIPPED when it cannot be had."""
    folder = root / "build" / "tools" / f"buf-{BUF}"
    program = folder / "node_modules" / ".bin" / "buf"
    if program.exists():
        return program
    if shutil.which("npm") is None:
        lint_tree.skip("npm is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix",
         folder, f"@bufbuild/buf@{BUF}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=180, check=False)
    if done.returncode or not program.exists():
        lint_tree.skip("npm cannot install buf")
    return program


def buf(program, cwd, *args):
    done = subprocess.run(
        [program, *args], cwd=cwd, capture_output=True, text=True,
        check=False)
    lines = done.stdout.splitlines()
    if done.returncode and not lines:
        raise RuntimeError(done.stderr)
    return [f"proto/{line}" for line in lines]


def breaking(tree, program):
    """Findings of the API as it is against the API as it was."""
    start = lint_base.base(tree)
    old = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", tree.root, "archive",
         start or "HEAD", "proto"],
        capture_output=True, check=False)
    if old.returncode:
        return []  # The base has no API yet.
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(old.stdout)) as archive:
            archive.extractall(folder)
        return buf(program, tree.root / "proto", "breaking", "--against",
                   str(pathlib.Path(folder) / "proto"))


def main():
    args = lint_tree.arguments(__doc__)
    tree = lint_tree.Tree(args.root)
    if not tree.files(".proto"):
        lint_tree.finish(["no .proto file in the tree"])
    # The tool stays with the checkout of this script, whatever it looks at.
    program = install(pathlib.Path(__file__).resolve().parents[2])
    lint_tree.finish(
        buf(program, tree.root / "proto", "lint") + breaking(tree, program))


if __name__ == "__main__":
    main()
