// Names of the bits that ops carry: clone, mount and propagation flags.
// Internal to describe.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_PLAN_NAMES_H_
#define CAISSON_RUNTIME_PLAN_NAMES_H_

#include <cstdint>
#include <string>

namespace caisson::plan {

// "pid,net"; bits without a name as a hexadecimal rest.
std::string NamespaceNames(uint64_t clone_flags);
// "ro,nosuid,nodev".
std::string AttributeNames(uint64_t mount_attributes);
// "private", "recursive slave".
std::string PropagationNames(uint64_t mount_flags);

}  // namespace caisson::plan

#endif  // CAISSON_RUNTIME_PLAN_NAMES_H_
