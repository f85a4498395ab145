// ServicePool: the machines of one service as this host's proxy may choose among them: in tiers by
// distance, each with what the LoadView knows of it. Built from the registry's candidates, kept
// while the snapshot is the same; what must outlive a snapshot (the order of regions, who joined
// when) passes from one build to the next. Pure; one thread at a time. It is not the choice:
// balancer.h.
//
// Above kMostWhole machines each proxy prefers its own kSubset of every region, by rendezvous
// hashing of proxy and machine: its views stay warm and its links few, each machine has about as
// many proxies, and one that comes or goes moves nobody else. The others follow when none of those
// can be had.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "flycast/core/load_view.h"
#include "flycast/core/region_order.h"
#include "flycast/core/retry_budget.h"
#include "flycast/core/service_table.h"

namespace sixpn::flycast {

class ServicePool {
 public:
  static constexpr std::size_t kMostWhole = 64;
  static constexpr std::size_t kSubset = 32;
  struct Member {
    Candidate candidate;
    LoadView::Entry load;
    LoadView::HostEntry host;
    bool home = false;                // in the proxy's own region
    Instant joined = Instant::min();  // min: it was there when this proxy first looked
  };
  // A region: members [begin, end), this host's own [begin, here), then to `preferred` the subset.
  struct Tier {
    std::string_view region;
    bool home = false;  // the proxy's own region
    std::size_t begin = 0;
    std::size_t here = 0;
    std::size_t preferred = 0;
    std::size_t end = 0;
  };
  // Where the proxy is.
  struct Vantage {
    HostId self;
    std::string_view region;
  };

  ServicePool() = default;
  ServicePool(ServicePool&&) = default;
  ServicePool& operator=(ServicePool&&) = default;

  void assign(std::vector<Candidate> candidates, const Vantage& vantage,
              std::uint16_t internal_port, LoadView& loads, Instant now);

  [[nodiscard]] std::span<const Member> members() const { return members_; }
  // The own region first, then by round trip, unmeasured ones last, then by name.
  [[nodiscard]] std::span<const Tier> tiers() const { return tiers_; }
  [[nodiscard]] RetryBudget& budget() { return budget_; }
  // Tells the members of this host their exact load.
  void set_exact(const ServiceCounts& admissions, std::uint16_t internal_port);

 private:
  void order_tiers(std::vector<Candidate>& candidates, const Vantage& vantage);

  std::vector<Member> members_;
  std::vector<Tier> tiers_;
  RegionOrder regions_;
  RetryBudget budget_;
  bool assigned_ = false;
};

// The pools of the services that this proxy's clients dialled lately.
class PoolTable {
 public:
  // Beyond it, the one goes that was used least lately.
  static constexpr std::size_t kMaxPools = 4096;

  // Valid until the next call. `vantage.region` must outlive it.
  ServicePool& pool(const ServiceTable& table, const Route& route,
                    const ServicePool::Vantage& vantage, LoadView& loads, Instant now);
  [[nodiscard]] std::size_t size() const { return pools_.size(); }

  // A service: its first external port tells apart those of one app.
  struct Key {
    NetworkId network;
    std::string app;
    std::uint16_t external_port = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  // Those there are, for the operator.
  [[nodiscard]] std::vector<Key> keys() const;

 private:
  struct Kept {
    ServicePool pool;
    const Snapshot* snapshot = nullptr;
    std::uint64_t generation = 0;
    Instant used{};
  };
  std::map<Key, Kept> pools_;
};

}  // namespace sixpn::flycast
