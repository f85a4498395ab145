// What an answer costs its source (dns/core/answer_cost.h): what is kept is cheap, whatever it is
// and however it is asked for; what is made for the asker alone is dear; and nobody who asks as
// clients do pays so much that he is refused.
#include "dns/core/answer_cost.h"

#include <gtest/gtest.h>

#include "dns/core/responder.h"
#include "tests/unit/edit_app.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMachines = 1000;

class AnswerCost : public ::testing::Test {
 protected:
  // Nothing comes back within a test that does not turn the clock.
  static RateLimits only(std::uint32_t queries) {
    RateLimits rates;
    rates.known = rates.stream = {1, queries};
    return rates;
  }

  void start(const RateLimits& rates) {
    responder_ = std::make_unique<Responder>(audience(), 7, rates);
    now_ = {Instant(1h), WallTime(1h)};
    responder_->set_now(now_);
    responder_->set_snapshot(world_->snapshot());
  }

  void SetUp() override {
    for (std::uint64_t id = 0; id < kMachines; ++id)
      world_->add(kAcme, {0x1000 + id, "big", kHostA});
    edit_app(world_->network(kAcme), "big").app.services = {
        service(ServiceProtocol::kTcp, 8080, {{80, 80, {"http"}}}, {})};
  }

  Handled ask(const std::string& message, const Ip6& source = asker(),
              Transport transport = Transport::kUdp) {
    return responder_->respond(message, source, transport, out_.data());
  }
  Handled ask(const QueryBytes& query, const Ip6& source = asker(),
              Transport transport = Transport::kUdp) {
    return ask(encode(query), source, transport);
  }

  // How many of `times` got an answer.
  int answered(const std::string& message, int times, const Ip6& source = asker()) {
    int count = 0;
    for (; times > 0; --times) count += ask(message, source).limited == Limited::kNo ? 1 : 0;
    return count;
  }

  std::unique_ptr<World> world_ = std::make_unique<World>();
  std::unique_ptr<Responder> responder_;
  Now now_{};
  std::string out_ = std::string(kMaxMessageBytes, '\0');
};

// A record of no use beside the question, which no client sends.
std::string with_another_record(std::string message) {
  message[11] = static_cast<char>(message[11] + 1);
  return message + '\0' + u16(kTypeA) + u16(kClassIn) + u16(0) + u16(0) + u16(4) + "1234";
}

TEST_F(AnswerCost, TheDearestNamesAreMadeOnce) {
  for (const auto& [name, type] :
       std::vector<std::pair<std::string, RrType>>{{"big.internal", kTypeAaaa},
                                                   {"big.internal", kTypeAny},
                                                   {"_instances.internal", kTypeTxt},  // cut
                                                   {"_instances.internal", kTypeAny},
                                                   {"all._instances.internal", kTypeTxt},
                                                   {"vms.big.internal", kTypeTxt},
                                                   {"vms.big.internal", kTypeAny},
                                                   {"_http._tcp.big.internal", kTypeSrv},
                                                   {"_http._tcp.big.internal", kTypeAny},
                                                   {reverse_name(asker()), kTypeAny}}) {
    auto plain = encode({.name = name, .type = type, .edns_size = 1232});
    for (const auto& message : {plain, with_another_record(plain)}) {
      // Once it may cost as much as it has records: of services some 1,300.
      bool of_services = name.starts_with("_http");
      start(only(of_services ? 600 : 500));
      EXPECT_EQ(answered(message, 300), 300) << name << " " << type;
    }
  }
}

TEST_F(AnswerCost, WhatIsMadeForOneAskerAloneIsItsOwnExpense) {
  start(only(500));
  auto own = address_of(kAcme, kHostA, 0xaa);  // starting: the lists name it to nobody but itself
  auto list = encode({.name = "vms.big.internal", .type = kTypeTxt});
  auto count = answered(list, 300, own);
  EXPECT_GT(count, 5);
  EXPECT_LT(count, 30);
  // Not another's.
  EXPECT_EQ(answered(list, 300), 300);
}

// The names of an app are compiled for such an asker, and for one at a time.
TEST_F(AnswerCost, TwoWhoAskInTurnPayForEachCompiling) {
  world_->add(kAcme, {0xab, "web", kHostA, MachineState::kStarting});
  start(only(500));
  auto one = address_of(kAcme, kHostA, 0xaa), other = address_of(kAcme, kHostA, 0xab);
  int count = 0;
  for (int i = 0; i < 100; ++i)
    for (const auto& own : {one, other})
      count += ask(QueryBytes{.name = "big.internal"}, own).limited == Limited::kNo ? 1 : 0;
  EXPECT_LT(count, 80);
}

// The widest prefix has a name as soon as one address in it has: all machines that are stopped are
// looked at in vain.
TEST_F(AnswerCost, LookingInVainCosts) {
  auto& acme = world_->network(kGlobex);
  acme.machines.clear();
  acme.machines_by_address.clear();
  for (std::uint64_t id = 0; id < kMachines; ++id)
    world_->add(kGlobex, {0x1000 + id, "gone", kHostA, MachineState::kStopped});
  start(only(500));
  auto source = address_of(kGlobex, kHostA, 0x1000);
  auto prefix = encode({.name = reverse_name(source, 20), .type = kTypePtr});
  EXPECT_LT(answered(prefix, 300, source), 100);
}

TEST_F(AnswerCost, OverTcpTheStreamIsHeldAndNothingIsRefused) {
  start(only(500));
  Duration held{};
  for (int i = 0; i < 1000; ++i) {
    auto handled = ask(QueryBytes{}, asker(), Transport::kTcp);
    EXPECT_EQ(handled.fate, Fate::kReply);
    EXPECT_EQ(handled.limited, Limited::kNo);
    EXPECT_FALSE(handled.truncated);
    EXPECT_EQ(handled.hold, std::max<Duration>(0s, (i + 1 - 500) * 1s));
    held = handled.hold;
  }
  EXPECT_EQ(held, 500s);
  EXPECT_EQ(ask(QueryBytes{}, asker(), Transport::kTcp).hold, 500s);  // and never longer
  // Nor do others wait, nor this one's datagrams.
  EXPECT_EQ(ask(QueryBytes{}, address_of(kAcme, kHostB, 0xa2), Transport::kTcp).hold, 0s);
  EXPECT_EQ(ask(QueryBytes{}).limited, Limited::kNo);
}

TEST_F(AnswerCost, OverTcpBytesCount) {
  start(only(500));
  int count = 0;
  const QueryBytes list{.name = "_instances.internal", .type = kTypeTxt};
  while (count < 1000 && ask(list, asker(), Transport::kTcp).hold == Duration::zero()) ++count;
  EXPECT_LT(count, 500 / 7);
  EXPECT_GT(count, 30);
}

// Everything that a busy client asks for, while its app of a thousand machines is deployed: a
// change every 20 ms, for half a minute.
TEST_F(AnswerCost, NobodyWhoAsksAsClientsDoIsRefused) {
  start({});
  const std::vector<QueryBytes> often = {{.name = "big.internal"},
                                         {.name = "web.internal"},
                                         {.name = "iad.big.internal"},
                                         {.name = "top3.nearest.of.big.internal"},
                                         {.name = "big.internal", .type = kTypeA}};
  const std::vector<QueryBytes> lists = {{.name = "_instances.internal", .type = kTypeTxt},
                                         {.name = "vms.big.internal", .type = kTypeTxt},
                                         {.name = "regions.big.internal", .type = kTypeTxt},
                                         {.name = "_http._tcp.big.internal", .type = kTypeSrv},
                                         {.name = "_apps.internal", .type = kTypeTxt}};
  for (int turn = 0; turn < 1500; ++turn) {
    now_ = {now_.mono + 20ms, now_.wall + 20ms};
    responder_->set_now(now_);
    auto& changed = world_->network(kAcme);
    changed.generation = world_->edit().generation += 1;
    responder_->set_snapshot(world_->snapshot());
    for (int i = 0; i < 20; ++i)  // a thousand a second
      ASSERT_EQ(ask(often[static_cast<std::size_t>(i) % often.size()]).limited, Limited::kNo);
    if (turn % 10 != 0) continue;  // all lists, five times a second, over both
    for (const auto& list : lists) {
      ASSERT_EQ(ask(list).limited, Limited::kNo);
      ASSERT_EQ(ask(list, asker(), Transport::kTcp).hold, Duration::zero());
    }
  }
}

}  // namespace
}  // namespace sixpn::dns::testing
