// Field access that cannot fail: nlohmann's own accessors end the process on
// a wrong type when exceptions are off, and a row is only as good as the disk.
//
// Process: caissond. Thread: any (pure).
#ifndef CAISSON_SERVER_STORE_JSON_FIELDS_H_
#define CAISSON_SERVER_STORE_JSON_FIELDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include <nlohmann/json.hpp>

namespace caisson::store {

using Json = nlohmann::json;

// Discarded on a syntax error; an object otherwise is the caller's to check.
Json ParseJson(std::string_view text);
// INTERNAL when `text` is anything else; `what` is the kind of its row.
absl::StatusOr<Json> ParseObject(std::string_view text, std::string_view what);
// Never fails: bytes that are not UTF-8 become U+FFFD.
std::string DumpJson(const Json& json);

// The member, or null.
const Json* Member(const Json& object, const char* key);

// Calls `use(item)` for each element of the member, if that is an array.
template <typename Use>
void ForEachItem(const Json& object, const char* key, Use use) {
  const Json* array = Member(object, key);
  if (array == nullptr || !array->is_array()) return;
  for (const Json& item : *array) use(item);
}

// Leave the value alone when the member is missing or of another type.
void Get(const Json& object, const char* key, std::string* value);
void Get(const Json& object, const char* key, std::vector<std::string>* value);
void Get(const Json& object, const char* key, bool* value);
void Get(const Json& object, const char* key, int64_t* value);
void Get(const Json& object, const char* key, int32_t* value);
void Get(const Json& object, const char* key, absl::Time* value);
void Get(const Json& object, const char* key, std::optional<int64_t>* value);
void Get(const Json& object, const char* key, std::optional<uint32_t>* value);
void Get(const Json& object, const char* key,
         std::optional<absl::Duration>* value);

template <typename E>
int64_t Number(E value) {
  static_assert(std::is_enum_v<E>);
  return static_cast<int64_t>(value);
}

// A number outside [0, last] becomes `fallback`: written by a newer version.
template <typename E>
void GetEnum(const Json& object, const char* key, E last, E fallback,
             E* value) {
  static_assert(std::is_enum_v<E>);
  int64_t number = -1;
  const Json* member = Member(object, key);
  if (member == nullptr) return;
  Get(object, key, &number);
  const bool known = number >= 0 && number <= static_cast<int64_t>(last);
  *value = known ? static_cast<E>(number) : fallback;
}

// Set only what carries information, so that rows stay small.
void Put(Json* object, const char* key, const std::string& value);
void Put(Json* object, const char* key, const std::vector<std::string>& value);
void Put(Json* object, const char* key, int64_t value);
void Put(Json* object, const char* key, absl::Time value);
void Put(Json* object, const char* key, const std::optional<int64_t>& value);
void Put(Json* object, const char* key, const std::optional<uint32_t>& value);
void Put(Json* object, const char* key,
         const std::optional<absl::Duration>& value);

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_JSON_FIELDS_H_
