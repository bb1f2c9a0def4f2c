// What caisson-probe can do. A mode gets the arguments after its name and
// returns the exit status of the program.
//
// The probe is static and small: it runs as the main process of containers that
// hold nothing else, and tells tests what it finds there. Facts are lines
// "name=value" with the bytes of the value escaped as in C, so that a test can
// compare them exactly.
#ifndef CAISSON_TESTS_INSIDE_MODES_H_
#define CAISSON_TESTS_INSIDE_MODES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::inside {

using Arguments = std::vector<std::string>;

// Prints "name=value", the value escaped.
void PrintFact(std::string_view name, std::string_view value);

// "ok" or the name of an errno ("EPERM").
std::string ErrnoText(int err);

// The decimal number, or `otherwise`.
int64_t NumberOr(const std::string& text, int64_t otherwise);

// Everything about the process; with arguments only the sections named.
int Facts(const Arguments& arguments);
// The errno of system calls by name; without arguments of all that are known.
int ProbeCalls(const Arguments& arguments);
// One operation on a path and its errno: open PATH r|w|rw, mknod PATH c|b A B,
// write PATH TEXT, mkdir PATH, mount TYPE TARGET, remount-rw PATH, chown PATH
// UID, setuid UID, ptrace PID, kill PID SIGNAL.
int TryOne(const Arguments& arguments);

// Writes BYTES [SEED] [stdout|stderr] pseudo-random bytes and nothing else.
int WriteRandom(const Arguments& arguments);
// Reads stdin to its end; prints bytes= and sha256=.
int ReadAll(const Arguments& arguments);
// Copies stdin to stdout.
int Echo(const Arguments& arguments);
// COUNT numbered lines, odd ones to stdout and even ones to stderr.
int Lines(const Arguments& arguments);

// Exits with CODE.
int Exit(const Arguments& arguments);
// Dies of signal NUMBER.
int Die(const Arguments& arguments);
// Prints "ready", then the name of each signal it gets; the options
// "exit=CODE" makes it exit at the first.
int TrapSignals(const Arguments& arguments);
// Prints "ready" and waits for ever.
int Pause(const Arguments& arguments);
// Forks a child that holds stdout open for SECONDS, and exits with 0.
int HoldOutput(const Arguments& arguments);
// Makes COUNT orphans that end at once, prints zombies= once all are gone.
int MakeOrphans(const Arguments& arguments);
// Forks up to COUNT children that wait; prints forked= and errno=.
int ForkMany(const Arguments& arguments);
// Touches BYTES of memory, prints "ate", then waits for ever.
int EatMemory(const Arguments& arguments);
// Burns processor time for SECONDS; prints rounds=.
int Spin(const Arguments& arguments);
// Looks at every other process, its executable and its fds, and tries to trace
// it, until SIGTERM; prints seen= and a found= for each thing that is not of
// this container.
int SpyOnOthers(const Arguments& arguments);
// Prints the size of the terminal, and again at each change until stdin ends.
int WatchSize(const Arguments& arguments);

// NAME PORT ECHO_PORT: whoever comes to PORT, over TCP or UDP, is told the name
// and the address that it came from; what comes to ECHO_PORT goes back. Prints
// serving= once it listens, and does not end.
int Serve(const Arguments& arguments);
// Each argument is a question ID/PROTOCOL/ADDRESS/PORT/MILLISECONDS; PROTOCOL
// is tcp, udp or ping. All are asked at once; prints ID= and what was said, or
// "!" and the name of an errno when nobody answered in time.
int Ask(const Arguments& arguments);
// ADDRESS PORT: sends bytes without end to what echoes them, and compares.
// Prints connected=, for each word of stdin WORD= with how many bytes are back,
// and at its end, when all are, sent=, received= and wrong=.
int Converse(const Arguments& arguments);

}  // namespace caisson::inside

#endif  // CAISSON_TESTS_INSIDE_MODES_H_
