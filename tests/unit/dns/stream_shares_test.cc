// Who has the connections that there may be, and who makes room for whom.
#include "dns/core/stream_shares.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace sixpn::dns {
namespace {

using Verdict = StreamShares::Verdict;
using Ticket = StreamShares::Ticket;

Ip6 source(std::uint16_t network, std::uint16_t number) {
  return Ip6::from_words({0xfdaa, 0, network, 0, 0, 0, number, 2});
}

constexpr StreamShares::Limits kLimits{512, 128, 32};

// Everybody keeps asking for one more.
void fill(StreamShares& shares, std::uint16_t networks, std::uint16_t sources, int turns = 32) {
  for (int turn = 0; turn < turns; ++turn)
    for (std::uint16_t network = 1; network <= networks; ++network)
      for (std::uint16_t i = 1; i <= sources; ++i) shares.admit(source(network, i));
}

TEST(StreamShares, WhileThereIsRoomNobodyGoes) {
  StreamShares shares(kLimits);
  std::vector<Ticket> tickets;
  for (std::uint16_t i = 1; i <= 4; ++i)
    for (int turn = 0; turn < 32; ++turn) {
      auto admission = shares.admit(source(1, i));
      ASSERT_EQ(admission.verdict, Verdict::kAdmitted);
      EXPECT_EQ(admission.evicted, 0U);
      tickets.push_back(admission.ticket);
    }
  EXPECT_EQ(shares.open(), 128U);
  for (auto ticket : tickets) EXPECT_TRUE(shares.release(ticket));
  EXPECT_EQ(shares.open(), 0U);
  EXPECT_FALSE(shares.release(tickets.front()));
}

TEST(StreamShares, ASourceThatHasItsOwnIsRefused) {
  StreamShares shares(kLimits);
  for (int turn = 0; turn < 32; ++turn) shares.admit(source(1, 1));
  EXPECT_EQ(shares.admit(source(1, 1)).verdict, Verdict::kSourceFull);
  EXPECT_EQ(shares.open(), 32U);
}

// The audit's: four networks of four machines that each hold 32.
TEST(StreamShares, ANetworkWithFewerGetsInWhenAllAreTaken) {
  StreamShares shares(kLimits);
  fill(shares, 4, 4);
  EXPECT_EQ(shares.open(), 512U);
  for (int i = 0; i < 32; ++i) {
    auto admission = shares.admit(source(9, 1));
    EXPECT_EQ(admission.verdict, Verdict::kAdmitted) << i;
    EXPECT_NE(admission.evicted, 0U);
    EXPECT_FALSE(shares.release(admission.evicted));  // it does not count any more
    EXPECT_EQ(shares.open(), 512U);
  }
  // Whose connections went does not get them back from it.
  fill(shares, 4, 4, 100);
  EXPECT_EQ(shares.admit(source(9, 1)).verdict, Verdict::kSourceFull);
}

TEST(StreamShares, TheOldestOfTheSourceWithMostGoes) {
  StreamShares shares({6, 6, 4});
  auto first = shares.admit(source(1, 1)).ticket;
  auto oldest = shares.admit(source(2, 2)).ticket;
  shares.admit(source(2, 1));
  auto next = shares.admit(source(2, 2)).ticket;
  shares.admit(source(2, 2));
  shares.admit(source(1, 1));
  EXPECT_EQ(shares.admit(source(3, 1)).evicted, oldest);
  auto admission = shares.admit(source(3, 1));  // 2, 3 and 1
  EXPECT_EQ(admission.evicted, next);
  EXPECT_EQ(shares.admit(source(3, 1)).verdict, Verdict::kFull);  // 2, 2 and 2
  EXPECT_EQ(shares.admit(source(1, 2)).evicted, first);           // within the network
}

TEST(StreamShares, ASourceWithFewerGetsInWhenItsNetworkHasItsShare) {
  StreamShares shares(kLimits);
  fill(shares, 1, 4);
  EXPECT_EQ(shares.open(), 128U);
  int had = 0;
  while (shares.admit(source(1, 9)).verdict == Verdict::kAdmitted) ++had;
  EXPECT_GE(had, 25);
  EXPECT_EQ(shares.open(), 128U);
  EXPECT_EQ(shares.admit(source(1, 1)).verdict, Verdict::kNetworkFull);
}

// The same where all are taken, and no network has more than its own.
TEST(StreamShares, ASourceWithFewerGetsInWhenAllAreTaken) {
  StreamShares shares({100, 100, 32});
  fill(shares, 2, 2);
  EXPECT_EQ(shares.open(), 100U);
  EXPECT_EQ(shares.admit(source(1, 9)).verdict, Verdict::kAdmitted);
  EXPECT_EQ(shares.admit(source(2, 9)).verdict, Verdict::kAdmitted);
  EXPECT_EQ(shares.open(), 100U);
}

// Whatever comes and goes.
TEST(StreamShares, EverythingComesBack) {
  StreamShares shares({20, 8, 3});
  std::vector<Ticket> held;
  for (std::uint32_t turn = 0; turn < 5000; ++turn) {
    auto draw = turn * 2654435761U >> 7;
    if (draw % 3 == 0 && !held.empty()) {
      EXPECT_TRUE(shares.release(held[draw % held.size()]));
      held.erase(held.begin() + draw % held.size());
      continue;
    }
    auto admission = shares.admit(
        source(static_cast<std::uint16_t>(draw % 7), static_cast<std::uint16_t>(draw / 7 % 5)));
    if (admission.evicted != 0) held.erase(std::find(held.begin(), held.end(), admission.evicted));
    if (admission.verdict == Verdict::kAdmitted) held.push_back(admission.ticket);
    ASSERT_EQ(shares.open(), held.size());
    ASSERT_LE(held.size(), 20U);
  }
  for (auto ticket : held) EXPECT_TRUE(shares.release(ticket));
  EXPECT_EQ(shares.open(), 0U);
}

}  // namespace
}  // namespace sixpn::dns
