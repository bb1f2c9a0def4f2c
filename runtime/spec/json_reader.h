// JSON to values of a spec: the inverse of json_writer.h. Stops at the first
// problem and says where it is. Internal to json.cc.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_SPEC_JSON_READER_H_
#define CAISSON_RUNTIME_SPEC_JSON_READER_H_

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

#include "runtime/base/str_cat.h"
#include "runtime/spec/json_fields.h"

namespace caisson::spec {

class JsonReader {
 public:
  using Json = nlohmann::json;

  bool ok() const { return problem_.empty(); }
  const std::string& problem() const { return problem_; }

  void Read(const std::string& path, const Json& json, bool& value) {
    if (!json.is_boolean()) return Fail(path, "a boolean");
    value = json.get<bool>();
  }

  void Read(const std::string& path, const Json& json, int64_t& value) {
    const bool fits =
        json.is_number_unsigned()
            ? json.get<uint64_t>() <=
                  static_cast<uint64_t>(std::numeric_limits<int64_t>::max())
            : json.is_number_integer();
    if (!fits) return Fail(path, "a 64-bit integer");
    value = json.get<int64_t>();
  }

  void Read(const std::string& path, const Json& json, int32_t& value) {
    int64_t wide = 0;
    Read(path, json, wide);
    value = static_cast<int32_t>(wide);
    if (value != wide) Fail(path, "a 32-bit integer");
  }

  void Read(const std::string& path, const Json& json, std::string& value) {
    if (json.is_string()) {
      value = json.get_ref<const std::string&>();
      return;
    }
    const bool encoded =
        json.is_object() && json.size() == 1 && json.contains("b64") &&
        json["b64"].is_string() &&
        absl::Base64Unescape(json["b64"].get_ref<const std::string&>(), &value);
    if (!encoded) Fail(path, "a string");
  }

  void Read(const std::string& path, const Json& json, absl::Duration& value) {
    if (!json.is_array() || json.size() != 2) return Fail(path, "a duration");
    int64_t seconds = 0;
    int64_t nanos = 0;
    Read(path, json[0], seconds);
    Read(path, json[1], nanos);
    value = absl::Seconds(seconds) + absl::Nanoseconds(nanos);
  }

  template <typename Enum>
  requires std::is_enum_v<Enum>
  void Read(const std::string& path, const Json& json, Enum& value) {
    int32_t number = 0;
    Read(path, json, number);
    value = static_cast<Enum>(number);
  }

  template <typename T>
  void Read(const std::string& path, const Json& json,
            std::optional<T>& value) {
    Read(path, json, value.emplace());
  }

  template <typename T>
  void Read(const std::string& path, const Json& json, std::vector<T>& list) {
    if (!json.is_array()) return Fail(path, "an array");
    for (const Json& item : json) {
      if (!ok()) return;
      const std::string at = base::StrCat(path, "[", list.size(), "]");
      Read(at, item, list.emplace_back());
    }
  }

  void Read(const std::string& path, const Json& json,
            std::map<std::string, std::string>& map) {
    if (json.is_object()) {
      for (const auto& [key, value] : json.items()) {
        Read(path, value, map[key]);
      }
      return;
    }
    if (!json.is_array()) return Fail(path, "a map");
    for (const Json& pair : json) {
      if (!pair.is_array() || pair.size() != 2) return Fail(path, "a map");
      std::string key;
      Read(path, pair[0], key);
      Read(path, pair[1], map[std::move(key)]);
    }
  }

  template <typename Struct>
  requires std::is_class_v<Struct>
  void Read(const std::string& path, const Json& json, Struct& value) {
    if (!json.is_object()) return Fail(path, "an object");
    size_t known = 0;
    VisitFields(value, [&](const char* name, auto& member) {
      const auto found = json.find(name);
      if (found == json.end() || !ok()) return;
      ++known;
      Read(base::StrCat(path, ".", name), *found, member);
    });
    // A field that this version does not know may be one that protects.
    if (ok() && known != json.size()) Fail(path, "without unknown fields");
  }

 private:
  void Fail(std::string_view path, std::string_view expected) {
    if (ok()) problem_ = base::StrCat(path, ": must be ", expected);
  }

  std::string problem_;
};

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_JSON_READER_H_
