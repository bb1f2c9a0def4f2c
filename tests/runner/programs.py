"""Runs root tests one program after the other, not under ctest.

A test that fails may leave a daemon or a shim behind, which holds the pipe
that ctest reads until it ends: ctest would wait for ever. Here the output goes
to a file, and what was left behind is named together with the test.
"""

import dataclasses
import json
import pathlib
import subprocess
import time

import results as results_lib
import stages as stages_lib
import strays


@dataclasses.dataclass
class Program:
    name: str
    command: list
    environment: dict
    limit: float


def registered(root, build, label):
    """The tests that CMake knows under a label."""
    done = subprocess.run(
        ["ctest", "--test-dir", build, "-L", f"^{label}$",
         "--show-only=json-v1"],
        cwd=root, capture_output=True, text=True, check=True)
    found = []
    for test in json.loads(done.stdout)["tests"]:
        properties = {p["name"]: p["value"] for p in test["properties"]}
        environment = dict(
            pair.split("=", 1) for pair in properties.get("ENVIRONMENT", []))
        found.append(Program(
            test["name"], test.get("command", ["/nonexistent"]), environment,
            float(properties.get("TIMEOUT", 900))))
    return found


def run_all(runner, name, programs, env):
    """A stage with the results of every program."""
    stage = stages_lib.Stage(name)
    runner.stages.append(stage)
    folder = runner.root / "build" / "results" / name.replace(" ", "-")
    logs = runner.logs / name.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    logs.mkdir(parents=True, exist_ok=True)
    print(f"== {name}: {len(programs)} programs", flush=True)
    for program in programs:
        begin = time.monotonic()
        found = _run_one(program, folder, logs, env)
        took = time.monotonic() - begin
        stage.seconds += took
        stage.results += found
        failed = results_lib.count(found, results_lib.FAILED)
        print(f"   {'FAILED' if failed else 'ok'} {program.name}: "
              f"{len(found)} tests, {failed} failed, {took:.0f} s", flush=True)
    if not programs:
        stage.error = "no test found"
    return stage


def _run_one(program, folder, logs, env):
    log = logs / f"{program.name}.log"
    xml = folder / f"{program.name}.xml"
    environment = {
        **env, **program.environment, "GTEST_OUTPUT": f"xml:{xml}",
        "GTEST_COLOR": "no"}
    if not pathlib.Path(program.command[0]).is_file():
        return [results_lib.Result(
            f"{program.name}.Program", results_lib.FAILED, "was not built")]
    with open(log, "w", encoding="utf-8") as output:
        status = stages_lib.run_process(
            program.command, program.limit, output, environment, folder)
    left = strays.end_all()
    why = (f"no end after {program.limit:.0f} s" if status is None
           else f"exit status {status}")
    found = []
    if xml.is_file() or status != 0:
        found += results_lib.read_gtest(xml, program.name, status == 0, why)
    else:  # Not a gtest program.
        found.append(results_lib.Result(
            f"{program.name}.Program", results_lib.PASSED))
    if left:
        found.append(results_lib.Result(
            f"{program.name}.LeavesNoProcess", results_lib.FAILED,
            "left behind: " + ", ".join(left[:10])))
    if results_lib.count(found, results_lib.FAILED):
        print(stages_lib.tail(log), flush=True)
    return found
