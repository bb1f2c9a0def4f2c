"""The stages of tests/run; called by it with the packages installed."""

import argparse
import os
import pathlib
import shutil
import sys
import time

import host
import host_state
import report
import selftest
import suites
from results import FAILED, PASSED, Result, SkipList
from stages import Runner

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT_MINUTES = 45
HOST = "host"


def parse():
    parser = argparse.ArgumentParser(
        prog="tests/run",
        description="Builds and tests. Without options: the release build "
        "with unit and root tests, lint, the guest, and the unit tests of "
        "runtime and core under ASan and UBSan.")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--quick", action="store_true",
                      help="the inner loop: build, unit tests, lint of texts")
    mode.add_argument("--full", action="store_true",
                      help="also TSan, the clang build, clang-tidy on all "
                      "files, root tests under ASan, and fuzzing")
    mode.add_argument("--guest", action="store_true",
                      help="only the build and the guest")
    mode.add_argument("--bench", action="store_true",
                      help="only the build and the benchmarks")
    parser.add_argument("--no-guest", action="store_true",
                        help="leave the guest out")
    parser.add_argument("--fuzz-seconds", type=int, default=30,
                        help="for each fuzz target of --full")
    return parser.parse_args()


def run_stages(runner, options):
    """The recipe: a stage that others build on ends the run when it fails."""
    if not suites.build(runner, "release", ["all"], limit=2400):
        return
    if options.bench:
        suites.bench(runner)
        return
    if options.guest:
        suites.guest(runner)
        return
    suites.unit(runner, "release")
    if options.quick:
        suites.lint(runner, tidy=None)
        return
    suites.root(runner, "release")
    suites.lint(runner, tidy="all" if options.full else "changed")
    if not options.no_guest:
        suites.guest(runner)
    suites.sanitized_unit(runner, "asan", suites.ASAN_FOLDERS)
    if options.full:
        suites.thread_sanitized_unit(runner)
        suites.clang(runner)
        suites.sanitized_root(runner)
        suites.fuzz(runner, options.fuzz_seconds)


def check_host(runner, before):
    """The tests had namespaces of their own: the host's is as it was."""
    stage = runner.begin(HOST)
    found = host_state.differences(before, host_state.take())
    stage.results = [Result(
        "Host.NetworkIsAsBefore", FAILED if found else PASSED,
        "\n".join(found))]


def apply_skip_list(runner):
    skips = SkipList(ROOT / "tests" / "skips.txt")
    for stage in runner.stages:
        kinds = {"v2"} if stage.name == suites.GUEST else {host.cgroup_kind()}
        if "asan" in stage.name:
            kinds.add("asan")
        stage.results = skips.judge(stage.results, kinds)


def print_summary(runner, seconds):
    print()
    report.print_problems(runner.stages)
    by_name = {stage.name: stage.results for stage in runner.stages}
    if by_name.get(suites.GUEST):
        here = f"this host ({host.cgroup_kind()})"
        print()
        report.print_hosts({
            here: by_name.get(suites.ROOT_TESTS, []),
            "guest (v2, systemd)": by_name[suites.GUEST]})
    print()
    report.print_stages(runner.stages)
    print(f"\n{seconds / 60:.1f} minutes")


def main():
    options = parse()
    os.chdir(ROOT)
    begin = time.monotonic()
    results_folder = ROOT / "build" / "results"
    shutil.rmtree(results_folder, ignore_errors=True)
    runner = Runner(ROOT, ROOT / "build" / "logs")
    if broken := selftest.main():
        runner.fail("runner", broken)
    if why := host.obstacle():
        runner.fail("this host", why)
    else:
        before = host_state.take()
        run_stages(runner, options)
        check_host(runner, before)
    apply_skip_list(runner)
    seconds = time.monotonic() - begin
    print_summary(runner, seconds)
    if not options.full and seconds > LIMIT_MINUTES * 60:
        print(f"longer than the {LIMIT_MINUTES} minutes that it may take")
    passed, failed, skipped = report.totals(runner.stages)
    others = [stage for stage in runner.stages if stage.name != HOST]
    if not options.bench and report.totals(others)[:2] == (0, 0):
        print("no test ran")
        failed = 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
