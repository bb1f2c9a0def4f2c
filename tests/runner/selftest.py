"""Tests of the judgement itself: what must make a run fail, does.

Run by tests/run before anything else.
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import host_state
import programs
import report
import results
import stages
import strays
from results import FAILED, PASSED, SKIPPED, Result

GTEST = """<testsuites><testsuite name="A">
<testcase name="Ok" classname="A" status="run" result="completed"/>
<testcase name="Bad" classname="A"><failure message="why"/></testcase>
<testcase name="Left" classname="A"><skipped message="no v2"/></testcase>
<testcase name="Off" classname="A" status="notrun" result="suppressed"/>
</testsuite></testsuites>"""


class Folder(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path


class ResultsTest(Folder):
    def test_every_status_is_read(self):
        found = results.read_junit(self.write("a.xml", GTEST))
        self.assertEqual(
            {r.name: r.status for r in found},
            {"A.Ok": PASSED, "A.Bad": FAILED, "A.Left": SKIPPED,
             "A.Off": SKIPPED})

    def test_a_program_that_died_failed(self):
        text = GTEST.replace('<failure message="why"/>', "")
        found = results.read_gtest(
            self.write("a.xml", text), "a", False, "signal")
        self.assertIn(Result("a.Program", FAILED, "signal"), found)

    def test_a_program_without_tests_failed(self):
        found = results.read_gtest(self.folder / "none.xml", "a", True, "")
        self.assertEqual([r.status for r in found], [FAILED])

    def test_cut_xml_failed(self):
        found = results.read_gtest(
            self.write("a.xml", GTEST[:60]), "a", True, "")
        self.assertEqual([r.status for r in found], [FAILED])

    def test_ctest_without_verdict_has_no_results(self):
        self.assertEqual(
            results.read_ctest(self.folder / "none.xml", self.folder), [])

    def test_ctest_failure_is_kept(self):
        junit = self.write("ctest.xml", """<testsuite>
            <testcase name="a" status="run"/>
            <testcase name="b" status="fail"><failure message="x"/></testcase>
            </testsuite>""")
        found = results.read_ctest(junit, self.folder)
        self.assertEqual(
            {r.name: r.status for r in found},
            {"a.Program": PASSED, "b.Program": FAILED})


class SkipListTest(Folder):
    def judge(self, name, kinds):
        skips = results.SkipList(self.write(
            "skips.txt", "# comment\n\nA.* | v1 | no such controller\n"))
        return skips.judge([Result(name, SKIPPED, "why")], kinds)[0].status

    def test_listed_is_a_skip(self):
        self.assertEqual(self.judge("A.Left", {"v1"}), SKIPPED)

    def test_other_host_is_a_failure(self):
        self.assertEqual(self.judge("A.Left", {"v2"}), FAILED)

    def test_unlisted_is_a_failure(self):
        self.assertEqual(self.judge("B.Left", {"v1"}), FAILED)

    def test_an_entry_without_reason_is_refused(self):
        path = self.write("skips.txt", "A.* | v1 |\n")
        with self.assertRaises(ValueError):
            results.SkipList(path)


class StagesTest(Folder):
    def run_stage(self, *command, limit=60):
        runner = stages.Runner(self.folder, self.folder / "logs")
        runner.run("s", command, limit)
        return runner.stages[0]

    def test_success(self):
        self.assertEqual(self.run_stage("true").error, "")

    def test_exit_status(self):
        self.assertIn("exit status 3", self.run_stage(
            "sh", "-c", "exit 3").error)

    def test_time_limit(self):
        self.assertIn("no end after", self.run_stage(
            "sleep", "100", limit=0.2).error)

    def test_a_process_left_behind(self):
        stage = self.run_stage("setsid", "-f", "sleep", "100")
        self.assertRegex(stage.error, r"left behind: (setsid|sleep)\(")
        self.assertEqual(strays.end_all(), [])

    def test_a_program_that_leaves_a_process(self):
        runner = stages.Runner(self.folder, self.folder / "logs")
        program = programs.Program(
            "p", ["/usr/bin/setsid", "-f", "sleep", "100"], {}, 60)
        stage = programs.run_all(runner, "s", [program], {})
        self.assertEqual(
            [(r.name, r.status) for r in stage.results],
            [("p.Program", PASSED), ("p.LeavesNoProcess", FAILED)])

    def test_a_program_that_was_not_built(self):
        runner = stages.Runner(self.folder, self.folder / "logs")
        stage = programs.run_all(
            runner, "s", [programs.Program("p", ["/none"], {}, 60)], {})
        self.assertEqual([r.status for r in stage.results], [FAILED])

    def test_no_program_at_all(self):
        runner = stages.Runner(self.folder, self.folder / "logs")
        self.assertFalse(programs.run_all(runner, "s", [], {}).ok)

    def test_a_broken_stage_counts(self):
        self.assertEqual(
            report.totals([stages.Stage("s", error="x")]), (0, 1, 0))


class HostStateTest(unittest.TestCase):
    LINK = {"ifname": "eth0", "mtu": 1500, "flags": ["UP", "LOWER_UP"]}

    def state(self, **changes):
        line = f"link {host_state.settle({**self.LINK, **changes})}"
        return {line}, {"net/a": changes.get("sysctl", "1")}

    def test_the_same_is_no_difference(self):
        self.assertEqual(
            host_state.differences(self.state(), self.state()), [])

    def test_what_changes_by_itself_is_none(self):
        later = self.state(flags=["UP"], operstate="DOWN")
        self.assertEqual(host_state.differences(self.state(), later), [])

    def test_a_link_that_changed_is_told(self):
        found = host_state.differences(self.state(), self.state(mtu=1400))
        self.assertEqual([line[0] for line in found], ["-", "+"])

    def test_a_sysctl_that_changed_is_told(self):
        later = self.state()[0], {"net/a": "0", "net/of_a_module": "1"}
        self.assertEqual(
            host_state.differences(self.state(), later), ["net/a: 1 -> 0"])

    def test_this_host_can_be_read(self):
        lines, sysctls = host_state.take()
        self.assertTrue(any(line.startswith("link ") for line in lines))
        self.assertIn("/proc/sys/net/ipv4/ip_forward", sysctls)
        self.assertEqual(
            host_state.differences((lines, sysctls), host_state.take()), [])


def main():
    """Quiet when all is well."""
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "-q", "selftest"],
        cwd=pathlib.Path(__file__).parent, capture_output=True, text=True,
        check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


if __name__ == "__main__":
    unittest.main()
