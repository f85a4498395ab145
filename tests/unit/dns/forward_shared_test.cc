// What workers and the forwarder share without locks: budgets, questions that are being asked, whom
// to ask.
#include "dns/io/forward_shared.h"

#include <gtest/gtest.h>

#include <thread>

namespace sixpn::dns {
namespace {

using namespace std::chrono_literals;
using Claim = AskedQuestions::Claim;

Ip6 client(std::uint16_t number) {
  return Ip6::from_words({0xfdaa, 0, 1, 0, 0, 0, number, 2});
}

ForwardLimits small() {
  ForwardLimits limits;
  limits.in_flight = 100;
  limits.in_flight_per_client = 5;
  limits.in_flight_per_network = 40;
  limits.tries = 20;
  return limits;
}

TEST(ForwardBudget, HoldsPerClientPerNetworkAndInAll) {
  ForwardBudget budget(small());
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(budget.admit(client(1), NetworkId{1}));
  EXPECT_FALSE(budget.admit(client(1), NetworkId{1}));
  EXPECT_FALSE(budget.admit(client(1), NetworkId{2}));
  EXPECT_EQ(budget.waiting(), 5U);
  std::size_t of_network = 5;
  for (std::uint16_t i = 2; i < 300; ++i)
    while (budget.admit(client(i), NetworkId{1})) ++of_network;
  EXPECT_EQ(of_network, 40U);
  for (std::uint16_t i = 300; i < 600; ++i)
    while (budget.admit(client(i), NetworkId{i})) continue;
  EXPECT_EQ(budget.waiting(), 100U);
}

TEST(ForwardBudget, WhatWasRefusedLeavesNothingBehind) {
  ForwardBudget budget(small());
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(budget.admit(client(1), NetworkId{1}));
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(budget.admit(client(1), NetworkId{1}));
  EXPECT_EQ(budget.waiting(), 5U);
  budget.release(client(1), NetworkId{1});
  EXPECT_TRUE(budget.admit(client(1), NetworkId{1}));
  EXPECT_FALSE(budget.admit(client(1), NetworkId{1}));
}

// However many places others take, in however many networks: whoever waits for nothing yet has one,
// and more than one.
TEST(ForwardBudget, AnotherNetworkAndAnotherClientAreAdmittedBesideThoseThatFillTheRest) {
  ForwardBudget budget{ForwardLimits{}};
  for (int turn = 0; turn < 200; ++turn)
    for (std::uint16_t network = 1; network <= 4; ++network)
      for (std::uint16_t i = 0; i < 8; ++i)
        budget.admit(client(static_cast<std::uint16_t>(network * 100 + i)), NetworkId{network});
  EXPECT_FALSE(budget.admit(client(101), NetworkId{1}));
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(budget.admit(client(109), NetworkId{1})) << i;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(budget.admit(client(900), NetworkId{9})) << i;
}

TEST(ForwardBudget, EverythingComesBack) {
  ForwardBudget budget(small());
  std::vector<std::thread> threads;
  for (std::uint16_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20000; ++i)
        if (budget.admit(client(t % 2), NetworkId{t % 2U}))
          budget.release(client(t % 2), NetworkId{t % 2U});
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(budget.waiting(), 0U);
  for (std::uint16_t c = 0; c < 2; ++c) {
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(budget.admit(client(c), NetworkId{c}));
    EXPECT_FALSE(budget.admit(client(c), NetworkId{c}));
  }
}

TEST(ForwardBudget, WorkersLeaveTriesToTheForwarder) {
  ForwardBudget budget(small());
  std::uint16_t last = 0;
  for (std::uint16_t i = 0; i < 100; ++i)
    if (budget.begin_try(client(i), NetworkId{i})) last = i;
  EXPECT_EQ(budget.tries(), 10U);
  budget.end_try(client(last), NetworkId{last});
  EXPECT_TRUE(budget.begin_try(client(200), NetworkId{200}));
}

// Questions that nobody waits for any more count until they end: they are shared out, too.
TEST(ForwardBudget, NobodyHasAllOfTheWorkersTries) {
  ForwardBudget budget{ForwardLimits{}};
  std::size_t had = 0;
  while (budget.begin_try(client(1), NetworkId{1})) ++had;
  EXPECT_GT(had, 1400U);  // alone
  for (int i = 0; i < 128; ++i) EXPECT_TRUE(budget.begin_try(client(2), NetworkId{1}));
  for (int i = 0; i < 128; ++i) EXPECT_TRUE(budget.begin_try(client(3), NetworkId{2}));
}

TEST(AskedQuestions, OneAsksTheOthersWait) {
  AskedQuestions asked;
  constexpr std::uint64_t kHash = 0x1234567890abcdef;
  EXPECT_EQ(asked.claim(kHash, "wWw"), Claim::kOurs);
  EXPECT_FALSE(asked.release(kHash));
  EXPECT_EQ(asked.claim(kHash, "wWw"), Claim::kOurs);
  EXPECT_EQ(asked.claim(kHash, {}), Claim::kOthers);
  EXPECT_EQ(asked.claim(kHash, {}), Claim::kOthers);
  EXPECT_TRUE(asked.release(kHash));
  EXPECT_EQ(asked.claim(kHash, {}), Claim::kOurs);
}

TEST(AskedQuestions, AnotherQuestionInTheSamePlaceIsNotJoined) {
  AskedQuestions asked;
  constexpr std::uint64_t kHash = 0x1234567890abcdef;
  EXPECT_EQ(asked.claim(kHash, "x"), Claim::kOurs);
  EXPECT_EQ(asked.claim(kHash ^ 0x10, "y"), Claim::kCrowded);
  EXPECT_FALSE(asked.is_echo(kHash ^ 0x10, "x"));
  EXPECT_FALSE(asked.release(kHash));
}

TEST(AskedQuestions, OurOwnSpellingIsKnown) {
  AskedQuestions asked;
  constexpr std::uint64_t kHash = 0xfedcba0987654321;
  EXPECT_FALSE(asked.is_echo(kHash, "nAmE"));
  asked.claim(kHash, "nAmE");
  EXPECT_TRUE(asked.is_echo(kHash, "nAmE"));
  EXPECT_FALSE(asked.is_echo(kHash, "name"));
  asked.release(kHash);
  EXPECT_FALSE(asked.is_echo(kHash, "nAmE"));
  asked.claim(kHash, {});  // one that tells nothing
  EXPECT_FALSE(asked.is_echo(kHash, {}));
}

// However many claim it at once, one has it.
TEST(AskedQuestions, ThreadsAgree) {
  AskedQuestions asked;
  std::atomic<int> holders{0}, most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20000; ++i) {
        if (asked.claim(77, "abc") != Claim::kOurs) continue;
        int now = ++holders;
        if (now > most) most = now;
        --holders;
        asked.release(77);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(most, 1);
  EXPECT_EQ(asked.claim(77, {}), Claim::kOurs);
}

// Whoever has the shard may have been put off the processor.
TEST(SharedCache, WorkersDoNotWaitForALock) {
  SharedCache cache(1 << 20);
  ForwardReply reply;
  reply.lifetime = 60;
  ForwardKey key{std::string_view("\3www\0", 5), kTypeA, 0, 0};
  auto hash = hash_of(key);
  Instant now{};
  bool was_kept = true, was_found = true;
  cache.find(key, hash, now, [&](const auto&) {
    std::thread worker([&] {
      was_kept = cache.try_keep(key, hash, reply, now);
      was_found = cache.try_find(key, hash, now, [](const auto&) {});
    });
    worker.join();
  });
  EXPECT_FALSE(was_kept || was_found);
  EXPECT_EQ(cache.use().replies, 0U);
  EXPECT_TRUE(cache.try_keep(key, hash, reply, now));
  EXPECT_EQ(cache.use().replies, 1U);
}

TEST(UpstreamBoard, SaysWhomToAsk) {
  IpEndpoint a{*parse_ip("::1"), 53}, b{*parse_ip("192.0.2.1"), 5353};
  UpstreamBoard board({{a, b}, {}, {b}});
  EXPECT_EQ(board.upstreams(), (std::vector{a, b}));
  EXPECT_EQ(board.groups(), (std::vector<std::vector<std::size_t>>{{0, 1}, {}, {1}}));
  EXPECT_FALSE(board.best(0));
  board.set_best(2, UpstreamBoard::Best{1, 800ms, false});
  board.set_best(0, UpstreamBoard::Best{0, 50ms, true});
  ASSERT_TRUE(board.best(2) && board.best(0));
  EXPECT_EQ(board.best(2)->upstream, 1U);
  EXPECT_EQ(board.best(2)->patience, 800ms);
  EXPECT_FALSE(board.best(2)->edns);
  EXPECT_EQ(board.best(0)->upstream, 0U);
  EXPECT_EQ(board.best(0)->patience, 50ms);
  EXPECT_TRUE(board.best(0)->edns);
  board.set_best(0, std::nullopt);
  EXPECT_FALSE(board.best(0));
}

}  // namespace
}  // namespace sixpn::dns
