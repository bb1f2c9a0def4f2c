"""The stages: what is built, which tests run, where their results are."""

import os
import pathlib
import subprocess

import guest as guest_lib
import programs
import results as results_lib

GUEST = "guest"
ROOT_TESTS = "root tests"

# Folders of the build tree. gRPC is not instrumented, so its users stay out.
ASAN_FOLDERS = ["runtime", "netsetup", "server/core"]
TSAN_FOLDERS = [
    "runtime", "netsetup", "server/store", "server/shimlink", "server/core"]

# A failing sanitizer must not look like a failing program under test.
SANITIZER_ENV = {
    "ASAN_OPTIONS": "strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "second_deadlock_stack=1:suppressions="
                    f"{pathlib.Path(__file__).parents[1]}"
                    "/tsan-suppressions.txt",
}


def _jobs():
    return str(len(os.sched_getaffinity(0)))


def build(runner, preset, targets, limit, name=None):
    """Configures and builds; whether both succeeded."""
    stage = runner.run(
        name or f"build {preset}", ["cmake", "--preset", preset], 300)
    return not stage.error and runner.run_more(
        stage,
        ["ninja", "-C", f"build/{preset}", "-k", "20", "-j", _jobs(),
         *targets], limit)


def _results_folder(runner, name):
    folder = runner.root / "build" / "results" / name.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def ctest(runner, name, directories, label, limit, jobs="1", env=None):
    """Runs the tests with a label and records every single result."""
    folder = _results_folder(runner, name)
    stage = None
    for number, directory in enumerate(directories):
        junit = folder / f"ctest-{number}.xml"
        command = [
            "ctest", "--test-dir", directory, "-L", f"^{label}$", "-j", jobs,
            "--output-on-failure", "--no-tests=error",
            "--output-junit", junit]
        environment = {
            "GTEST_OUTPUT": f"xml:{folder}/", "GTEST_COLOR": "no",
            "GTEST_BRIEF": "1", **(env or {})}
        if stage is None:
            stage = runner.run(name, command, limit, environment)
        else:
            runner.run_more(stage, command, limit, environment)
        stage.results += results_lib.read_ctest(junit, folder)
    if not stage.results and not stage.error:
        stage.error = "no test found"
    return stage


def unit(runner, preset):
    ctest(runner, "unit tests", [f"build/{preset}"], "unit", 600,
          jobs=_jobs())


def root(runner, preset, name=ROOT_TESTS, env=None):
    programs.run_all(
        runner, name, programs.registered(
            runner.root, f"build/{preset}", "root"), env or {})


def sanitized_unit(runner, preset, folders):
    targets = [f"{folder}/all" for folder in folders]
    if build(runner, preset, targets, limit=2400):
        ctest(runner, f"unit tests {preset}",
              [f"build/{preset}/{folder}" for folder in folders], "unit",
              900, jobs=_jobs(), env=SANITIZER_ENV)


def thread_sanitized_unit(runner):
    stage = runner.run(
        "absl tsan", ["tests/tsan-absl", "build/tools/tsan-absl"], 900)
    if not stage.error:
        sanitized_unit(runner, "tsan", TSAN_FOLDERS)


def sanitized_root(runner):
    if build(runner, "asan", ["all"], limit=3600, name="build asan all"):
        # What a test leaks on purpose, by exec or _exit, is no finding.
        env = {**SANITIZER_ENV, "CAISSON_TEST_TIMEOUT_SCALE": "5"}
        env["ASAN_OPTIONS"] += ":detect_leaks=0"
        root(runner, "asan", name="root tests asan", env=env)


def clang(runner):
    build(runner, "clang-tsa", ["all"], limit=3600)


def _generate_headers(runner, preset):
    """Configures a build and makes only what code generators make."""
    stage = runner.run(f"headers {preset}", ["cmake", "--preset", preset],
                       300)
    if stage.error:
        return False
    listed = subprocess.run(
        ["ninja", "-C", f"build/{preset}", "-t", "targets", "all"],
        cwd=runner.root, capture_output=True, text=True, check=True).stdout
    headers = [
        line.partition(":")[0] for line in listed.splitlines()
        if line.partition(":")[0].endswith(".pb.h")]
    return not headers or runner.run_more(
        stage, ["ninja", "-C", f"build/{preset}", *headers], 300)


def lint(runner, tidy):
    """tidy: None, "changed" or "all"."""
    xml = _results_folder(runner, "lint") / "lint.xml"
    command = ["tests/lint/run", "--build", "build/release", "--xml", xml]
    if tidy and _generate_headers(runner, "clang-tsa"):
        command += ["--tidy-build", "build/clang-tsa"]
        command += ["--tidy-all"] if tidy == "all" else []
    limit = 3600 if tidy == "all" else 900
    stage = runner.run("lint", command, limit)
    if xml.is_file():
        stage.results = results_lib.read_junit(xml)


def fuzz(runner, seconds):
    """Runs each fuzz target for a while, from its committed seeds."""
    if not build(runner, "fuzz", ["all"], limit=3600):
        return
    targets = sorted(p for p in (runner.root / "build/fuzz/fuzz").glob("*_fuzz")
                     if os.access(p, os.X_OK))
    if not targets:
        runner.fail("fuzz", "no fuzz target was built")
    for target in targets:
        _fuzz_one(runner, target, seconds)


def _fuzz_one(runner, target, seconds):
    folder = _results_folder(runner, f"fuzz-{target.name}")
    seeds = runner.root / "tests/fuzz/corpus" / target.name.removesuffix(
        "_fuzz")
    stage = runner.run(
        f"fuzz {target.name}",
        [target, f"-max_total_time={seconds}", "-timeout=10",
         "-rss_limit_mb=2048", "-print_final_stats=1",
         f"-artifact_prefix={folder}/", folder,
         *([seeds] if seeds.is_dir() else [])], seconds + 120)
    status = results_lib.FAILED if stage.error else results_lib.PASSED
    stage.results = [
        results_lib.Result(f"Fuzz.{target.name}", status, stage.error)]


def bench(runner):
    runner.run("bench", ["tests/bench/run"], 3600)


def guest(runner):
    """The root tests on a machine of the other kind."""
    why = guest_lib.obstacle()
    if why:
        runner.fail(GUEST, why)
        return
    stage = runner.run(
        "build guest", ["deploy/guest/build", "build/guest"], 900)
    if stage.error:
        return
    folder = _results_folder(runner, GUEST)
    stage = runner.run(
        GUEST, ["deploy/guest/run", "build/guest", "build/release", folder],
        2400)
    stage.results = guest_lib.read_results(folder)
    _compare_names(runner, stage)


def _compare_names(runner, stage):
    """A test that only one of the hosts ran has not been shown to work."""
    here = next((s for s in runner.stages if s.name == ROOT_TESTS), None)
    if here is None:
        return
    there = {r.name for r in stage.results}
    for result in here.results:
        program = f"{result.suite}.Program"
        if result.name not in there and program not in there:
            stage.results.append(results_lib.Result(
                result.name, results_lib.FAILED, "did not run in the guest"))
