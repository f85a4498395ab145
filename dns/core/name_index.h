// NameIndex: one loop's compiled names, by network and app, over the current snapshot. A new
// snapshot costs next to nothing here: what an app's names are is compiled when it is asked for and
// it, or a host, has changed since; which apps changed the network's view tells (AppChanges). So a
// change costs what is asked about it.
//
// One per worker (dns/io/dns_worker.h), used on its loop alone. Memory: one AppNames per app that
// was asked for; apps and networks that are gone are let go of at the next sweep (every kSweepEvery
// snapshots).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/ids.h"
#include "base/ip.h"
#include "dns/core/app_names.h"
#include "dns/core/flycast_index.h"
#include "dns/core/hash_table.h"
#include "dns/core/vantage.h"
#include "registry/core/snapshot.h"

namespace sixpn::dns {

class NameIndex {
 public:
  static constexpr std::uint64_t kSweepEvery = 4096;

  explicit NameIndex(Vantage vantage) : vantage_(std::move(vantage)) {}

  void set_snapshot(SnapshotPtr snapshot);
  [[nodiscard]] const Snapshot* snapshot() const { return snapshot_.get(); }
  [[nodiscard]] const Vantage& vantage() const { return vantage_; }
  // Rises with every snapshot that is set.
  [[nodiscard]] std::uint64_t age() const { return age_; }
  // Rises when a host came, went, changed its status or its round trip.
  [[nodiscard]] std::uint64_t hosts_age() const { return hosts_age_; }
  // How many AppNames were made so far.
  [[nodiscard]] std::uint64_t compiled() const { return compiled_; }

  // How many machines, addresses and peers were looked at so far for the sake of single questions:
  // what those cost that no other one profits from (answer_cost.h).
  [[nodiscard]] std::uint64_t looked_at() const { return looked_at_; }
  void look_at(std::size_t records) { looked_at_ += records; }

  class Network;
  // Of the current snapshot; null: no such network. Lives until the network is gone.
  Network* network(NetworkId id);

  // The names of the app `label` (lower case), null: there is no such app. `own` is the address of
  // an asker that counts as serving whatever the registry has heard (it runs: it asks), or null.
  // The pointer is good until the next call.
  const AppNames* app(Network& network, std::string_view label, AppNames::Reach reach,
                      const Ip6* own = nullptr);
  // The app of the current snapshot.
  const AppView* app_view(Network& network, std::string_view label);

 private:
  // With one asker's own machine, the last that asked.
  struct OwnNames {
    Ip6 asker;
    AppNames names;
  };
  struct App {
    std::string label;
    bool changed = true;          // `view` is to be looked up again
    std::uint64_t epoch = 0;      // of the network, when it was
    std::uint64_t hosts_age = 0;  // of `names`
    AppPtr view;                  // null: no such app
    std::optional<AppNames> names;
    std::unique_ptr<OwnNames> own;
  };

  App* find(Network& network, std::string_view label);
  App* current(Network& network, App* app);
  void sweep();

  Vantage vantage_;
  SnapshotPtr snapshot_;
  std::uint64_t age_ = 0;
  std::uint64_t hosts_age_ = 0;
  std::uint64_t compiled_ = 0;
  std::uint64_t looked_at_ = 0;
  std::unordered_map<NetworkId, std::unique_ptr<Network>> networks_;
};

// One network's part: the view of the current snapshot, and a table of the apps that were asked
// for.
class NameIndex::Network {
 public:
  [[nodiscard]] const NetworkView& view() const { return *view_; }
  [[nodiscard]] const std::shared_ptr<const NetworkView>& view_ptr() const { return view_; }
  // Of the current view.
  const FlycastIndex& flycast() {
    if (!flycast_) flycast_.emplace(view_->flycast);
    return *flycast_;
  }

 private:
  friend class NameIndex;

  [[nodiscard]] App* find(std::string_view label) const;
  // Takes the place of the view before.
  void set_view(const std::shared_ptr<const NetworkView>& view);

  std::shared_ptr<const NetworkView> view_;
  std::optional<FlycastIndex> flycast_;
  HashTable<App> apps_;      // by label
  std::uint64_t epoch_ = 0;  // rises when any app may have changed
};

}  // namespace sixpn::dns
