// The process part of specs, and helpers for text. Internal to the translation
// of specs.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_TRANSLATE_PROCESS_TO_PROTO_H_
#define CAISSON_SERVER_TRANSLATE_PROCESS_TO_PROTO_H_

#include <map>
#include <string>
#include <vector>

#include "google/protobuf/map.h"
#include "google/protobuf/repeated_ptr_field.h"

#include "caisson/v1/process.pb.h"
#include "runtime/spec/process.h"
#include "server/translate/spec_to_proto.h"
#include "server/translate/utf8.h"

namespace caisson::translate {

void ProcessToProto(const spec::Process& process, ViewKind view,
                    caisson::v1::Process* out);

inline void ListToProto(const std::vector<std::string>& list,
                        google::protobuf::RepeatedPtrField<std::string>* out) {
  for (const std::string& text : list) *out->Add() = SanitizeUtf8(text);
}

inline void MapToProto(const std::map<std::string, std::string>& map,
                       google::protobuf::Map<std::string, std::string>* out) {
  for (const auto& [key, value] : map) {
    (*out)[SanitizeUtf8(key)] = SanitizeUtf8(value);
  }
}

}  // namespace caisson::translate

#endif  // CAISSON_SERVER_TRANSLATE_PROCESS_TO_PROTO_H_
