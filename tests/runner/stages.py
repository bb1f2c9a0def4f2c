"""Runs the long steps one after the other: time limit, log, tail on failure."""

import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import time

import results as results_lib
import strays

TAIL_LINES = 40
ERROR = re.compile(
    r"^FAILED: |\berror: |\*\*\*Failed|ERROR: \w+Sanitizer|: Failure$")


@dataclasses.dataclass
class Stage:
    """A step that ran: what the summary shows of it."""
    name: str
    seconds: float = 0.0
    error: str = ""  # why the step itself failed, if it did
    results: list = dataclasses.field(default_factory=list)

    @property
    def ok(self):
        return not self.error and not results_lib.count(
            self.results, results_lib.FAILED)


class Runner:
    """Keeps the stages of one run and where their logs are."""

    def __init__(self, root, logs):
        self.root = pathlib.Path(root)
        self.logs = pathlib.Path(logs)
        self.logs.mkdir(parents=True, exist_ok=True)
        strays.adopt()
        self.stages = []

    def begin(self, name):
        """A stage that the caller fills."""
        stage = Stage(name)
        self.stages.append(stage)
        return stage

    def run(self, name, command, limit, env=None, cwd=None):
        """Runs one command; its output goes to the log of the stage."""
        stage = self.begin(name)
        self.run_more(stage, command, limit, env, cwd, mode="w")
        return stage

    def run_more(self, stage, command, limit, env=None, cwd=None, mode="a"):
        """Runs a further command of a stage; whether it succeeded."""
        log = self.logs / (stage.name.replace(" ", "-") + ".log")
        print(f"== {stage.name}: {' '.join(map(str, command))}", flush=True)
        start = time.monotonic()
        with open(log, mode, encoding="utf-8") as output:
            status = run_process(command, limit, output, env, cwd or self.root)
        left = strays.end_all()
        took = time.monotonic() - start
        stage.seconds += took
        if status == 0 and not left:
            print(f"   ok, {took:.0f} s", flush=True)
            return True
        why = (f"no end after {limit} s" if status is None
               else f"exit status {status}")
        if left:
            why += ", processes left behind: " + ", ".join(left[:10])
        stage.error = f"{why}, see {log}"
        print(f"   FAILED after {took:.0f} s: {why}", flush=True)
        print(tail(log), flush=True)
        return False

    def fail(self, name, why):
        """Records a stage that could not even begin."""
        stage = Stage(name, error=why)
        self.stages.append(stage)
        print(f"== {name}\n   FAILED: {why}", flush=True)
        return stage


def run_process(command, limit, output, env, cwd):
    """Exit status, or None when the time was over."""
    process = subprocess.Popen(
        [str(word) for word in command], cwd=cwd, stdin=subprocess.DEVNULL,
        stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        env={**os.environ, **(env or {})})
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        # On time-out and on ^C: what it left behind in its session goes too.
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def tail(path):
    """What most likely tells why: around the first error, and the end."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    first = next((n for n, line in enumerate(lines) if ERROR.search(line)),
                 len(lines))
    end = max(first + TAIL_LINES, len(lines) - TAIL_LINES // 2)
    shown = lines[first:first + TAIL_LINES]
    if end < len(lines):
        shown.append("...")
    shown += lines[end:] if first < len(lines) else lines[-TAIL_LINES:]
    return "\n".join("   | " + line for line in shown)
