#include "server/store/json_fields.h"

#include <limits>

#include "absl/strings/str_cat.h"

#include "server/store/codec.h"
#include "server/store/string_view.h"

namespace caisson::store {

Json ParseJson(std::string_view text) {
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

absl::StatusOr<Json> ParseObject(std::string_view text, std::string_view what) {
  Json json = ParseJson(text);
  if (json.is_object()) return json;
  return absl::InternalError(
      absl::StrCat("store: a ", AbslView(what), " row is not a JSON object"));
}

std::string DumpJson(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json* Member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

void Get(const Json& object, const char* key, std::string* value) {
  const Json* member = Member(object, key);
  if (member == nullptr || !member->is_string()) return;
  *value = *member->get_ptr<const std::string*>();
}

void Get(const Json& object, const char* key, std::vector<std::string>* value) {
  const Json* member = Member(object, key);
  if (member == nullptr || !member->is_array()) return;
  value->clear();
  for (const Json& item : *member) {
    if (item.is_string()) value->push_back(item.get<std::string>());
  }
}

void Get(const Json& object, const char* key, bool* value) {
  int64_t number = *value ? 1 : 0;
  Get(object, key, &number);
  *value = number != 0;
}

void Get(const Json& object, const char* key, int64_t* value) {
  std::optional<int64_t> number;
  Get(object, key, &number);
  if (number.has_value()) *value = *number;
}

void Get(const Json& object, const char* key, int32_t* value) {
  std::optional<int64_t> number;
  Get(object, key, &number);
  if (!number.has_value()) return;
  if (*number < std::numeric_limits<int32_t>::min()) return;
  if (*number > std::numeric_limits<int32_t>::max()) return;
  *value = static_cast<int32_t>(*number);
}

void Get(const Json& object, const char* key, absl::Time* value) {
  std::optional<int64_t> number;
  Get(object, key, &number);
  if (number.has_value()) *value = DecodeTime(*number);
}

void Get(const Json& object, const char* key, std::optional<int64_t>* value) {
  const Json* member = Member(object, key);
  if (member == nullptr || !member->is_number_integer()) return;
  if (member->is_number_unsigned() &&
      *member->get_ptr<const Json::number_unsigned_t*>() >
          static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return;
  }
  *value = member->get<int64_t>();
}

void Get(const Json& object, const char* key, std::optional<uint32_t>* value) {
  std::optional<int64_t> number;
  Get(object, key, &number);
  if (!number.has_value() || *number < 0) return;
  if (*number > std::numeric_limits<uint32_t>::max()) return;
  *value = static_cast<uint32_t>(*number);
}

void Get(const Json& object, const char* key,
         std::optional<absl::Duration>* value) {
  std::optional<int64_t> number;
  Get(object, key, &number);
  if (number.has_value()) *value = absl::Nanoseconds(*number);
}

void Put(Json* object, const char* key, const std::string& value) {
  if (!value.empty()) (*object)[key] = value;
}

void Put(Json* object, const char* key, const std::vector<std::string>& value) {
  if (!value.empty()) (*object)[key] = value;
}

void Put(Json* object, const char* key, int64_t value) {
  if (value != 0) (*object)[key] = value;
}

void Put(Json* object, const char* key, absl::Time value) {
  if (value != absl::InfinitePast()) (*object)[key] = EncodeTime(value);
}

void Put(Json* object, const char* key, const std::optional<int64_t>& value) {
  if (value.has_value()) (*object)[key] = *value;
}

void Put(Json* object, const char* key, const std::optional<uint32_t>& value) {
  if (value.has_value()) (*object)[key] = *value;
}

void Put(Json* object, const char* key,
         const std::optional<absl::Duration>& value) {
  if (value.has_value()) (*object)[key] = absl::ToInt64Nanoseconds(*value);
}

}  // namespace caisson::store
