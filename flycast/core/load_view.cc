#include "flycast/core/load_view.h"

#include <algorithm>
#include <cmath>

namespace sixpn::flycast {

bool MachineLoad::is_news(const LoadReport& report, Instant now) const {
  if (!report_ || report.sequence == 0) return true;
  // A clock that went back must not silence an owner that was started again.
  return report.sequence > report_->first.sequence || now - report_->second > kFresh;
}

void MachineLoad::on_report(const LoadReport& report, Instant now) {
  if (!is_news(report, now)) return;
  report_.emplace(report, now);
  own_at_report_ = own_;
}

void MachineLoad::on_success(Duration took, Instant now) {
  latency_.add(took, now);
  ejection_.on_success();
}

void MachineLoad::on_connect_failure(Instant now, Rng& rng) {
  latency_.add_failure(Duration::zero(), now);
  ejection_.on_connect_failure(now, rng);
}

void MachineLoad::on_bad_reply(Duration pause, Instant now, Rng& rng) {
  latency_.add_failure(pause, now);
  ejection_.on_bad_reply(now, rng);
}

void MachineLoad::on_silence(Instant now, Rng& rng) {
  latency_.add_failure(Duration::zero(), now);
  ejection_.on_silence(now, rng);
  silent_until_ = ejection_.until();
}

void MachineLoad::forget() {
  report_.reset();
  latency_.forget();
  ejection_.forget();
  away_until_ = silent_until_ = Instant::min();
}

double MachineLoad::others() const {
  const LoadReport& report = report_->first;
  double known = static_cast<double>(report.load) + report.queue;
  return std::max(0.0, known - own_at_report_);
}

double MachineLoad::estimate(Instant now) const {
  if (exact_) return *exact_;
  double own = own_;
  if (!report_) return own;
  double share = others();
  Duration age = now - report_->second;
  if (age > kFresh) {
    auto half_lives =
        static_cast<double>((age - kFresh).count()) / static_cast<double>(kHalfLife.count());
    share *= std::exp2(-half_lives);
  }
  return own + share;
}

bool MachineLoad::at_limit(std::uint32_t hard_limit, Instant now) const {
  if (hard_limit == 0) return false;
  if (exact_) return *exact_ >= hard_limit;
  if (own_ >= hard_limit) return true;
  if (!report_ || now - report_->second > kFresh) return false;
  const auto& [report, at] = *report_;
  if (report.load >= hard_limit && now - at < kStaysFull) return true;
  return own_ + others() >= hard_limit;
}

LoadView::Entry LoadView::entry(const ServiceKey& key, Instant now) {
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (entries_.size() >= kMaxEntries) {
      // Those that somebody holds come last: they would only be made again.
      auto rank = [](const auto& item) {
        return std::make_pair(item.second.use_count() > 1, item.second->used_);
      };
      entries_.erase(
          std::min_element(entries_.begin(), entries_.end(),
                           [&](const auto& a, const auto& b) { return rank(a) < rank(b); }));
    }
    found = entries_.emplace(key, std::make_shared<MachineLoad>()).first;
  }
  found->second->used_ = now;
  return found->second;
}

LoadView::Entry LoadView::find(const ServiceKey& key) const {
  auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : found->second;
}

LoadView::HostEntry LoadView::host_entry(HostId host) {
  auto found = hosts_.find(host);
  if (found != hosts_.end()) return found->second;
  if (hosts_.size() >= kMaxHosts) {
    auto rank = [](const auto& item) {
      return std::make_pair(item.second.use_count() > 1, item.second->until());
    };
    hosts_.erase(std::min_element(hosts_.begin(), hosts_.end(),
                                  [&](const auto& a, const auto& b) { return rank(a) < rank(b); }));
  }
  return hosts_.emplace(host, std::make_shared<Ejection>()).first->second;
}

void LoadView::on_host_failure(HostId host, Instant now, Rng& rng) {
  HostEntry ejection = host_entry(host);
  // One silence is enough: it took a whole timeout, and whoever asks next would wait as long.
  for (int i = 0; i < Ejection::kConnectFailures && !ejection->is_out(now); ++i)
    ejection->on_connect_failure(now, rng);
}

void LoadView::on_host_success(HostId host) {
  host_entry(host)->on_success();
}

}  // namespace sixpn::flycast
