"""The host's own network: the whole run must leave it as it was.

Only read, in the network namespace of the runner: links, addresses, routes,
rules, the firewall and sysctls. What counts or ages is left out.
"""

import json
import pathlib
import subprocess

# What changes by itself.
_UNSETTLED = {
    "age", "bytes", "expires", "gc_timer", "handle", "hello_timer", "lastuse",
    "operstate", "packets", "preferred_life_time", "tcn_timer",
    "topology_change_timer", "used", "valid_life_time"}
_UNSETTLED_FLAGS = {"LOWER_UP", "NO-CARRIER", "linkdown"}
_SYSCTLS = pathlib.Path("/proc/sys/net")

_COMMANDS = {
    "link": ["ip", "-j", "-d", "link"],
    "address": ["ip", "-j", "addr"],
    "route": ["ip", "-j", "-4", "route", "show", "table", "all"],
    "route6": ["ip", "-j", "-6", "route", "show", "table", "all"],
    "rule": ["ip", "-j", "-4", "rule"],
    "rule6": ["ip", "-j", "-6", "rule"],
    "firewall": ["nft", "-j", "-s", "list", "ruleset"],
}


def settle(value):
    """The value without what changes by itself."""
    if isinstance(value, dict):
        return {key: settle(part) for key, part in value.items()
                if key not in _UNSETTLED}
    if isinstance(value, list):
        return [settle(part) for part in value
                if not (isinstance(part, str) and part in _UNSETTLED_FLAGS)]
    return value


def _objects(what, command):
    """Each object that a program prints as JSON, a line each."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {f"{what}: {done.stderr.strip()}"}
    listed = json.loads(done.stdout or "[]")
    if isinstance(listed, dict):
        listed = [part for part in listed["nftables"] if "metainfo" not in part]
    return {f"{what} {json.dumps(settle(part), sort_keys=True)}"
            for part in listed if part}


def _sysctls():
    """Path -> value of those that can be read."""
    found = {}
    for path in _SYSCTLS.rglob("*"):
        # The first is a number of the moment, the second fails until it is set.
        if path.name in ("nf_conntrack_count", "stable_secret"):
            continue
        try:
            if path.is_file():
                found[str(path)] = path.read_text(errors="replace").strip()
        except OSError:
            continue  # Can only be written, or has gone with its link.
    return found


def take():
    """(lines, sysctls) of this moment."""
    lines = set()
    for what, command in _COMMANDS.items():
        lines |= _objects(what, command)
    return lines, _sysctls()


def differences(before, after):
    """What is not as it was, a line each; empty when all is.

    A sysctl that was not there before came with a kernel module.
    """
    found = [f"- {line}" for line in sorted(before[0] - after[0])]
    found += [f"+ {line}" for line in sorted(after[0] - before[0])]
    for path, value in sorted(before[1].items()):
        now = after[1].get(path)
        if now != value:
            found.append(f"{path}: {value} -> {now}")
    return found
