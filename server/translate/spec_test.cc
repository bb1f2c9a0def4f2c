// Every field of the specs survives the way in and out: the test fills each
// message by reflection, so that a field that is added to the API and
// forgotten here fails.
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_matchers.h"
#include "server/translate/spec_from_proto.h"
#include "server/translate/spec_to_proto.h"

namespace caisson::translate {
namespace {

namespace pb = ::caisson::v1;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Sets every field of a message to a value of its own. Of a oneof, `variant`
// chooses the member.
class Filler {
 public:
  explicit Filler(int variant) : variant_(variant) {}

  void Fill(Message* message) {
    const auto* descriptor = message->GetDescriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor* field = descriptor->field(i);
      const auto* oneof = field->real_containing_oneof();
      if (oneof != nullptr &&
          field->index_in_oneof() != variant_ % oneof->field_count()) {
        continue;
      }
      FillField(message, field);
    }
  }

 private:
  void FillField(Message* message, const FieldDescriptor* field) {
    const auto* reflection = message->GetReflection();
    const int count = field->is_repeated() ? 2 : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        Message* child = field->is_repeated()
                             ? reflection->AddMessage(message, field)
                             : reflection->MutableMessage(message, field);
        Fill(child);
      } else {
        FillScalar(message, field);
      }
    }
  }

  void FillScalar(Message* message, const FieldDescriptor* field) {
    const auto* reflection = message->GetReflection();
    const int value = ++next_;
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        if (field->is_repeated()) {
          reflection->AddString(message, field, "s" + std::to_string(value));
        } else {
          reflection->SetString(message, field, "s" + std::to_string(value));
        }
        return;
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection->SetBool(message, field, true);
      case FieldDescriptor::CPPTYPE_INT32:
        return reflection->SetInt32(message, field, value);
      case FieldDescriptor::CPPTYPE_INT64:
        return reflection->SetInt64(message, field, value);
      case FieldDescriptor::CPPTYPE_ENUM:
        return reflection->SetEnumValue(
            message, field,
            field->enum_type()
                ->value(field->enum_type()->value_count() - 1)
                ->number());
      default:
        FAIL() << "no value for " << field->full_name();
    }
  }

  const int variant_;
  int next_ = 0;
};

template <typename Spec, typename Proto>
void ToProto(const Spec& spec, Proto* out) {
  SpecToProto(spec, ViewKind::kFull, out);
}
void ToProto(const spec::NetworkSpec& spec, pb::NetworkSpec* out) {
  SpecToProto(spec, out);
}

template <typename Proto>
void ExpectRoundTrip(const Proto& in) {
  Violations violations;
  const auto spec = TranslateSpec(in, &violations);
  for (const auto& violation : violations) {
    ADD_FAILURE() << violation.field << ": " << violation.description;
  }
  Proto out;
  ToProto(spec, &out);
  google::protobuf::util::MessageDifferencer differencer;
  std::string differences;
  differencer.ReportDifferencesToString(&differences);
  EXPECT_TRUE(differencer.Compare(in, out)) << differences;
}

TEST(SpecTest, EveryFieldOfAContainerSurvives) {
  for (int variant = 0; variant < 4; ++variant) {
    pb::ContainerSpec in;
    Filler(variant).Fill(&in);
    ExpectRoundTrip(in);
  }
}

TEST(SpecTest, EveryFieldOfAnExecSurvives) {
  pb::ExecSpec in;
  Filler(0).Fill(&in);
  ExpectRoundTrip(in);
}

TEST(SpecTest, EveryFieldOfANetworkSurvives) {
  for (int variant = 0; variant < 2; ++variant) {
    pb::NetworkSpec in;
    Filler(variant).Fill(&in);
    ExpectRoundTrip(in);
  }
}

TEST(SpecTest, WhatIsUnsetStaysUnset) {
  ExpectRoundTrip(pb::NetworkSpec());
  pb::ExecSpec exec;
  exec.mutable_process();
  ExpectRoundTrip(exec);
  pb::ContainerSpec in;
  in.mutable_rootfs();
  in.mutable_process();
  ExpectRoundTrip(in);
}

TEST(SpecTest, ZeroIsNotUnset) {
  pb::ContainerSpec in;
  in.mutable_rootfs();
  in.mutable_process()->set_umask(0);
  in.mutable_stop_timeout();
  in.mutable_delete_after_exit();
  in.mutable_security()->mutable_masked_paths();
  in.mutable_resources()->mutable_memory()->set_swap_limit_bytes(0);
  in.mutable_network()->mutable_attach()->add_networks()->set_default_route(
      false);
  in.mutable_network()->mutable_dns();
  ExpectRoundTrip(in);
}

TEST(SpecTest, TheBasicViewHasNoSecrets) {
  spec::ContainerSpec spec;
  spec.name = "web";
  spec.process.args_raw = {"a\xFF"};
  spec.process.env["TOKEN"] = "secret";
  spec.process.env_raw["KEY"] = "secret";
  spec.sysctls["a"] = "b";
  pb::ContainerSpec out;
  SpecToProto(spec, ViewKind::kBasic, &out);
  EXPECT_EQ(out.name(), "web");
  EXPECT_EQ(out.process().args(0), "a\xEF\xBF\xBD");
  EXPECT_THAT(out.SerializeAsString(),
              testing::Not(testing::HasSubstr("secret")));
  EXPECT_EQ(out.sysctls_size(), 0);
}

TEST(SpecTest, WhatIsNotUtf8IsStillValidProtobuf) {
  spec::ContainerSpec spec;
  spec.process.command = {"\xFF"};
  spec.labels["\xFE"] = "\xFD";
  spec.rootfs.host_directory.emplace();
  spec.rootfs.host_directory->path = "/\xFC";
  pb::ContainerSpec out, parsed;
  SpecToProto(spec, ViewKind::kFull, &out);
  EXPECT_TRUE(parsed.ParseFromString(out.SerializeAsString()));
}

TEST(SpecTest, ViolationsAreNamedBelowTheField) {
  pb::ContainerSpec in;
  in.mutable_network()->set_none(false);
  in.mutable_limits()->mutable_grace()->set_nanos(2'000'000'000);
  const auto spec = ContainerSpecFromProto(in, "start.spec");
  ASSERT_THAT(spec, base::ReasonIs("INVALID_FIELD"));
  std::vector<std::string> fields;
  for (const auto& violation : base::DetailOf(spec.status()).violations) {
    fields.push_back(violation.field);
  }
  EXPECT_THAT(fields, testing::IsSupersetOf(
                          {"start.spec.network.none", "start.spec.limits.grace",
                           "start.spec.rootfs.host_directory"}));
}

TEST(SpecTest, ANetworkIsChecked) {
  pb::NetworkSpec in;
  in.set_mtu(1);
  in.mutable_nat4()->set_routed(false);
  in.mutable_nat6()->set_source("");
  const auto spec = NetworkSpecFromProto(in, "spec");
  ASSERT_THAT(spec, base::ReasonIs("INVALID_FIELD"));
  std::vector<std::string> fields;
  for (const auto& violation : base::DetailOf(spec.status()).violations) {
    fields.push_back(violation.field);
  }
  EXPECT_THAT(fields, testing::UnorderedElementsAre(
                          "spec.nat4.routed", "spec.nat6.source", "spec.mtu"));
}

TEST(SpecTest, ASpecThatIsTooLargeIsRefused) {
  pb::ContainerSpec in;
  (*in.mutable_annotations())["a"] = std::string(kMaxSpecBytes, 'x');
  const auto spec = ContainerSpecFromProto(in, "spec");
  ASSERT_THAT(spec, base::ReasonIs("INVALID_FIELD"));
  EXPECT_EQ(base::DetailOf(spec.status()).violations[0].field, "spec");
}

}  // namespace
}  // namespace caisson::translate
