// Names and numbers of signals, as clients write them.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_SPEC_SIGNAL_H_
#define CAISSON_RUNTIME_SPEC_SIGNAL_H_

#include <optional>
#include <string>
#include <string_view>

namespace caisson::spec {

// "SIGTERM", "TERM", "15", "SIGRTMIN+3", "RTMAX-1"; names in either case.
// Nothing for any other text and for numbers outside of 1..64.
std::optional<int> ParseSignal(std::string_view text);

// "SIGTERM"; "SIGRTMIN+3"; "SIG<number>" when it has no name.
std::string SignalName(int signal);

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_SIGNAL_H_
