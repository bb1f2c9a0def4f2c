#include "server/translate/process_from_proto.h"

#include "server/translate/time.h"

namespace caisson::translate {
namespace {

namespace pb = ::caisson::v1;

spec::CapabilitySets SetsFromProto(const pb::CapabilitySets& proto) {
  return {.bounding = ListFromProto(proto.bounding()),
          .effective = ListFromProto(proto.effective()),
          .permitted = ListFromProto(proto.permitted()),
          .inheritable = ListFromProto(proto.inheritable()),
          .ambient = ListFromProto(proto.ambient())};
}

spec::Capabilities CapabilitiesFromProto(const pb::Capabilities& proto) {
  spec::Capabilities out;
  out.add = ListFromProto(proto.add());
  out.drop = ListFromProto(proto.drop());
  out.ambient = ListFromProto(proto.ambient());
  if (proto.has_exact()) out.exact = SetsFromProto(proto.exact());
  return out;
}

}  // namespace

spec::Process ProcessFromProto(const pb::Process& proto) {
  spec::Process out;
  out.command = ListFromProto(proto.command());
  out.args = ListFromProto(proto.args());
  out.args_raw = ListFromProto(proto.args_raw());
  out.env = MapFromProto(proto.env());
  out.env_raw = MapFromProto(proto.env_raw());
  out.working_dir = proto.working_dir();
  out.user = proto.user();
  out.extra_groups = ListFromProto(proto.extra_groups());
  out.strict_groups = proto.strict_groups();
  out.tty = proto.tty();
  if (proto.has_terminal_size()) {
    out.terminal_size =
        spec::TerminalSize{.rows = proto.terminal_size().rows(),
                           .cols = proto.terminal_size().cols()};
  }
  out.stdin_mode = static_cast<spec::StdinMode>(proto.stdin());
  if (proto.has_capabilities()) {
    out.capabilities = CapabilitiesFromProto(proto.capabilities());
  }
  out.allow_new_privileges = proto.allow_new_privileges();
  for (const pb::Rlimit& limit : proto.rlimits()) {
    out.rlimits.push_back({.name = limit.name(),
                           .soft = limit.soft(),
                           .hard = limit.hard(),
                           .from_default = false});
  }
  if (proto.has_umask()) out.umask = proto.umask();
  if (proto.has_oom_score_adj()) out.oom_score_adj = proto.oom_score_adj();
  return out;
}

void RequireTrue(bool value, std::string_view field,
                 std::vector<base::FieldViolation>* violations) {
  if (value) return;
  violations->push_back({std::string(field), "must be true when it is set"});
}

std::optional<absl::Duration> DurationField(
    const google::protobuf::Duration& proto, std::string_view field,
    std::vector<base::FieldViolation>* violations) {
  const auto duration = DurationFromProto(proto);
  if (!duration) {
    violations->push_back(
        {std::string(field),
         "is no valid duration: seconds and nanos out of range or of "
         "different signs"});
  }
  return duration;
}

}  // namespace caisson::translate
