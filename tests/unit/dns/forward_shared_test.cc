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
  for (std::uint16_t i = 2; i <= 8; ++i)
    for (int turn = 0; turn < 5; ++turn) EXPECT_TRUE(budget.admit(client(i), NetworkId{1}));
  EXPECT_FALSE(budget.admit(client(9), NetworkId{1}));  // 40 of the network
  for (std::uint16_t i = 9; i < 69; ++i) EXPECT_TRUE(budget.admit(client(i), NetworkId{i}));
  EXPECT_FALSE(budget.admit(client(70), NetworkId{70}));  // 100 in all
  // What was refused has left nothing behind.
  budget.release(client(1), NetworkId{1});
  EXPECT_TRUE(budget.admit(client(1), NetworkId{1}));
  EXPECT_FALSE(budget.admit(client(1), NetworkId{1}));
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
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(budget.begin_try());
  EXPECT_FALSE(budget.begin_try());
  EXPECT_EQ(budget.tries(), 10U);
  budget.end_try();
  EXPECT_TRUE(budget.begin_try());
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
