// Foreign names asked by the host itself for one of its machines, as `sixpn dig` does, of an
// upstream of the test's own.
#include "dns/io/foreign_asking.h"

#include <gmock/gmock.h>

#include "dns/core/message_text.h"
#include "forwarding_fixture.h"

namespace sixpn::dns::testing {
namespace {

using ::testing::ElementsAre;

class Asking : public Forwarding {
 protected:
  static ForeignQuestion question(const std::string& name = "Www.Example.ORG") {
    return {*Name::from_text(name), kTypeA, asker(), {kAcme, "acme", "default"}};
  }

  std::future<ForeignReply> begin(const ForeignQuestion& question) {
    auto promise = std::make_shared<std::promise<ForeignReply>>();
    on_loop([&] {
      service_->ask_foreign(
          question, [promise](ForeignReply reply) { promise->set_value(std::move(reply)); });
    });
    return promise->get_future();
  }

  ForeignReply told(const ForeignQuestion& question) {
    auto coming = begin(question);
    EXPECT_EQ(coming.wait_for(kPatience), std::future_status::ready);
    return coming.get();
  }

  static MessageText text(const ForeignReply& reply) {
    auto said = describe_message(reply.message);
    EXPECT_TRUE(said);
    return said ? *said : MessageText{};
  }
};

TEST_F(Asking, WhatIsAskedForOneIsKeptForAll) {
  Upstream upstream(always(0x8180, {a_record(7)}));
  start_with({&upstream});
  auto first = told(question());
  EXPECT_FALSE(first.is_kept);
  EXPECT_THAT(first.servers, ElementsAre(upstream.endpoint()));
  EXPECT_THAT(text(first).answers, ElementsAre("Www.Example.ORG.\t60\tIN\tA\t192.0.2.7"));
  EXPECT_THAT(text(first).flags, ElementsAre("qr", "rd", "ra"));
  auto second = told(question("www.example.org"));
  EXPECT_TRUE(second.is_kept);
  EXPECT_EQ(text(second).answers.size(), 1U);
  // For a client of a worker, too.
  EXPECT_EQ(ask(foreign()).answers.size(), 1U);
  EXPECT_EQ(upstream.queries(), 1);
  EXPECT_EQ(stats().forward_hits, 2U);
  EXPECT_EQ(stats().forwarded, 1U);
  EXPECT_EQ(stats().forward_in_flight, 0U);
}

TEST_F(Asking, TheRuleOfTheAskersNetworkHolds) {
  Upstream everything(always(0x8180, {a_record(1)})), corp(always(0x8180, {a_record(2)}));
  auto chosen = options();
  chosen.upstreams = {everything.endpoint()};
  chosen.forward = quiet();
  chosen.forward_rules = {{"example.org", {corp.endpoint()}, {"acme/default"}}};
  start(chosen);
  auto own = told(question());
  EXPECT_THAT(own.servers, ElementsAre(corp.endpoint()));
  EXPECT_THAT(text(own).answers, ElementsAre("Www.Example.ORG.\t60\tIN\tA\t192.0.2.2"));
  auto other = question();
  other.network = {kGlobex, "globex", "default"};
  EXPECT_THAT(text(told(other)).answers, ElementsAre("Www.Example.ORG.\t60\tIN\tA\t192.0.2.1"));
}

TEST_F(Asking, SilenceEndsWithTheDeadlineAndItsReason) {
  Upstream upstream(kSilent);
  auto limits = quiet();
  limits.deadline = 300ms;
  start_with({&upstream}, limits);
  auto asked = text(told(question()));
  EXPECT_EQ(asked.rcode, "SERVFAIL");
  EXPECT_THAT(asked.extended_errors,
              ElementsAre("22 (No Reachable Authority): (no upstream resolver answered)"));
  auto again = told(question());
  EXPECT_TRUE(again.is_kept);
  EXPECT_THAT(text(again).extended_errors,
              ElementsAre("13 (Cached Error): (upstream failed a moment ago)"));
}

TEST_F(Asking, ItHasNoMoreThanItsShare) {
  Upstream upstream(kSilent);
  auto limits = quiet();
  limits.in_flight_per_client = 2;
  limits.deadline = 10s;
  start_with({&upstream}, limits);
  auto one = begin(question("a.example")), two = begin(question("b.example"));
  auto third = told(question("c.example"));
  EXPECT_EQ(text(third).rcode, "SERVFAIL");
  EXPECT_THAT(text(third).extended_errors,
              ElementsAre("22 (No Reachable Authority): (too many queries are being forwarded)"));
  EXPECT_EQ(stats().forward_rejected, 1U);
  EXPECT_EQ(stats().forward_in_flight, 2U);
  // Another client has its own.
  auto other = question("d.example");
  other.source = address_of(kAcme, kHostA, 0xa4);
  auto four = begin(other);
  EXPECT_TRUE(eventually([](const Stats& now) { return now.forward_in_flight == 3; }));
}

// Whoever waits is let go of, and not called.
TEST_F(Asking, StoppingForgetsWhoWaits) {
  Upstream upstream(kSilent);
  start_with({&upstream});
  auto waits = begin(question());
  ASSERT_TRUE(eventually([](const Stats& now) { return now.forward_in_flight == 1; }));
  on_loop([&] { service_->stop(); });
  EXPECT_THROW(waits.get(), std::future_error);  // the promise is gone
  auto never = begin(question());
  EXPECT_THROW(never.get(), std::future_error);
  on_loop([&] { service_.reset(); });
}

TEST_F(Asking, AnAnswerOfAnySizeIsWhole) {
  std::vector<std::string> many;
  for (int i = 0; i < 250; ++i) many.push_back(a_record(static_cast<char>(i)));
  Upstream upstream([&](const std::string& query, bool tcp) {
    return tcp ? reply_to(query, 0x8180, many) : reply_to(query, 0x8380, {});
  });
  start_with({&upstream});
  auto said = text(told(question()));
  EXPECT_EQ(said.answers.size(), 250U);
  EXPECT_THAT(said.flags, ElementsAre("qr", "rd", "ra"));
}

// The forwarder passes data on that it does not look into; text of it there is none.
TEST_F(Asking, DataThatCannotBeReadAreNamed) {
  auto cut =
      "\xc0\x0c"s + u16(kTypeA) + u16(kClassIn) + u16(0) + u16(60) + u16(3) + "\xc0\x00\x02"s;
  Upstream upstream(always(0x8180, {a_record(1), cut}));
  start_with({&upstream});
  auto said = describe_message(told(question()).message);
  ASSERT_FALSE(said);
  EXPECT_EQ(said.error().message, "data malformed for type A in record 2 of the answer section");
}

}  // namespace
}  // namespace sixpn::dns::testing
