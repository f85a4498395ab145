// Gossip: a cluster of which half speaks as sixpn 0.1 does. An "old" host here is today's Gossip
// with every field that the old schema does not know taken out of what it sends and hears; so what
// depends on a new field must do without it.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>

#include "registry/core/gossip.h"
#include "registry/core/sync_session.h"
#include "tests/compat/gossip.pb.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::compat {
namespace {

using namespace registry;
using std::chrono::milliseconds;

constexpr unsigned kHosts = 6;
constexpr int kTick = 20;  // milliseconds

// What sixpn 0.1 reads of a datagram, and it refuses the whole of one that holds more.
std::string as_old(const std::string& bytes) {
  compat::wire::Datagram datagram;
  EXPECT_TRUE(datagram.ParseFromString(bytes));
  EXPECT_LE(bytes.size(), 1200U);
  EXPECT_LE(datagram.updates_size(), 32);
  EXPECT_LE(datagram.records_size(), 16);
  if (datagram.has_probe()) {
    EXPECT_GE(datagram.probe().kind(), 1U);
    EXPECT_LE(datagram.probe().kind(), 4U);
  }
  for (const auto& update : datagram.updates()) {
    EXPECT_GE(update.status(), 1U);
    EXPECT_LE(update.status(), 4U);
  }
  datagram.DiscardUnknownFields();
  return datagram.SerializeAsString();
}

// Six hosts in virtual time; datagrams take one tick, syncs happen at once.
class MixedCluster {
 public:
  explicit MixedCluster(unsigned old) : old_(old) {
    std::vector<SignedRecordPtr> known;
    for (unsigned i = 0; i < kHosts; ++i) hosts_.push_back(cluster_.enrol(i));
    for (const auto& host : hosts_) known.push_back(host.signed_host());
    for (const auto& host : hosts_) {
      Gossip::Options options;
      options.self = host.id;
      options.root_key = cluster_.root().public_key();
      options.incarnation = 1000;
      sign_claims(options, host);
      gossips_.push_back(std::make_unique<Gossip>(options, rng_));
      gossips_.back()->load(now_, known);
      take(host.id, gossips_.back()->start(now_));
    }
  }

  void run(milliseconds time) {
    for (auto end = now_.mono + time; now_.mono < end;) {
      now_.mono += milliseconds(kTick);
      now_.wall += milliseconds(kTick);
      auto arriving = std::exchange(on_the_way_, {});
      for (auto& [from, sent] : arriving)
        if (!silent_.contains(sent.to) && !silent_.contains(from))
          take(sent.to, of(sent.to).on_datagram(now_, from, sent.bytes));
      for (const auto& host : hosts_)
        if (!silent_.contains(host.id)) take(host.id, of(host.id).on_timer(now_));
    }
  }

  void write(unsigned by) {
    // All hold all here, so that equal hosts have equal roots.
    Record drawn = test::random_record(hosts_[by], rng_);
    while (drawn.key.kind == RecordKind::kInterest) drawn = test::random_record(hosts_[by], rng_);
    auto record = hosts_[by].sign(drawn);
    auto out = gossips_[by]->on_local_write(now_, {record});
    take(hosts_[by].id, std::move(out));
  }
  void silence(unsigned host) { silent_.insert(hosts_[host].id); }

  [[nodiscard]] bool all_equal() const {
    for (const auto& gossip : gossips_)
      if (gossip->store().root_hash() != gossips_.front()->store().root_hash()) return false;
    return true;
  }
  [[nodiscard]] std::optional<HostStatus> status(unsigned of_host, unsigned seen_by) const {
    return gossips_[seen_by]->membership().status(hosts_[of_host].id);
  }

 private:
  // Where the options hold a key for claims (newer than sixpn 0.1), give it.
  template <class Options>
  static void sign_claims(Options& options, const sim::EnrolledHost& host) {
    if constexpr (requires { options.signing_key; }) options.signing_key = host.key;
  }
  Gossip& of(HostId id) { return *gossips_[id.value - sim::host_id(0).value]; }
  [[nodiscard]] bool is_old(HostId id) const { return id.value - sim::host_id(0).value < old_; }

  void take(HostId from, Gossip::Output out) {
    for (auto& sent : out.datagrams) {
      std::string plain = as_old(sent.bytes);
      if (is_old(from) || is_old(sent.to)) sent.bytes = plain;
      on_the_way_.emplace_back(from, std::move(sent));
    }
    for (HostId peer : out.syncs) {
      bool done = !silent_.contains(peer) && sync(from, peer);
      take(from, of(from).on_sync_finished(now_, peer, done));
    }
  }
  bool sync(HostId a, HostId b) {
    SyncSession from(SyncSession::Role::kInitiator, of(a).store());
    SyncSession to(SyncSession::Role::kResponder, of(b).store());
    for (int turn = 0; turn < 1000 && !(from.finished() && to.finished()); ++turn) {
      auto at_b = to.on_bytes(from.take_output());
      auto at_a = from.on_bytes(to.take_output());
      if (!at_a || !at_b) return false;
      take(b, of(b).on_sync_records(now_, a, *at_b));
      take(a, of(a).on_sync_records(now_, b, *at_a));
    }
    return from.finished() && to.finished();
  }

  sim::TestCluster cluster_;
  std::vector<sim::EnrolledHost> hosts_;
  std::vector<std::unique_ptr<Gossip>> gossips_;
  std::vector<std::pair<HostId, Gossip::Datagram>> on_the_way_;
  std::set<HostId> silent_;
  unsigned old_;
  Rng rng_{9};
  Now now_{Instant(std::chrono::seconds(100)), from_unix_ms(1'800'000'000'000)};
};

class GossipCompat : public testing::TestWithParam<unsigned> {};

TEST_P(GossipCompat, AMixedClusterKeepsItsMembersAndItsRecords) {
  MixedCluster cluster(GetParam());
  for (int round = 0; round < 30; ++round) {
    cluster.write(static_cast<unsigned>(round) % kHosts);
    cluster.run(milliseconds(500));
  }
  cluster.run(std::chrono::seconds(10));
  EXPECT_TRUE(cluster.all_equal());
  for (unsigned of = 0; of < kHosts; ++of)
    for (unsigned by = 0; by < kHosts; ++by)
      EXPECT_TRUE(of == by || cluster.status(of, by) == HostStatus::kAlive) << of << " by " << by;
}

TEST_P(GossipCompat, ADeadHostIsDownForTodaysHosts) {
  MixedCluster cluster(GetParam());
  cluster.run(std::chrono::seconds(5));
  cluster.silence(0);
  cluster.run(std::chrono::seconds(60));
  for (unsigned by = std::max(1U, GetParam()); by < kHosts; ++by)
    EXPECT_EQ(cluster.status(0, by), HostStatus::kDown) << "seen by " << by;
}

INSTANTIATE_TEST_SUITE_P(OldHosts, GossipCompat, testing::Values(0U, 1U, 3U, 5U));

}  // namespace
}  // namespace sixpn::compat
