// The device allow-list on cgroup v2: a BPF program, attached to the
// directory, that the kernel asks at every open and mknod of a device.
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/init/context.h"
#include "runtime/init/syscalls.h"
#include "runtime/plan/ops.h"

namespace caisson::init {

using plan::Op;

// Attached before anybody is in the cgroup. The attachment lives as long as
// the directory, so the program's own fd can go.
int AttachDeviceFilter(Context& context, const Op& op) noexcept {
  bpf_attr load = {};
  load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  load.insns = reinterpret_cast<uintptr_t>(context.Str(op.s1));
  load.insn_cnt = op.s1.size / static_cast<uint32_t>(sizeof(bpf_insn));
  load.license = reinterpret_cast<uintptr_t>("Apache-2.0");
  const ScopedFd program(
      static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load))));
  if (!program.ok()) return errno;
  const ScopedFd directory(
      ::open(context.Str(op.s2), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok()) return errno;
  bpf_attr attach = {};
  attach.target_fd = static_cast<uint32_t>(directory.get());
  attach.attach_bpf_fd = static_cast<uint32_t>(program.get());
  attach.attach_type = BPF_CGROUP_DEVICE;
  attach.attach_flags = BPF_F_ALLOW_MULTI;
  return ErrnoIf(::syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)) !=
                 0);
}

}  // namespace caisson::init
