// What a shim recorded about an exit, as the record that clients see.
//
// Process: caissond. Thread: any; pure.
#ifndef CAISSON_SERVER_CORE_LAUNCH_EXIT_INFO_H_
#define CAISSON_SERVER_CORE_LAUNCH_EXIT_INFO_H_

#include <cstdint>
#include <string_view>

#include "absl/time/time.h"

#include "runtime/record/exit_record.h"
#include "server/store/records.h"

namespace caisson::core {

// Of a record that passed CheckExitRecord.
store::ExitInfo ExitInfoOf(const record::ExitRecord& record);

// The end of a run that nobody saw: kind unknown, output cut by an unknown
// amount. `reason` is kShimLost, kHostReboot or kUnknown.
store::ExitInfo UnknownExit(int64_t run, store::ExitReason reason,
                            std::string_view message, absl::Time start_time,
                            absl::Time exit_time);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_LAUNCH_EXIT_INFO_H_
