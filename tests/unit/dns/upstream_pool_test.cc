// What we leave alone in c-ares, because it costs more the more is in flight.
#include <dlfcn.h>

#include <atomic>

#include "forwarding_fixture.h"

struct timeval;
struct ares_channeldata;

namespace sixpn::dns::testing {
namespace {

std::atomic<int> deadlines_asked_for{0};

}  // namespace
}  // namespace sixpn::dns::testing

// Takes the place of the library's for this whole program: counts, and does what that one does.
extern "C" timeval* ares_timeout(ares_channeldata* channel, timeval* most, timeval* out) {
  using Timeout = timeval* (*)(ares_channeldata*, timeval*, timeval*);
  static auto original = reinterpret_cast<Timeout>(dlsym(RTLD_NEXT, "ares_timeout"));
  ++sixpn::dns::testing::deadlines_asked_for;
  return original(channel, most, out);
}

namespace sixpn::dns::testing {
namespace {

// ares_timeout() walks through all queries of a channel: asked for a deadline with each query, n of
// them would cost n * n. One tick for all takes its place (decision 0094).
TEST_F(Forwarding, NoDeadlineIsAskedOfCAres) {
  Upstream silent(kSilent);
  auto limits = quiet();
  limits.deadline = 500ms;
  start_with({&silent}, limits);
  constexpr int kQuestions = 100;
  TcpClient client(six());
  for (std::uint16_t id = 0; id < kQuestions; ++id)
    client.send(encode({.name = "n" + std::to_string(id) + ".example", .type = kTypeA, .id = id}));
  EXPECT_TRUE(eventually([](const Stats& now) { return now.forward_failed > 0; }));
  EXPECT_GT(silent.queries(), kQuestions);  // by the workers, and then by c-ares
  EXPECT_EQ(deadlines_asked_for, 0);
}

}  // namespace
}  // namespace sixpn::dns::testing
