// What real programs make of the resolver's answers. Time is not measured: a client that was told
// clearly asks each question once, so its packets are counted.
#include "tests/netns/dns/clients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/netns/dns/lab.h"

namespace sixpn::dns::testing {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;
using ::testing::Le;
using ::testing::Not;

// Without EDNS: 512 bytes, less the header and the question, hold 17 AAAA of big.internal.
constexpr std::size_t kFitsADatagram = 17;
// A datagram of this size is never a fragment (RFC 9715).
constexpr std::size_t kMostUdpBytes = 1232;
// glibc asks for both families again each time that its buffer, doubled, does not hold the answer:
// five times here. drill tries EDNS before TCP.
constexpr std::size_t kMostQuestions = 10;

std::set<Ip6> big_app() {
  std::set<Ip6> addresses;
  for (std::uint64_t id = 0; id < kBigAppMachines; ++id)
    addresses.insert(address_of(kAcme, id % 2 == 0 ? kHostA : kHostB, 0x1000 + id));
  return addresses;
}

class Clients : public ::testing::TestWithParam<Client> {
 protected:
  // Whether the client's own words, and its packets, are as after a clear answer.
  Finished look_up(const std::string& name) {
    auto finished = lab_.run(lookup(GetParam(), name));
    traffic_ = lab_.link().take();
    said_ = finished.out + finished.err;
    SCOPED_TRACE(said_);
    EXPECT_EQ(lab_.link().lost(), 0U);
    EXPECT_EQ(traffic_.malformed, 0U);
    EXPECT_THAT(traffic_.reply_bytes, Each(Le(kMostUdpBytes)));
    // Nothing went without an answer.
    EXPECT_EQ(traffic_.replies.size(), traffic_.queries.size());
    EXPECT_THAT(traffic_.queries, Not(::testing::IsEmpty()));
    return finished;
  }

  void expect_nothing_asked_twice() {
    EXPECT_EQ(traffic_.queries.size(), traffic_.distinct_queries())
        << ::testing::PrintToString(traffic_.queries);
    EXPECT_EQ(traffic_.tcp_connections, 0U);
  }

  Lab lab_;
  DnsTraffic traffic_;
  std::string said_;
};

TEST_P(Clients, FindsAnApp) {
  EXPECT_EQ(look_up(kApp).status, 0) << said_;
  auto seen = machines_in(said_);
  EXPECT_THAT(seen,
              IsSubsetOf({address_of(kAcme, kHostA, 0x501), address_of(kAcme, kHostB, 0x502)}));
  EXPECT_EQ(seen.size(), GetParam().uses_one ? 1U : 2U) << said_;
  EXPECT_THAT(traffic_.replies, Each(Field(&ParsedReply::rcode, 0)));
  expect_nothing_asked_twice();
}

TEST_P(Clients, KnowsAtOnceThatANameIsMissing) {
  EXPECT_EQ(look_up(kMissing).status, GetParam().missing_status) << said_;
  EXPECT_THAT(said_, HasSubstr(GetParam().says_missing));
  EXPECT_THAT(traffic_.replies, Each(Field(&ParsedReply::rcode, 3)));
  EXPECT_LE(traffic_.queries.size(), GetParam().asks_both_families ? 2U : 1U)
      << ::testing::PrintToString(traffic_.queries);
  expect_nothing_asked_twice();
}

// The name exists, without data of any type: no client takes that for a server in trouble.
TEST_P(Clients, TakesAnAppWithoutMachinesCalmly) {
  look_up(kAppWithoutMachines);
  EXPECT_THAT(machines_in(said_), ::testing::IsEmpty()) << said_;
  EXPECT_THAT(traffic_.replies, Each(Field(&ParsedReply::rcode, 0)));
  expect_nothing_asked_twice();
}

// A resolver that does not know yet must not be taken for one that knows there is no such name:
// many programs keep that.
TEST_P(Clients, DoesNotTakeIgnoranceForAbsence) {
  lab_.forget_registry();
  auto finished = lab_.run(lookup(GetParam(), kApp));
  auto said = finished.out + finished.err;
  EXPECT_THAT(machines_in(said), ::testing::IsEmpty()) << said;
  auto replies = lab_.link().take().replies;
  EXPECT_THAT(replies, Each(Field(&ParsedReply::rcode, 2)));
  EXPECT_FALSE(replies.empty());
  if (!GetParam().tells_why) return;
  EXPECT_TRUE(finished.status != GetParam().missing_status ||
              said.find(GetParam().says_missing) == std::string::npos)
      << said;
}

TEST_P(Clients, CopesWithTwoHundredMachines) {
  EXPECT_EQ(look_up(kBigApp).status, 0) << said_;
  auto seen = machines_in(said_);
  EXPECT_THAT(seen, IsSubsetOf(big_app()));
  // Cut at a whole record, as full as can be, and with the mark that says so.
  EXPECT_THAT(traffic_.replies, Contains(Field(&ParsedReply::truncated, true)));
  EXPECT_LE(traffic_.queries.size(), kMostQuestions) << ::testing::PrintToString(traffic_.queries);
  std::size_t expected = GetParam().retries_over_tcp ? kBigAppMachines : kFitsADatagram;
  EXPECT_EQ(seen.size(), GetParam().uses_one ? 1U : expected);
  EXPECT_EQ(traffic_.tcp_connections > 0, GetParam().retries_over_tcp);
}

INSTANTIATE_TEST_SUITE_P(All, Clients, ::testing::ValuesIn(clients()),
                         [](const auto& client) { return client.param.name; });

}  // namespace
}  // namespace sixpn::dns::testing
