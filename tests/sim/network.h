// Network: what happens to a packet between two simulated hosts: lost, late, doubled, or cut off.
// Two geographies: one uniform range of delays, or nineteen regions over the world with the delays
// of light in fibre. Knows no protocol; the simulator and the model of memberlist both use it, with
// the same schedule of faults. All randomness comes from the caller's Rng.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/time.h"

namespace sixpn::sim {

struct NetworkModel {
  Duration latency_least = std::chrono::milliseconds(5);  // one way, when not geographic
  Duration latency_most = std::chrono::milliseconds(40);
  double loss = 0;  // of each datagram, independently
  double duplicate = 0;
  bool geographic = false;  // host i stands in region i % kRegionCount
  Duration jitter{};        // up to this much more, per packet: what reorders them
  // Bad spells (after Gilbert and Elliott): every second, each host's own line turns bad with this
  // probability, for a second; a bad line loses half of what it carries.
  double bad_spell = 0;
};

inline constexpr unsigned kRegionCount = 19;
// "ams", "iad", ...: the region that host `index` stands in.
std::string region_name(unsigned index);
// One way between two regions: great circle * 1.4 at 200,000 km/s, and 1 ms.
Duration region_delay(unsigned a, unsigned b);

class Network {
 public:
  Network(NetworkModel model, unsigned hosts);

  void set_model(NetworkModel model) { model_ = model; }
  [[nodiscard]] const NetworkModel& model() const { return model_; }
  // Hosts in different groups cannot reach each other.
  void partition(const std::function<int(unsigned)>& group_of);
  // Nothing gets from `from` to `to`; the other way is not touched.
  void cut(unsigned from, unsigned to);
  // No datagram gets to or from this host; streams do.
  void block_datagrams(unsigned host) { blocked_.insert(host); }
  void heal();  // partitions, cuts and blocks

  [[nodiscard]] bool passes(unsigned from, unsigned to) const;
  // Arrival delays of the copies of one datagram (none: lost); at most two.
  std::vector<Duration> carry(unsigned from, unsigned to, Instant now, Rng& rng);
  // One way, for a byte of a stream.
  Duration delay(unsigned from, unsigned to, Rng& rng) const;

 private:
  [[nodiscard]] bool in_bad_spell(unsigned host, Instant now) const;

  NetworkModel model_;
  std::vector<int> groups_;
  std::vector<std::pair<unsigned, unsigned>> cuts_;  // sorted
  std::set<unsigned> blocked_;                       // datagrams of these
  std::vector<Duration> delays_;                     // kRegionCount squared
};

}  // namespace sixpn::sim
