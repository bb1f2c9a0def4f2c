// Checks what a client asks for, completely and without the host: what passes
// can be planned.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_SPEC_VALIDATE_H_
#define CAISSON_RUNTIME_SPEC_VALIDATE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error_detail.h"
#include "runtime/spec/spec.h"

namespace caisson::spec {

// Every violation, with paths as the API names the fields
// ("spec.process.rlimits[2].name"); empty: the spec is valid. At most
// kMaxViolations are listed, then the search ends.
inline constexpr size_t kMaxViolations = 64;
std::vector<base::FieldViolation> Validate(const ContainerSpec& spec);
std::vector<base::FieldViolation> Validate(const ExecSpec& spec);
std::vector<base::FieldViolation> Validate(const NetworkSpec& spec);
// Of a container that runs; `field` is where the request has it.
std::vector<base::FieldViolation> Validate(const NetworkAttachment& attachment,
                                           const std::string& field);
std::vector<base::FieldViolation> Validate(const PortMapping& port,
                                           const std::string& field);

// Fields whose use is for administrators ("spec.security.privileged"): they
// reach the host's files, devices, namespaces or ids. Empty: anybody may.
std::vector<std::string> AdminFields(const ContainerSpec& spec);
std::vector<std::string> AdminFields(const ExecSpec& spec);
std::vector<std::string> AdminFields(const NetworkSpec& spec);

// Empty, or why `name` cannot be the name of a container or a network. Used for
// references in requests as well.
std::string NameProblem(std::string_view name);
// The same for a network namespace, which has the name of a file.
std::string NetworkNamespaceNameProblem(std::string_view name);
// The same for what a port is published at; empty texts mean the defaults.
std::string HostIpProblem(std::string_view host_ip);
std::string ProtocolProblem(std::string_view protocol);

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_VALIDATE_H_
