// A Gossip of host 0 whose peers are played by the test.
#pragma once

#include <gtest/gtest.h>

#include "registry/core/claim.h"
#include "registry/core/gossip.h"
#include "registry/core/local_write.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {

using sim::EnrolledHost;

inline const sim::TestCluster kCluster;

// Host 0's Gossip; the other hosts are played by the test.
class GossipTest : public testing::Test {
 protected:
  explicit GossipTest(Dissemination dissemination = Dissemination::kTrees, StoreLimits limits = {})
      : gossip_({.self = host_.id,
                 .root_key = kCluster.root().public_key(),
                 .incarnation = 1,
                 .expects_peers = true,
                 .limits = limits,
                 .dissemination = dissemination,
                 .signing_key = host_.key},
                rng_) {}
  void SetUp() override { own_write(host_.record); }

  Gossip::Output own_write(RecordValue value, const std::string& org = "") {
    LocalWrite write{std::move(value), false, {}, org};
    return gossip_.on_local_write(now_, {*writer_.sign(write, gossip_.clock(), now_.wall)});
  }
  void admit_others(unsigned count) {
    for (unsigned i = 1; i <= count; ++i) gossip_.admit(now_, kCluster.enrol(i).signed_host());
    gossip_.start(now_);
    pass(std::chrono::milliseconds(50));
    gossip_.on_timer(now_);
    pass(std::chrono::milliseconds(50));
  }
  // The same, until nothing of it has to be repeated any more.
  void admit_answering(unsigned count) {
    for (unsigned i = 1; i <= count; ++i)
      acknowledge(gossip_.admit(now_, kCluster.enrol(i).signed_host()));
    acknowledge(gossip_.start(now_));
    for (int i = 0; i < 10; ++i) {
      pass(std::chrono::milliseconds(10));
      acknowledge(gossip_.on_timer(now_));
    }
  }
  // Every host answers what it was pushed.
  void acknowledge(const Gossip::Output& out) {
    for (const auto& sent : out.datagrams) {
      auto datagram = in_step();
      if (auto push = decoded(sent).push) datagram.acks = {push->sequence};
      if (!datagram.acks.empty()) gossip_.on_datagram(now_, sent.to, encode_datagram(datagram));
    }
  }
  void pass(Duration time) {
    now_.mono += time;
    now_.wall += std::chrono::duration_cast<std::chrono::milliseconds>(time);
  }
  Gossip::Output receive(unsigned from, const GossipDatagram& datagram) {
    auto out = gossip_.on_datagram(now_, sim::host_id(from), encode_datagram(datagram));
    EXPECT_TRUE(gossip_.check_invariants());
    EXPECT_TRUE(gossip_.store().check_invariants());
    for (const auto& sent : out.datagrams) EXPECT_LE(sent.bytes.size(), kMaxDatagramBytes);
    return out;
  }
  // What host `by` says about host `about`, signed.
  static MemberUpdate claim(unsigned by, HostStatus what, unsigned about,
                            std::uint64_t incarnation) {
    MemberUpdate update{sim::host_id(about), what, incarnation, sim::host_id(by)};
    update.signature =
        sign_claim({what, update.host, incarnation, update.accuser}, kCluster.enrol(by).key);
    return update;
  }
  [[nodiscard]] GossipDatagram in_step() const {
    GossipDatagram datagram;
    datagram.incarnation = 1;
    datagram.root_hash = gossip_.store().root_hash();
    return datagram;
  }
  static GossipDatagram decoded(const Gossip::Datagram& datagram) {
    return *decode_datagram(datagram.bytes);
  }

  EnrolledHost host_ = kCluster.enrol(0);
  Rng rng_{1};
  Now now_{Instant(std::chrono::seconds(100)), from_unix_ms(1'800'000'000'000)};
  Gossip gossip_;
  RecordWriter writer_{host_.id, host_.key, 1};
};

}  // namespace sixpn::registry
