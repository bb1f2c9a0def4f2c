#include "server/core/request_table.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/clock.h"
#include "runtime/base/error_detail.h"
#include "server/store/test_store.h"

namespace caisson::core {
namespace {

constexpr char kId[] = "3f2a8c1e-0000-4000-8000-00000000000a";
constexpr char kUpperId[] = "3F2A8C1E-0000-4000-8000-00000000000A";

RequestKey Key(std::string id = kId, std::string method = "Create",
               std::string fingerprint = "f", int32_t version = 1) {
  return {.id = std::move(id),
          .method = std::move(method),
          .fingerprint = std::move(fingerprint),
          .fingerprint_version = version};
}

std::string ReasonOf(const absl::Status& status) {
  return base::DetailOf(status).reason;
}

class RequestTableTest : public testing::Test {
 protected:
  RequestTableTest()
      : store_(*store::Store::Open(store::TestOptions(directory_, &clock_))),
        table_(store_.get()) {}

  absl::StatusOr<RequestTable::Begun> Begin(const RequestKey& key = Key()) {
    return table_.Begin(key, [this](const RequestOutcome& outcome) {
      outcomes_.push_back(outcome);
    });
  }
  TicketPtr BeginNew(const RequestKey& key = Key()) {
    auto begun = Begin(key);
    EXPECT_TRUE(begun.ok());
    EXPECT_TRUE(std::holds_alternative<TicketPtr>(*begun));
    return std::get<TicketPtr>(*begun);
  }
  void CommitOutcome(Ticket* ticket, const absl::Status& status,
                     const std::string& object) {
    store::Transaction transaction;
    ticket->AddOutcome(&transaction, status, object);
    ASSERT_TRUE(store_->Commit(std::move(transaction)).ok());
    ticket->Announce(status, object);
  }

  store::TempDirectory directory_;
  base::ManualClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  std::unique_ptr<store::Store> store_;
  RequestTable table_;
  std::vector<RequestOutcome> outcomes_;
};

TEST_F(RequestTableTest, WithoutAnIdNothingIsRemembered) {
  TicketPtr first = BeginNew(Key(""));
  TicketPtr second = BeginNew(Key(""));
  store::Transaction transaction;
  first->AddIntent(&transaction, "object");
  first->AddOutcome(&transaction, absl::OkStatus(), "object");
  EXPECT_TRUE(transaction.put_requests.empty());
}

TEST_F(RequestTableTest, RefusesWhatIsNoUuid) {
  for (const char* id : {"x", "3f2a8c1e-0000-4000-8000-00000000000",
                         "{3f2a8c1e}", "00000000-0000-0000-0000-000000000000",
                         "3f2a8c1e00004000800000000000000a1234",
                         "3f2a8c1e-0000-4000-8000-00000000000g"}) {
    EXPECT_EQ(ReasonOf(Begin(Key(id)).status()), "INVALID_FIELD") << id;
  }
}

TEST_F(RequestTableTest, ASecondCallJoinsTheFirst) {
  TicketPtr ticket = BeginNew();
  auto joined = Begin(Key(kUpperId));
  ASSERT_TRUE(joined.ok());
  EXPECT_TRUE(std::holds_alternative<RequestTable::Joined>(*joined));
  EXPECT_TRUE(outcomes_.empty());
  ticket->Announce(absl::OkStatus(), "object");
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_TRUE(outcomes_[0].status.ok());
  EXPECT_EQ(outcomes_[0].object_id, "object");
}

TEST_F(RequestTableTest, AnotherMethodOrBodyIsRefusedWhileItRunsAndAfter) {
  TicketPtr ticket = BeginNew();
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(ReasonOf(Begin(Key(kId, "Delete")).status()),
              "REQUEST_ID_REUSED");
    EXPECT_EQ(ReasonOf(Begin(Key(kId, "Create", "g")).status()),
              "REQUEST_ID_REUSED");
    EXPECT_TRUE(Begin(Key(kId, "Create", "g", 2)).ok());  // not comparable
    if (round == 0) CommitOutcome(ticket.get(), absl::OkStatus(), "object");
  }
}

TEST_F(RequestTableTest, SuccessIsReplayed) {
  CommitOutcome(BeginNew().get(), absl::OkStatus(), "object");
  auto replay = Begin();
  ASSERT_TRUE(replay.ok());
  const auto& outcome = std::get<RequestOutcome>(*replay);
  EXPECT_TRUE(outcome.status.ok());
  EXPECT_EQ(outcome.object_id, "object");
}

TEST_F(RequestTableTest, ADefiniteFailureIsReplayedAndSaysSo) {
  const absl::Status failure =
      base::MakeError(absl::StatusCode::kFailedPrecondition,
                      "COMMAND_NOT_FOUND", "no such file", {{"path", "/x"}});
  CommitOutcome(BeginNew().get(), failure, "");
  auto replay = Begin();
  ASSERT_TRUE(replay.ok());
  const absl::Status status = std::get<RequestOutcome>(*replay).status;
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  const base::ErrorDetail detail = base::DetailOf(status);
  EXPECT_EQ(detail.reason, "COMMAND_NOT_FOUND");
  EXPECT_THAT(detail.metadata,
              testing::Contains(
                  std::pair<std::string, std::string>("replayed", "true")));
}

TEST_F(RequestTableTest, WhatDidNotHappenIsDoneAnew) {
  for (absl::StatusCode code :
       {absl::StatusCode::kInvalidArgument, absl::StatusCode::kUnavailable,
        absl::StatusCode::kPermissionDenied, absl::StatusCode::kAborted,
        absl::StatusCode::kResourceExhausted, absl::StatusCode::kCancelled,
        absl::StatusCode::kDeadlineExceeded}) {
    TicketPtr ticket = BeginNew();
    store::Transaction intent;
    ticket->AddIntent(&intent, "object");
    ASSERT_TRUE(store_->Commit(std::move(intent)).ok());
    EXPECT_NE(store_->catalog().Request(kId), nullptr);
    CommitOutcome(ticket.get(), absl::Status(code, "no"), "");
    EXPECT_EQ(store_->catalog().Request(kId), nullptr);
  }
}

TEST_F(RequestTableTest, ARowThatStillRunsAfterARestartIsTakenUpAgain) {
  {
    TicketPtr ticket = BeginNew();
    store::Transaction intent;
    ticket->AddIntent(&intent, "object");
    ASSERT_TRUE(store_->Commit(std::move(intent)).ok());
  }
  RequestTable after_restart(store_.get());
  auto begun = after_restart.Begin(Key(), [](const RequestOutcome&) {});
  ASSERT_TRUE(begun.ok());
  EXPECT_TRUE(std::get<TicketPtr>(*begun)->interrupted());
}

TEST_F(RequestTableTest, IsAbandonedWhenTheLastCallerIsGone) {
  TicketPtr ticket = BeginNew();
  auto joined = Begin();
  ASSERT_TRUE(joined.ok());
  ticket->CancelOwn();
  ticket->CancelOwn();
  EXPECT_FALSE(ticket->Abandoned());
  std::get<RequestTable::Joined>(*joined).cancel();
  EXPECT_TRUE(ticket->Abandoned());
}

TEST_F(RequestTableTest, WithoutAnIdTheOnlyCallerDecides) {
  TicketPtr ticket = BeginNew(Key(""));
  EXPECT_FALSE(ticket->Abandoned());
  ticket->CancelOwn();
  EXPECT_TRUE(ticket->Abandoned());
}

TEST_F(RequestTableTest, ADroppedTicketReleasesThoseWhoJoined) {
  TicketPtr ticket = BeginNew();
  ASSERT_TRUE(Begin().ok());
  ticket.reset();
  ASSERT_EQ(outcomes_.size(), 1u);
  EXPECT_TRUE(absl::IsUnavailable(outcomes_[0].status));
  BeginNew();  // and the id is free
}

}  // namespace
}  // namespace caisson::core
