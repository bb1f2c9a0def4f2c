#include "tests/integration/cgroup_member.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "runtime/base/check.h"
#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::testing {
namespace {

using cgroup::CgroupStep;
using cgroup::StepKind;

uint64_t Pointer(const void* data) {
  return reinterpret_cast<uintptr_t>(data);
}

absl::StatusOr<base::UniqueFd> LoadDeviceProgram(const std::string& code) {
  bpf_attr attr = {};
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = Pointer(code.data());
  attr.insn_cnt = static_cast<uint32_t>(code.size() / sizeof(bpf_insn));
  attr.license = Pointer("Apache-2.0");
  base::UniqueFd fd(
      static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr))));
  if (!fd.is_valid()) return base::SyscallError("bpf", "BPF_PROG_LOAD");
  return fd;
}

absl::Status AttachDeviceProgram(const CgroupStep& step) {
  CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd program,
                           LoadDeviceProgram(step.value));
  CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                           base::Open(step.path, O_RDONLY | O_DIRECTORY));
  bpf_attr attr = {};
  attr.target_fd = static_cast<uint32_t>(directory.get());
  attr.attach_bpf_fd = static_cast<uint32_t>(program.get());
  attr.attach_type = BPF_CGROUP_DEVICE;
  attr.attach_flags = BPF_F_ALLOW_MULTI;
  if (::syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)) != 0) {
    return base::SyscallError("bpf", step.path);
  }
  return absl::OkStatus();
}

absl::Status ApplyStep(const CgroupStep& step, OpenedLayout* opened) {
  switch (step.kind) {
    case StepKind::kMkdir:
      if (::mkdir(step.path.c_str(), 0755) == 0) return absl::OkStatus();
      return base::SyscallError("mkdir", step.path);
    case StepKind::kWrite: {
      const absl::Status status = base::WriteFile(step.path, step.value);
      const bool missing = base::ErrnoOf(status) == ENOENT;
      return step.optional && missing ? absl::OkStatus() : status;
    }
    case StepKind::kAttachDeviceBpf:
      return AttachDeviceProgram(step);
    case StepKind::kOpenTasks: {
      CAISSON_ASSIGN_OR_RETURN(base::UniqueFd fd,
                               base::Open(step.path, O_WRONLY));
      opened->tasks.push_back(std::move(fd));
      return absl::OkStatus();
    }
    case StepKind::kOpenDirForClone: {
      CAISSON_ASSIGN_OR_RETURN(opened->clone_directory,
                               base::Open(step.path, O_PATH | O_DIRECTORY));
      return absl::OkStatus();
    }
  }
  return absl::InternalError("unknown step");
}

pid_t Clone(const OpenedLayout& opened) {
  clone_args args = {};
  args.exit_signal = SIGCHLD;
  if (opened.clone_directory.is_valid()) {
    args.flags = CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(opened.clone_directory.get());
  }
  return static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof(args)));
}

}  // namespace

absl::Status ApplySteps(const std::vector<CgroupStep>& steps,
                        OpenedLayout* opened) {
  for (const CgroupStep& step : steps) {
    CAISSON_RETURN_IF_ERROR(ApplyStep(step, opened));
  }
  return absl::OkStatus();
}

CgroupMember::CgroupMember(const OpenedLayout& opened,
                           const std::function<int()>& body) {
  pid_ = Clone(opened);
  CAISSON_CHECK(pid_ >= 0);
  if (pid_ > 0) return;
  for (const base::UniqueFd& tasks : opened.tasks) {
    if (::write(tasks.get(), "0", 1) != 1) ::_exit(99);
  }
  ::_exit(body());
}

CgroupMember::~CgroupMember() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  Wait();
}

int CgroupMember::Wait() {
  int status = -1;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

}  // namespace caisson::testing
