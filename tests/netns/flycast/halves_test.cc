// What nginx's stream relay lost, a thousand times over: one end says all it has to say and ends,
// then the other, and each half arrives whole with its end of stream. Over one hop (the machine
// lives on the client's host) and over two.
#include <gtest/gtest.h>

#include <string_view>
#include <thread>

#include "base/rng.h"
#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {
namespace {

constexpr int kRounds = 1000;
constexpr std::size_t kLong = 5'000'000;
constexpr std::size_t kShort = 10;
constexpr std::size_t kRead = 256 * 1024;

// What each round says is another part of it, so that no stream's bytes pass for another's.
const std::string& words() {
  static const std::string made = [] {
    Rng rng(31);
    std::string bytes(kLong + kRounds, '\0');
    for (char& byte : bytes) byte = static_cast<char>(rng());
    return bytes;
  }();
  return made;
}

std::string_view part(int round, std::size_t size) {
  return std::string_view(words()).substr(static_cast<std::size_t>(round), size);
}

// These bytes, no other, and an end of stream.
bool hears(Tcp& end, std::string_view expected) {
  while (true) {
    std::string got = end.read_exactly(kRead);
    if (!expected.starts_with(got)) return false;
    expected.remove_prefix(got.size());
    if (got.size() < kRead) return expected.empty() && end.ended();
  }
}

bool says(Tcp& end, std::string_view bytes) {
  bool taken = end.write_all(bytes);
  end.send_fin();
  return taken;
}

struct Halves : testing::TestWithParam<std::uint32_t> {
  TestCluster cluster = Lab::cluster_of({GetParam()});
  RunningHost host1{1, cluster};
  RunningHost host2{2, cluster};
  Server listener{GetParam()};

  // In each round the client says `request(round)` bytes, and then the machine `answer(round)`.
  template <class Request, class Answer>
  void exchange(Request request, Answer answer) {
    std::jthread machine([&] {
      for (int round = 0; round < kRounds; ++round) {
        Tcp end = listener.accept();
        ASSERT_TRUE(hears(end, part(round, request(round)))) << "request " << round;
        ASSERT_TRUE(says(end, part(round, answer(round)))) << "answer " << round;
      }
    });
    for (int round = 0; round < kRounds; ++round) {
      Tcp end = dial_web();
      ASSERT_TRUE(says(end, part(round, request(round)))) << "request " << round;
      ASSERT_TRUE(hears(end, part(round, answer(round)))) << "answer " << round;
    }
  }
  void TearDown() override {
    EXPECT_EQ(host1.stats().relayed, static_cast<std::uint64_t>(kRounds));
    bool two = GetParam() == 2;
    EXPECT_EQ(host2.stats().hops_admitted, two ? static_cast<std::uint64_t>(kRounds) : 0u);
    EXPECT_TRUE(eventually([&] { return host1.stats().sessions == 0; }))
        << "sessions end with their streams";
  }
};

TEST_P(Halves, OfTenBytes) {
  auto each = [](int) { return kShort; };
  exchange(each, each);
}

TEST_P(Halves, OfAHundredKilobytes) {
  auto each = [](int) { return std::size_t{100'000}; };
  exchange(each, each);
}

// The client's half and the machine's by turns.
TEST_P(Halves, OfFiveMegabytes) {
  exchange([](int round) { return round % 2 == 0 ? kLong : kShort; },
           [](int round) { return round % 2 == 0 ? kShort : kLong; });
}

INSTANTIATE_TEST_SUITE_P(Hops, Halves, testing::Values(1u, 2u),
                         [](const auto& param) { return param.param == 1 ? "One" : "Two"; });

}  // namespace
}  // namespace sixpn::flycast
