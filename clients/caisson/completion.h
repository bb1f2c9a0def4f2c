// Completion scripts, made from the table of verbs and their flags.
//
// Thread: any.
#ifndef CAISSON_CLIENTS_CAISSON_COMPLETION_H_
#define CAISSON_CLIENTS_CAISSON_COMPLETION_H_

#include <string>

namespace caisson::cli {

std::string BashCompletion();
std::string ZshCompletion();
std::string FishCompletion();

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_COMPLETION_H_
