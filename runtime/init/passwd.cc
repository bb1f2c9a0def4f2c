#include "runtime/init/passwd.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace caisson::init {
namespace {

// Cuts the next piece before `separator` off *rest. False at the end.
bool Cut(Text* rest, char separator, Text* piece) noexcept {
  if (rest->data == nullptr) return false;
  const void* const found =
      rest->size == 0 ? nullptr : memchr(rest->data, separator, rest->size);
  if (found == nullptr) {
    *piece = *rest;
    *rest = Text{};
    return true;
  }
  const size_t length =
      static_cast<size_t>(static_cast<const char*>(found) - rest->data);
  *piece = Text{rest->data, length};
  *rest = Text{rest->data + length + 1, rest->size - length - 1};
  return true;
}

bool Equal(Text a, Text b) noexcept {
  return a.size == b.size &&
         (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

// A NUL or another control character in a line is somebody's trick.
bool Clean(Text text) noexcept {
  for (size_t i = 0; i < text.size; ++i) {
    const auto c = static_cast<unsigned char>(text.data[i]);
    if (c < 0x20 || c == 0x7f) return false;
  }
  return true;
}

// name:password:uid:gid:comment:home:shell. The comment and the shell may be
// anything; a line without them is still a user.
bool ParsePasswdLine(Text line, PasswdEntry* out) noexcept {
  Text field[6];
  size_t count = 0;
  if (!Clean(line)) return false;
  while (count < 6 && Cut(&line, ':', &field[count])) ++count;
  if (count < 4 || field[0].size == 0) return false;
  *out = PasswdEntry{};
  out->name = field[0];
  if (count == 6) out->home = field[5];
  return ParseId(field[2], &out->uid) && ParseId(field[3], &out->gid);
}

struct GroupEntry {
  Text name;
  uint32_t gid = 0;
  Text members;
};

// name:password:gid:member,member...
bool ParseGroupLine(Text line, GroupEntry* out) noexcept {
  Text field[3];
  size_t count = 0;
  if (!Clean(line)) return false;
  while (count < 3 && Cut(&line, ':', &field[count])) ++count;
  if (count < 3 || field[0].size == 0) return false;
  *out = GroupEntry{};
  out->name = field[0];
  out->members = line;
  return ParseId(field[2], &out->gid);
}

bool HasMember(Text members, Text user) noexcept {
  Text member;
  while (Cut(&members, ',', &member)) {
    if (Equal(member, user)) return true;
  }
  return false;
}

bool Contains(const uint32_t* ids, size_t count, uint32_t id) noexcept {
  for (size_t i = 0; i < count; ++i) {
    if (ids[i] == id) return true;
  }
  return false;
}

}  // namespace

bool TextEquals(Text text, const char* c_string) noexcept {
  return Equal(text, Text{c_string, strlen(c_string)});
}

bool IsNumber(Text text) noexcept {
  for (size_t i = 0; i < text.size; ++i) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
  }
  return text.size > 0;
}

bool ParseId(Text text, uint32_t* id) noexcept {
  if (!IsNumber(text)) return false;
  uint64_t value = 0;
  for (size_t i = 0; i < text.size; ++i) {
    value = value * 10 + static_cast<uint64_t>(text.data[i] - '0');
    if (value >= UINT32_MAX) return false;
  }
  *id = static_cast<uint32_t>(value);
  return true;
}

bool FindUserByName(Text passwd, const char* name, PasswdEntry* out) noexcept {
  Text line;
  while (Cut(&passwd, '\n', &line)) {
    if (ParsePasswdLine(line, out) && TextEquals(out->name, name)) return true;
  }
  return false;
}

bool FindUserById(Text passwd, uint32_t uid, PasswdEntry* out) noexcept {
  Text line;
  while (Cut(&passwd, '\n', &line)) {
    if (ParsePasswdLine(line, out) && out->uid == uid) return true;
  }
  return false;
}

bool FindGroup(Text group, const char* name, uint32_t* gid) noexcept {
  Text line;
  GroupEntry entry;
  while (Cut(&group, '\n', &line)) {
    if (ParseGroupLine(line, &entry) && TextEquals(entry.name, name)) {
      *gid = entry.gid;
      return true;
    }
  }
  return false;
}

bool CollectGroups(Text group, Text user, uint32_t* ids, size_t* count,
                   size_t capacity) noexcept {
  Text line;
  GroupEntry entry;
  while (Cut(&group, '\n', &line)) {
    if (!ParseGroupLine(line, &entry) || !HasMember(entry.members, user) ||
        Contains(ids, *count, entry.gid)) {
      continue;
    }
    if (*count == capacity) return false;
    ids[(*count)++] = entry.gid;
  }
  return true;
}

}  // namespace caisson::init
