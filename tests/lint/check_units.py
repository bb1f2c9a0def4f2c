#!/usr/bin/env python3
"""Refuses directives that give one of our systemd units a mount namespace.

The daemon hands out mounts and namespaces of the host: in a mount namespace of
its own it would see a copy of the host's tree, and a container's bind mounts
would stop following what the administrator mounts later.
"""

import re

import lint_tree

# systemd.exec(5), "Sandboxing" and "Paths": each of these implies a mount
# namespace for the processes of the unit.
FORBIDDEN = re.compile(
    r"\s*(ProtectSystem|ProtectHome|ProtectProc|ProcSubset|ProtectHostname"
    r"|ProtectKernelTunables|ProtectKernelModules|ProtectKernelLogs"
    r"|ProtectControlGroups|ProtectClock|Private(Tmp|Devices|Mounts|Users"
    r"|Network|IPC)|PrivateIPC|MountAPIVFS|MountFlags|ReadWritePaths"
    r"|ReadOnlyPaths|InaccessiblePaths|ExecPaths|NoExecPaths|BindPaths"
    r"|BindReadOnlyPaths|TemporaryFileSystem|RootDirectory|RootImage|DynamicUser"
    r"|ExtensionImages|ExtensionDirectories|MountImages|LogNamespace"
    r"|NetworkNamespacePath|IPCNamespacePath)\s*=")


def main():
    args = lint_tree.arguments(__doc__)
    tree = lint_tree.Tree(args.root)
    units = tree.files(".service")
    if not units:
        lint_tree.finish(["no unit file in the tree"])
    lint_tree.finish(
        f"{name}:{number}: {match.group(1)}= implies a namespace"
        for name in units
        for number, text in tree.lines(name)
        if (match := FORBIDDEN.match(text)))


if __name__ == "__main__":
    main()
