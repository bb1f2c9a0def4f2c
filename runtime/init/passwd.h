// Reads the text of /etc/passwd and /etc/group: hostile input from an image.
// No allocation, one pass, first match wins, malformed lines are skipped.
//
// Process: child (after pivot_root or setns). Thread: the only one. Results
// point into the caller's text.
#ifndef CAISSON_RUNTIME_INIT_PASSWD_H_
#define CAISSON_RUNTIME_INIT_PASSWD_H_

#include <stddef.h>
#include <stdint.h>

namespace caisson::init {

// Bytes that somebody else owns; no NUL at the end.
struct Text {
  const char* data = nullptr;
  size_t size = 0;
};

bool TextEquals(Text text, const char* c_string) noexcept;

// Digits only, no sign, no space, at most 4294967294: (uint32_t)-1 means "no
// change" to the kernel, and a number that wraps would be another user
// (CVE-2024-40635).
bool ParseId(Text text, uint32_t* id) noexcept;

// Digits only: such a string is a number, never a name, even if the file has
// an entry of that name (CVE-2016-3697).
bool IsNumber(Text text) noexcept;

struct PasswdEntry {
  Text name;
  uint32_t uid = 0;
  uint32_t gid = 0;
  Text home;
};

// The entry of that name, or of that id. False: there is none.
bool FindUserByName(Text passwd, const char* name, PasswdEntry* out) noexcept;
bool FindUserById(Text passwd, uint32_t uid, PasswdEntry* out) noexcept;

// The gid of the group of that name. False: there is none.
bool FindGroup(Text group, const char* name, uint32_t* gid) noexcept;

// Appends to ids[*count] the gids of all groups that list `user` as a member
// and are not there yet. False: more than `capacity`.
bool CollectGroups(Text group, Text user, uint32_t* ids, size_t* count,
                   size_t capacity) noexcept;

}  // namespace caisson::init

#endif  // CAISSON_RUNTIME_INIT_PASSWD_H_
