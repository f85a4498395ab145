#include "registry/core/snapshot_diff.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "registry/core/address.h"
#include "tests/unit/edit_app.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn {
namespace {

// A copy of what a change points at.
using Value = std::variant<std::monostate, HostRecord, OrgRecord, NetworkRecord, AppRecord,
                           MachineRecord, PeerRecord, FlycastRecord, RevocationRecord>;
struct Entry {
  NetworkId network;
  HostStatus status{};  // of hosts
  Value value;
  friend bool operator==(const Entry&, const Entry&) = default;
};
using State = std::map<RecordKey, Entry>;

Entry copy_of(NetworkId network, const WatchedRef& ref) {
  Entry entry{network, {}, {}};
  std::visit(
      [&entry](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, const HostView*>) {
          entry.status = value->status;
          entry.value = value->record;
        } else if constexpr (!std::is_same_v<T, std::monostate>) {
          entry.value = *value;
        }
      },
      ref);
  return entry;
}

// Applies changes, and checks each against what it says was there before.
void apply(const Snapshot& before, const Snapshot& after, State& state, std::size_t* changes) {
  diff(before, after, [&](const SnapshotChange& change) {
    ++*changes;
    bool was = !std::holds_alternative<std::monostate>(change.before);
    ASSERT_EQ(state.contains(change.key), was) << to_string(change.key);
    if (was) {
      EXPECT_EQ(state.at(change.key), copy_of(change.network, change.before));
    }
    if (std::holds_alternative<std::monostate>(change.after)) {
      ASSERT_TRUE(was);
      state.erase(change.key);
    } else {
      Entry now = copy_of(change.network, change.after);
      if (was) {
        EXPECT_NE(state.at(change.key), now) << "no change";
      }
      state[change.key] = now;
    }
  });
}

const sim::TestCluster kCluster;

// One random step from a snapshot to the next; networks that are not touched are shared.
Snapshot step(const Snapshot& from, const std::vector<sim::EnrolledHost>& hosts, Rng& rng) {
  Snapshot next = from;
  ++next.generation;
  const auto& host = hosts[rng.below(hosts.size())];
  switch (rng.below(6)) {
    case 0:
      next.hosts[host.id] = {host.record, static_cast<HostStatus>(1 + rng.below(4)),
                             Duration(rng.below(1000))};
      break;
    case 1:
      next.hosts.erase(host.id);
      break;
    case 2:
      next.revocations[host.id] = {host.id, std::string(1, static_cast<char>('a' + rng.below(3)))};
      break;
    case 3:
      rng.chance(0.5) ? void(next.orgs["acme"] = {"acme"}) : void(next.orgs.erase("acme"));
      break;
    default: {
      NetworkId id{1 + static_cast<std::uint32_t>(rng.below(3))};
      auto view = std::make_shared<NetworkView>();
      if (auto known = next.networks.find(id); known != next.networks.end()) *view = *known->second;
      view->network = {id, rng.chance(0.9) ? "acme" : "globex", "default"};
      auto machine = test::make_machine(host, static_cast<unsigned>(rng.below(4)), id);
      machine.state = static_cast<MachineState>(1 + rng.below(9));
      view->machines[machine.id] = std::make_shared<MachineRecord>(machine);
      edit_app(*view, "web").app = {"web", "acme", id, rng.chance(0.5) ? "iad" : "fra", {}};
      if (rng.chance(0.3)) view->machines.erase(MachineId(view->machines.begin()->first));
      if (rng.chance(0.3)) view->peers["laptop"] = {"laptop", id, host.id, {}, {}};
      if (rng.chance(0.3)) view->apps.clear();
      auto flycast = flycast_address(id, static_cast<std::uint16_t>(2 + rng.below(3)));
      view->flycast[flycast] = {flycast, "web", id, ""};
      next.networks[id] = view;
      if (rng.chance(0.1)) next.networks.erase(id);
    }
  }
  return next;
}

TEST(SnapshotDiff, ChangesAppliedGiveTheLaterSnapshot) {
  std::vector<sim::EnrolledHost> hosts;
  for (unsigned i = 0; i < 4; ++i) hosts.push_back(kCluster.enrol(i));
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    Snapshot snapshot;
    Snapshot skipped;  // compared only now and then: over many steps at once
    State state;
    State sparse;
    std::size_t changes = 0;
    for (int i = 0; i < 60; ++i) {
      Snapshot next = step(snapshot, hosts, rng);
      apply(snapshot, next, state, &changes);
      snapshot = next;
      if (!rng.chance(0.2)) continue;
      apply(skipped, snapshot, sparse, &changes);
      skipped = snapshot;
      EXPECT_EQ(sparse, state);
    }
    std::size_t none = 0;
    apply(snapshot, snapshot, state, &none);
    EXPECT_EQ(none, 0U);
    State whole;
    apply({}, snapshot, whole, &changes);
    EXPECT_EQ(whole, state);
    EXPECT_GT(changes, 30U);
  }
}

TEST(SnapshotDiff, ARoundTripIsNoChange) {
  auto host = kCluster.enrol(1);
  Snapshot before;
  before.hosts[host.id] = {host.record, HostStatus::kAlive, Duration(1)};
  Snapshot after = before;
  after.hosts[host.id].round_trip = Duration(2);
  diff(before, after, [](const SnapshotChange&) { FAIL(); });
}

}  // namespace
}  // namespace sixpn
