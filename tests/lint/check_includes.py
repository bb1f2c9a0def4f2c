#!/usr/bin/env python3
"""Checks the include arrows: which folder may include which.

The tables below are the architecture. A folder that is in no table may not
exist; a new arrow is a decision that shows up in review here.
"""

import re

import lint_tree

# folder -> what it may include besides itself. The longest name that fits a
# file counts, so runtime/shim/protocol is not runtime/shim.
ARROWS = {
    "proto": [],
    "runtime/base": [],
    "runtime/linux": ["runtime/base"],
    "runtime/spec": ["runtime/base"],
    "runtime/plan": [
        "runtime/spec", "runtime/linux", "runtime/cgroup", "runtime/base"],
    "runtime/init": [
        "runtime/plan/ops.h", "runtime/plan/header.h", "runtime/plan/view.h"],
    "runtime/cgroup": [
        "runtime/cgroup/v1", "runtime/cgroup/v2", "runtime/spec",
        "runtime/linux", "runtime/base"],
    "runtime/cgroup/v1": [
        "runtime/cgroup", "runtime/spec", "runtime/linux", "runtime/base"],
    "runtime/cgroup/v2": [
        "runtime/cgroup", "runtime/spec", "runtime/linux", "runtime/base"],
    "runtime/record": ["runtime/base"],
    "runtime/image": ["runtime/base"],
    "runtime/shim/protocol": ["runtime/record", "runtime/base"],
    "runtime/shim": [
        "runtime/init", "runtime/plan", "runtime/cgroup", "runtime/linux",
        "runtime/shim/protocol", "runtime/record", "runtime/base"],
    "netsetup": ["runtime/base", "runtime/linux"],
    "server/store": ["runtime/spec", "runtime/record", "runtime/base"],
    "server/shimlink": [
        "runtime/shim/protocol", "runtime/record", "runtime/linux",
        "runtime/base"],
    "server/core": [
        "server/store", "server/shimlink", "netsetup", "runtime/spec",
        "runtime/plan", "runtime/cgroup", "runtime/image", "runtime/record",
        "runtime/linux", "runtime/shim/protocol", "runtime/base"],
    # The records are plain data; nothing else of the store is visible there.
    "server/translate": [
        "proto", "runtime/spec", "runtime/base", "server/store/records.h",
        "server/store/filter.h"],
    # Reads are answered from the tables that the store publishes.
    "server/service": [
        "server/translate", "server/core", "server/store", "proto",
        "runtime/spec", "runtime/base"],
    "server": ["server", "proto", "netsetup", "runtime"],
    "clients": ["proto"],
    "tests": ["proto", "runtime", "netsetup", "server", "clients"],
}
# A unit test may use the matchers and fakes that all tests share, and write
# logs and records as the shim does.
TEST_ONLY = ["tests/testing", "runtime/record"]

# Third-party header (a pattern) -> the folders that may include it.
THIRD_PARTY = {
    r"grpcpp/support/status(_code_enum)?\.h": [
        "server/translate", "server/service", "server", "clients", "tests"],
    r"(grpc|grpcpp)/(?!support/status)": ["server/service", "server", "clients", "tests"],
    r"google/protobuf/|google/rpc/|.*\.pb\.h$": [
        "server/service", "server/translate", "server", "clients", "tests"],
    r"sqlite3\.h": ["server/store", "tests"],
    r"seccomp\.h": ["runtime/linux", "tests"],
    r"CLI/": ["server", "clients", "tests"],
    r"(ldns|libmnl|libnftnl|netlink)/": ["netsetup", "tests"],
}

# Runs after clone(), where only libc and kernel headers are safe: the init
# stage and what it reads of the plan.
AFTER_CLONE = re.compile(r"runtime/init/|runtime/plan/(ops|header|view)\.")
# The few C++ headers here are types and constants, without code that
# allocates or locks.
INIT_HEADERS = re.compile(
    r"[a-z0-9_/.-]+\.h$|c(assert|errno|limits|signal|stdarg|stddef|stdint"
    r"|stdlib|string)$|array$|initializer_list$|limits$|span$|type_traits$"
    r"|utility$")

PROJECT = re.compile(r"(proto|runtime|netsetup|server|clients|tests|caisson)/")
INCLUDE = re.compile(r'\s*#\s*include\s+([<"])([^>"]+)[>"]')


def folder_of(path):
    """The longest folder of ARROWS that holds `path`, or None."""
    held = [f for f in ARROWS if path.startswith(f + "/")]
    return max(held, key=len, default=None)


def allowed(folder, name, is_test):
    """Whether a file of `folder` may include the project header `name`."""
    targets = ARROWS[folder] + (TEST_ONLY if is_test else [])
    home = folder_of(name)
    if home == folder:
        return True
    # A folder named as a target stands for itself, not for a folder inside it
    # that has arrows of its own, except where all of it is meant.
    return any(
        name == t or home == t or (t in WHOLE and name.startswith(t + "/"))
        for t in targets)


WHOLE = {"proto", "runtime", "netsetup", "server", "clients",
         "tests/testing"}


def check_include(name, folder, kind, included):
    """A finding for one #include, or None."""
    is_test = name.endswith(("_test.cc", "_test.h"))
    if AFTER_CLONE.match(name) and not is_test:
        if kind == "<" and not INIT_HEADERS.match(included):
            return "only libc and kernel headers after clone()"
        if kind == '"' and not PROJECT.match(included):
            return "no library after clone()"
    for pattern, folders in THIRD_PARTY.items():
        if re.match(pattern, included) and folder not in folders:
            return "belongs to " + ", ".join(folders)
    if kind == "<" or not PROJECT.match(included):
        return None
    if included.endswith(".pb.h"):
        return None if "proto" in ARROWS[folder] else "no arrow to proto"
    # v1 and v2 mirror each other and share only what is above both.
    if not allowed(folder, included, is_test):
        return f"no arrow from {folder} to {folder_of(included)}"
    return None


def check_file(tree, name):
    folder = folder_of(name)
    if folder is None:
        return [f"{name}: is in no folder of the architecture"]
    found = []
    for number, text in tree.lines(name):
        match = INCLUDE.match(text)
        if not match:
            continue
        kind, included = match.groups()
        why = check_include(name, folder, kind, included)
        if why is None and kind == '"' and (
                "/" not in included or included.startswith(".")):
            why = "include by the path from the root"
        if why:
            found.append(f"{name}:{number}: includes {included}: {why}")
    return found


def main():
    args = lint_tree.arguments(__doc__)
    tree = lint_tree.Tree(args.root)
    found = []
    for name in tree.files(".cc", ".h", ".c"):
        found += check_file(tree, name)
    lint_tree.finish(found)


if __name__ == "__main__":
    main()
