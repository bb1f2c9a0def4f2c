// Values of a spec to JSON, by the field lists of json_fields.h. Internal to
// json.cc.
//
// Process: daemon. Thread: any; pure.
//
//   string       "text", or {"b64": "..."} when it is not UTF-8
//   enum         its number
//   Duration     [seconds, nanoseconds]
//   map          {"key": value}, or [[key, value], ...] when a key is not UTF-8
//   unset        left out, as are structs and lists equal to the default
#ifndef CAISSON_RUNTIME_SPEC_JSON_WRITER_H_
#define CAISSON_RUNTIME_SPEC_JSON_WRITER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

#include "runtime/spec/json_fields.h"
#include "runtime/spec/utf8.h"

namespace caisson::spec {

class JsonWriter {
 public:
  using Json = nlohmann::json;

  static Json Write(bool value) { return value; }
  static Json Write(int32_t value) { return value; }
  static Json Write(int64_t value) { return value; }

  static Json Write(const std::string& text) {
    if (IsUtf8(text)) return text;
    return {{"b64", absl::Base64Escape(text)}};
  }

  static Json Write(const absl::Duration& value) {
    absl::Duration rest;
    const int64_t seconds = absl::IDivDuration(value, absl::Seconds(1), &rest);
    return Json::array({seconds, absl::ToInt64Nanoseconds(rest)});
  }

  template <typename Enum>
  requires std::is_enum_v<Enum>
  static Json Write(const Enum& value) { return static_cast<int>(value); }

  template <typename T>
  static Json Write(const std::optional<T>& value) {
    return value.has_value() ? Write(*value) : Json();
  }

  template <typename T>
  static Json Write(const std::vector<T>& list) {
    Json out = Json::array();
    for (const T& item : list) out.push_back(Write(item));
    return out;
  }

  static Json Write(const std::map<std::string, std::string>& map) {
    Json object = Json::object();
    Json pairs = Json::array();
    bool plain = true;
    for (const auto& [key, value] : map) {
      plain = plain && IsUtf8(key);
      if (plain) object[key] = Write(value);
      pairs.push_back(Json::array({Write(key), Write(value)}));
    }
    return plain ? object : pairs;
  }

  template <typename Struct>
  requires std::is_class_v<Struct>
  static Json Write(const Struct& value) {
    Json out = Json::object();
    VisitFields(value, [&out](const char* name, const auto& member) {
      using Member = std::remove_cvref_t<decltype(member)>;
      if (member == Member()) return;
      out[name] = Write(member);
    });
    return out;
  }
};

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_JSON_WRITER_H_
