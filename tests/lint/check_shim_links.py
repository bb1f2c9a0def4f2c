#!/usr/bin/env python3
"""Checks that the shim is static and holds no gRPC, protobuf or libseccomp.

One shim lives beside every running container, so what it links is paid for a
thousand times, and nothing in it may change with a library upgrade.
"""

import pathlib
import re
import subprocess

import lint_tree

SHIM = "bin/caisson-shim"
FORBIDDEN = re.compile(
    r"\b(grpc_\w+|grpc::\w+|google::protobuf::\w+|upb_\w+|sqlite3_\w+"
    r"|seccomp_(init|load|rule_\w+|export_\w+))\b")


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout


def main():
    args = lint_tree.arguments(__doc__, build=True)
    shim = pathlib.Path(args.build) / SHIM
    if not shim.is_file():
        lint_tree.finish([f"{shim}: is not there"])
    found = []
    if "INTERP" in output("readelf", "-lW", shim):
        found.append(f"{SHIM}: is dynamically linked")
    names = output("nm", "-C", shim).splitlines()
    if not names:
        found.append(f"{SHIM}: is stripped, nothing to look at")
    hits = {m.group(0) for line in names if (m := FORBIDDEN.search(line))}
    found += [f"{SHIM}: contains {hit}" for hit in sorted(hits)[:20]]
    lint_tree.finish(found)


if __name__ == "__main__":
    main()
