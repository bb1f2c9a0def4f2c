"""What a run prints at its end."""

import results as results_lib
from results import FAILED, PASSED, SKIPPED

MESSAGE_LINES = 12


def table(rows):
    """Rows of strings as aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths))
        .rstrip() for row in rows)


def print_problems(stages):
    """Every failure and every skip with its reason."""
    for stage in stages:
        for result in stage.results:
            if result.status == PASSED:
                continue
            lines = result.message.splitlines()[:MESSAGE_LINES]
            print(f"{result.status.upper()} [{stage.name}] {result.name}")
            print("".join(f"    {line}\n" for line in lines), end="")


def print_stages(stages):
    rows = [("stage", "passed", "failed", "skipped", "seconds", "")]
    for stage in stages:
        counts = [
            str(results_lib.count(stage.results, status))
            if stage.results else "-"
            for status in (PASSED, FAILED, SKIPPED)]
        verdict = "ok" if stage.ok else f"FAILED {stage.error}".rstrip()
        rows.append((stage.name, *counts, f"{stage.seconds:.0f}", verdict))
    print(table(rows))


def print_hosts(hosts):
    """Suites by host. hosts: column title -> results."""
    suites = sorted({r.suite for found in hosts.values() for r in found})
    rows = [("suite", *hosts)]
    for suite in suites:
        cells = []
        for found in hosts.values():
            mine = [r for r in found if r.suite == suite]
            counts = [
                f"{number} {status}"
                for status in (PASSED, FAILED, SKIPPED)
                if (number := results_lib.count(mine, status))]
            cells.append(", ".join(counts) or "did not run")
        rows.append((suite, *cells))
    print(table(rows))


def totals(stages):
    """(passed, failed, skipped); a stage that broke counts as one failure."""
    every = [r for stage in stages for r in stage.results]
    broken = sum(
        bool(stage.error) and not results_lib.count(stage.results, FAILED)
        for stage in stages)
    return (results_lib.count(every, PASSED),
            results_lib.count(every, FAILED) + broken,
            results_lib.count(every, SKIPPED))
