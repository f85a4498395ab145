// The wire of Gossip, the queue of random gossip, and the hybrid clock.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/core/gossip.h"
#include "tests/unit/registry/gossip_fixture.h"

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

TEST(GossipCodec, DatagramsSurviveTheWireAndFitTheirEstimate) {
  GossipDatagram datagram;
  datagram.incarnation = ~std::uint64_t{0};
  datagram.root_hash = 2;
  datagram.stable = 3ms;
  datagram.probe = ProbeMessage{ProbeMessage::Kind::kNack, {}, ~std::uint64_t{0}, HostId{~0U}};
  EXPECT_LE(encode_datagram(datagram).size(), kHeaderBytes);
  std::size_t header = encode_datagram(datagram).size();
  Signature signature;
  signature.fill(0xff);
  datagram.wants_claim = true;
  EXPECT_LE(encode_datagram(datagram).size(), kHeaderBytes);
  header = encode_datagram(datagram).size();
  MemberUpdate update{HostId{~0U}, HostStatus::kLeft, ~std::uint64_t{0}, HostId{~0U}, signature};
  datagram.updates = {update};
  EXPECT_LE(encode_datagram(datagram).size() - header, update_bytes(update));
  update.accusers.assign(kMaxAccusers, {HostId{~0U}, signature});
  datagram.updates = {update};
  EXPECT_LE(encode_datagram(datagram).size() - header, update_bytes(update));
  datagram.updates[0].accusers.resize(4, {HostId{~0U}, signature});
  datagram.records = {std::string(500, 'r')};
  datagram.push = PushHeader{RelayLevel::kSibling, 1, ~0U, {HostId{7}, HostId{~0U}}};
  datagram.push->heads = {3, ~std::uint64_t{0}};
  datagram.acks = {1, ~0U};
  datagram.again = {2, ~0U};
  datagram.ihave = {2, ~std::uint64_t{0}};
  datagram.pull = {3};
  datagram.pull_hosts = {HostId{4}};
  auto back = decode_datagram(encode_datagram(datagram));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, datagram);
  EXPECT_FALSE(decode_datagram(std::string(kMaxDatagramBytes + 1, '\0')));
}

TEST(GossipCodec, UnknownKindsAndTooManyPartsAreErrors) {
  GossipDatagram datagram;
  datagram.probe = ProbeMessage{static_cast<ProbeMessage::Kind>(9), {}, 1, {}};
  EXPECT_FALSE(decode_datagram(encode_datagram(datagram)));
  datagram.probe.reset();
  datagram.updates = {{HostId{1}, static_cast<HostStatus>(0), 1, {}}};
  EXPECT_FALSE(decode_datagram(encode_datagram(datagram)));
  MemberUpdate crowded{HostId{1}, HostStatus::kDown, 1, {}};
  crowded.accusers.resize(kMaxAccusers + 1);
  datagram.updates = {crowded};
  EXPECT_FALSE(decode_datagram(encode_datagram(datagram)));
  datagram.updates.clear();
  datagram.records.resize(kMaxRecordsPerDatagram + 1);
  EXPECT_FALSE(decode_datagram(encode_datagram(datagram)));
  datagram.records.clear();
  datagram.pull_hosts.resize(kMaxHostsPulled + 1);
  EXPECT_FALSE(decode_datagram(encode_datagram(datagram)));
  datagram.pull_hosts.clear();
  datagram.push = PushHeader{static_cast<RelayLevel>(5), 1, 1, {}};
  EXPECT_FALSE(decode_datagram(encode_datagram(datagram)));
  datagram.push = PushHeader{RelayLevel::kSibling, 1, 1, {}};
  EXPECT_TRUE(decode_datagram(encode_datagram(datagram)));
}

TEST(SpreadQueue, LeastToldGoesFirstEachABoundedNumberOfTimes) {
  SpreadQueue<int, int> queue(3);
  auto take_one = [&queue] {
    int taken = -1;
    queue.offer(1, [&](int value) {
      taken = value;
      return true;
    });
    return taken;
  };
  queue.add(1, 10, 2);
  EXPECT_EQ(take_one(), 10);
  queue.add(2, 20, 1);
  EXPECT_EQ(take_one(), 20);  // told less often so far
  EXPECT_EQ(take_one(), 10);
  EXPECT_TRUE(queue.empty());

  for (int key : {1, 2, 3}) EXPECT_FALSE(queue.add(key, key, 5));
  EXPECT_FALSE(queue.add(2, 22, 5));  // replaces
  EXPECT_EQ(take_one(), 1);
  EXPECT_TRUE(queue.add(4, 4, 5));  // full: what was told most gives way
  EXPECT_EQ(queue.size(), 3U);
  std::vector<int> offered;
  queue.offer(9, [&](int value) {
    offered.push_back(value);
    return false;
  });
  EXPECT_THAT(offered, ElementsAre(3, 22, 4));
}

TEST(HybridClock, NeverGoesBackAndFollowsTheWall) {
  HybridClock clock;
  WallTime now = from_unix_ms(1000);
  auto first = clock.tick(now);
  auto second = clock.tick(now - 500ms);
  EXPECT_GT(second, first);
  EXPECT_EQ(clock.tick(now + 1s), HybridClock::from_wall(now + 1s));
  clock.observe(HybridClock::from_wall(now + 9s));
  EXPECT_GT(clock.tick(now), HybridClock::from_wall(now + 9s));
  EXPECT_FALSE(HybridClock::too_far_ahead(HybridClock::from_wall(now + kMaxClockAhead), now));
  EXPECT_TRUE(HybridClock::too_far_ahead(HybridClock::from_wall(now + kMaxClockAhead + 1ms), now));
}

}  // namespace
}  // namespace sixpn::registry
