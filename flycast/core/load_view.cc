#include "flycast/core/load_view.h"

#include <algorithm>
#include <cmath>

namespace sixpn::flycast {
namespace {

// Makes room for one more entry by dropping the one whose `age` comes first.
template <class Map, class Age>
void bound(Map& map, std::size_t limit, Age age) {
  if (map.size() < limit) return;
  map.erase(std::min_element(map.begin(), map.end(), [&](const auto& a, const auto& b) {
    return age(a.second) < age(b.second);
  }));
}

}  // namespace

ServiceCounts::Ticket LoadView::open(const ServiceKey& key) {
  return *own_.admit(key, 0);
}

void LoadView::on_report(const ServiceKey& key, std::uint32_t load, Instant now) {
  if (!reports_.contains(key))
    bound(reports_, kMaxEntries, [](const Report& report) { return report.at; });
  reports_[key] = {load, own_.open(key), now};
}

void LoadView::on_failure(MachineId machine, Instant now) {
  if (!failures_.contains(machine))
    bound(failures_, kMaxEntries, [](const Failures& failures) { return failures.until; });
  Failures& failures = failures_[machine];
  int doublings = std::min(failures.in_a_row++, 16);
  failures.until = now + std::min(kMaxPenalty, kFirstPenalty * (1 << doublings));
}

void LoadView::on_success(MachineId machine) {
  failures_.erase(machine);
}

double LoadView::estimate(const ServiceKey& key, Instant now) const {
  double own = own_.open(key);
  auto found = reports_.find(key);
  if (found == reports_.end()) return own;
  const Report& report = found->second;
  double others = std::max(0.0, static_cast<double>(report.load) - report.own);
  if (now - report.at > kFresh) {
    auto half_lives = static_cast<double>((now - report.at - kFresh).count()) /
                      static_cast<double>(kHalfLife.count());
    others *= std::exp2(-half_lives);
  }
  return own + others;
}

bool LoadView::at_limit(const ServiceKey& key, std::uint32_t hard_limit, Instant now) const {
  if (hard_limit == 0) return false;
  if (own_.open(key) >= hard_limit) return true;
  auto found = reports_.find(key);
  if (found == reports_.end() || now - found->second.at > kFresh) return false;
  return estimate(key, now) >= hard_limit;
}

bool LoadView::failing(MachineId machine, Instant now) const {
  auto found = failures_.find(machine);
  return found != failures_.end() && now < found->second.until;
}

}  // namespace sixpn::flycast
