// Bytes from outside can only cause a clear error: random, truncated and hostile messages through
// the whole path. The seed of a failing case is in its message.
#include <gtest/gtest.h>

#include "both_ways.h"
#include "parsed_reply.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

using namespace std::string_literals;

// What must hold of every outcome, whatever came in.
void expect_sane(const Snapshot& snapshot, const std::string& message, const std::string& what) {
  for (auto transport : {Transport::kUdp, Transport::kTcp}) {
    auto both = ask_both_ways(&snapshot, audience(), message, asker(), transport);
    ASSERT_EQ(both.difference, "") << what;
    const Outcome& outcome = both.outcome;
    bool answerable = message.size() >= kHeaderBytes && (message[2] & 0x80) == 0;
    ASSERT_EQ(outcome.fate == Fate::kDrop, !answerable) << what;
    if (outcome.fate != Fate::kReply) continue;
    ASSERT_LE(outcome.reply.size(), reply_limit(outcome.query, transport)) << what;
    ASSERT_EQ(outcome.reply.substr(0, 2), message.substr(0, 2)) << what;
    auto reply = parse_reply(outcome.reply);
    ASSERT_TRUE(reply) << what;
    ASSERT_TRUE(reply->response) << what;
    ASSERT_EQ(reply->opcode, message[2] >> 3 & 0xf) << what;
  }
}

std::vector<std::string> good_queries() {
  return {encode({}), encode({.name = "_instances.internal", .type = kTypeTxt, .edns_size = 1232}),
          encode({.name = "top2.nearest.of.web.internal",
                  .edns_size = 4096,
                  .edns_options = u16(10) + u16(8) + "12345678"}),
          encode({.name = "example.org", .type = kTypeA}),
          encode({.name = "1.0.0.0.a.a.d.f.ip6.arpa", .type = kTypePtr})};
}

TEST(Garbage, RandomBytes) {
  auto snapshot = World().snapshot();
  Rng rng(1);
  for (int round = 0; round < 20000; ++round) {
    std::string message(rng.below(300), '\0');
    for (char& c : message) c = static_cast<char>(rng());
    expect_sane(*snapshot, message, "round " + std::to_string(round));
  }
}

TEST(Garbage, MutatedQueries) {
  auto snapshot = World().snapshot();
  auto seeds = good_queries();
  Rng rng(2);
  for (int round = 0; round < 20000; ++round) {
    auto message = seeds[rng.below(seeds.size())];
    for (auto n = rng.below(4) + 1; n > 0; --n)
      message[rng.below(message.size())] = static_cast<char>(rng());
    if (rng.chance(0.3)) message.resize(rng.below(message.size() + 1));
    if (rng.chance(0.2)) message += seeds[rng.below(seeds.size())];
    expect_sane(*snapshot, message, "round " + std::to_string(round));
  }
}

TEST(Garbage, EveryTruncation) {
  auto snapshot = World().snapshot();
  for (const auto& query : good_queries())
    for (std::size_t size = 0; size < query.size(); ++size)
      expect_sane(*snapshot, query.substr(0, size), "size " + std::to_string(size));
}

TEST(Garbage, PointerBombs) {
  auto snapshot = World().snapshot();
  auto header = encode({}).substr(0, 12);
  auto tail = u16(28) + u16(1);
  for (unsigned target = 0; target < 64; ++target)
    expect_sane(*snapshot, header + u16(0xc000 | target) + tail, "pointer");
  // Pointers that point at pointers, 60 kB of them, as 16-byte additionals.
  std::string bomb = encode({});
  std::uint16_t count = 0;
  for (; bomb.size() < 60000; ++count)
    bomb += u16(0xc000 | (bomb.size() - 16 < 0x4000 ? bomb.size() - 16 : 0)) + u16(1) + u16(1) +
            u16(0) + u16(0) + u16(4) + "abcd";
  bomb.replace(10, 2, u16(count));
  expect_sane(*snapshot, bomb, "chain");
}

TEST(Garbage, HugeMessages) {
  auto snapshot = World().snapshot();
  expect_sane(*snapshot, encode({}) + std::string(65000, '\0'), "trailing zeros");
  expect_sane(*snapshot, std::string(65535, '\x3f'), "labels");
  std::string options;
  for (int i = 0; i < 16000; ++i) options += u16(65001) + u16(0);
  expect_sane(*snapshot, encode({.edns_size = 1232, .edns_options = options}), "16000 options");
}

}  // namespace
}  // namespace sixpn::dns::testing
