// Many questions at once from one place of a network: who answers, and under
// which address the asker is seen, or that nobody does. The asking is done by
// caisson-probe, in a container or in a namespace beside it.
#ifndef CAISSON_TESTS_INTEGRATION_NETWORK_ASKER_H_
#define CAISSON_TESTS_INTEGRATION_NETWORK_ASKER_H_

#include <string>
#include <vector>

namespace caisson::testing {

struct Question {
  // For people who read a failure.
  std::string what;
  // "tcp", "udp" or "ping"
  std::string protocol;
  std::string address;
  int port = 0;
  // "NAME ADDRESS" of caisson-probe serve, "pong" of ping; empty: nobody
  // answers.
  std::string expected;
};

// The arguments of caisson-probe. Those that shall be answered have long.
std::vector<std::string> AskArguments(const std::vector<Question>& questions);

// What is not as expected in the probe's output, a line each; empty when all
// is.
std::string WrongAnswers(const std::vector<Question>& questions,
                         const std::string& output);

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_INTEGRATION_NETWORK_ASKER_H_
