"""Test results: read from the XML of gtest, ctest and lint, judged for skips."""

import dataclasses
import fnmatch
import pathlib
import xml.etree.ElementTree as ET

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclasses.dataclass(frozen=True)
class Result:
    name: str  # Suite.Test
    status: str
    message: str = ""

    @property
    def suite(self):
        return self.name.partition(".")[0]


def read_junit(path):
    """The results in one JUnit or gtest XML file."""
    found = []
    for case in ET.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        failures = [*case.iter("failure"), *case.iter("error")]
        skipped = case.find("skipped")
        if failures:
            text = "\n".join(
                f.get("message") or f.text or "" for f in failures)
            found.append(Result(name, FAILED, text))
        elif skipped is not None:
            message = skipped.get("message") or skipped.text or ""
            found.append(Result(name, SKIPPED, message.strip()))
        elif case.get("status") in ("notrun", "disabled"):
            found.append(Result(name, SKIPPED, "disabled"))
        else:
            found.append(Result(name, PASSED))
    return found


def read_gtest(path, program, ended_well, why):
    """Results of one gtest program, whose XML may be missing or cut.

    A program that died says nothing about the tests it did not reach: its
    death is a failed result of its own.
    """
    found = []
    if pathlib.Path(path).is_file():
        try:
            found = read_junit(path)
        except ET.ParseError:
            why = f"{why}; its XML is cut"
            ended_well = False
    failed = any(r.status == FAILED for r in found)
    if not found or (not ended_well and not failed):
        found.append(Result(f"{program}.Program", FAILED, why or "no test"))
    return found


def read_ctest(junit, gtest_folder):
    """Results of a ctest run whose gtest programs wrote XML to a folder."""
    if not pathlib.Path(junit).is_file():
        return []
    found = []
    for case in ET.parse(junit).getroot().iter("testcase"):
        program = case.get("name")
        ended_well = case.get("status") == "run"
        failure = case.find("failure")
        why = "" if failure is None else failure.get("message") or "failed"
        path = pathlib.Path(gtest_folder) / f"{program}.xml"
        if path.is_file() or not ended_well:
            found += read_gtest(path, program, ended_well, why)
        else:  # A test that is no gtest program.
            found.append(Result(f"{program}.Program", PASSED))
    return found


class SkipList:
    """The skips that were agreed on (tests/skips.txt)."""

    def __init__(self, path):
        self._entries = []
        for line in pathlib.Path(path).read_text().splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            fields = [field.strip() for field in line.split("|")]
            if len(fields) != 3 or not all(fields):
                raise ValueError(f"{path}: not 'name | kind | reason': {line}")
            self._entries.append(fields)

    def judge(self, results, kinds):
        """Turns each skip that is not agreed on into a failure."""
        return [self._judge(r, kinds) for r in results]

    def _judge(self, result, kinds):
        if result.status != SKIPPED:
            return result
        for pattern, kind, _ in self._entries:
            if kind in ("any", *kinds) and fnmatch.fnmatchcase(
                    result.name, pattern):
                return result
        return Result(
            result.name, FAILED,
            f"skipped ({result.message}), which tests/skips.txt does not allow")


def count(results, status):
    return sum(r.status == status for r in results)
