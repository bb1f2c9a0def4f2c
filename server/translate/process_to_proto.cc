#include "server/translate/process_to_proto.h"

namespace caisson::translate {
namespace {

namespace pb = ::caisson::v1;

void CapabilitiesToProto(const spec::Capabilities& capabilities,
                         pb::Capabilities* out) {
  ListToProto(capabilities.add, out->mutable_add());
  ListToProto(capabilities.drop, out->mutable_drop());
  ListToProto(capabilities.ambient, out->mutable_ambient());
  if (!capabilities.exact) return;
  pb::CapabilitySets* exact = out->mutable_exact();
  ListToProto(capabilities.exact->bounding, exact->mutable_bounding());
  ListToProto(capabilities.exact->effective, exact->mutable_effective());
  ListToProto(capabilities.exact->permitted, exact->mutable_permitted());
  ListToProto(capabilities.exact->inheritable, exact->mutable_inheritable());
  ListToProto(capabilities.exact->ambient, exact->mutable_ambient());
}

}  // namespace

void ProcessToProto(const spec::Process& process, ViewKind view,
                    pb::Process* out) {
  ListToProto(process.command, out->mutable_command());
  ListToProto(process.args, out->mutable_args());
  out->set_tty(process.tty);
  if (view == ViewKind::kBasic) {
    // The short view has no bytes: arguments are there to be looked at.
    ListToProto(process.args_raw, out->mutable_args());
    return;
  }
  for (const std::string& arg : process.args_raw) out->add_args_raw(arg);
  MapToProto(process.env, out->mutable_env());
  for (const auto& [name, value] : process.env_raw) {
    (*out->mutable_env_raw())[SanitizeUtf8(name)] = value;
  }
  out->set_working_dir(SanitizeUtf8(process.working_dir));
  out->set_user(SanitizeUtf8(process.user));
  ListToProto(process.extra_groups, out->mutable_extra_groups());
  out->set_strict_groups(process.strict_groups);
  if (process.terminal_size) {
    out->mutable_terminal_size()->set_rows(process.terminal_size->rows);
    out->mutable_terminal_size()->set_cols(process.terminal_size->cols);
  }
  out->set_stdin(static_cast<pb::StdinMode>(process.stdin_mode));
  if (process.capabilities) {
    CapabilitiesToProto(*process.capabilities, out->mutable_capabilities());
  }
  out->set_allow_new_privileges(process.allow_new_privileges);
  for (const spec::Rlimit& limit : process.rlimits) {
    pb::Rlimit* added = out->add_rlimits();
    added->set_name(SanitizeUtf8(limit.name));
    added->set_soft(limit.soft);
    added->set_hard(limit.hard);
  }
  if (process.umask) out->set_umask(*process.umask);
  if (process.oom_score_adj) out->set_oom_score_adj(*process.oom_score_adj);
}

}  // namespace caisson::translate
