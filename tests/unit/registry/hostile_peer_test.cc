// What a member whose keys were stolen may try over anti-entropy.
#include <gtest/gtest.h>

#include "registry/core/gossip.pb.h"
#include "registry/core/store.h"
#include "registry/core/sync_session.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {
namespace {

const sim::TestCluster kCluster;
const WallTime kNow = from_unix_ms(1'800'000'000'000);

std::string framed(const wire::SyncFrame& frame) {
  std::string body = frame.SerializeAsString();
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8)
    out += static_cast<char>(body.size() >> shift & 0xff);
  return out + body;
}

// Forty thousand of these, as a session allows, would be four gigabytes.
TEST(HostilePeer, AFrameWithAGiantIdEndsTheSession) {
  const std::string giant(100'000, 'x');
  std::vector<wire::SyncFrame> frames(6);
  frames[0].mutable_summary()->add_slots()->set_id(giant);
  frames[1].mutable_summary()->add_slots()->set_scope(giant);
  frames[2].mutable_want()->add_slots()->set_id(giant);
  frames[3].mutable_want()->add_origins(giant);
  frames[4].mutable_heads()->add_heads()->set_origin(giant);
  auto* group = frames[5].mutable_compare()->add_groups();
  group->set_origin(giant);
  group->add_parts(1);
  for (const auto& frame : frames) {
    std::string buffer = framed(frame);
    EXPECT_FALSE(take_frame(buffer)) << frame.part_case();
  }
}

TEST(HostilePeer, AKindOutOfRangeIsNoAliasOfAnother) {
  wire::SyncFrame frame;
  auto* slot = frame.mutable_want()->add_slots();
  slot->set_kind(256 + static_cast<unsigned>(RecordKind::kHost));
  std::string buffer = framed(frame);
  EXPECT_FALSE(take_frame(buffer));
}

// The host's own clock, not a peer: it must not make a host refuse its own disk.
TEST(HostilePeer, AHostThatWakesUpIn1970KeepsWhatItsDiskHolds) {
  auto host = kCluster.enrol(1);
  Store store(kCluster.root().public_key());
  WallTime wrong = from_unix_ms(1000);
  ASSERT_EQ(store.merge(host.signed_host(), wrong, Origin::kDisk), Verdict::kAccepted);
  auto app = test::make_shared_record(host, AppRecord{"web", "acme", test::kTestNetwork, "", {}},
                                      "acme", HybridClock::from_wall(kNow));
  auto record = host.sign(app);
  EXPECT_EQ(store.merge(record, wrong), Verdict::kClockAhead);  // from others: not before it is set
  EXPECT_EQ(store.merge(record, wrong, Origin::kDisk), Verdict::kAccepted);
  auto erased = host.sign(test::make_tombstone(app, app.stamp.major + 1, kNow));
  EXPECT_EQ(store.merge(erased, wrong, Origin::kDisk), Verdict::kAccepted);
}

}  // namespace
}  // namespace sixpn::registry
