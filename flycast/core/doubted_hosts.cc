#include "flycast/core/doubted_hosts.h"

#include <algorithm>

namespace sixpn::flycast {
namespace {

bool is_doubtful(const HostView& host) {
  return host.status == HostStatus::kSuspected || host.status == HostStatus::kDown;
}

}  // namespace

void DoubtedHosts::on_hosts(const std::map<HostId, HostView>& hosts, HostId self, Instant now) {
  std::erase_if(doubts_, [&](const auto& one) {
    auto found = hosts.find(one.first);
    return found == hosts.end() || !is_doubtful(found->second);
  });
  for (const auto& [id, host] : hosts)
    if (id != self && is_doubtful(host)) doubt(id, host.status == HostStatus::kDown, now);
}

void DoubtedHosts::doubt(HostId host, bool is_down, Instant now) {
  auto [found, is_new] = doubts_.try_emplace(host);
  Doubt& doubt = found->second;
  if (is_new) doubt.ask_at = now;
  // It may have died since it answered.
  if (is_down && !doubt.is_down && doubt.unanswered == 0) doubt.ask_at = now;
  doubt.is_down = is_down;
}

void DoubtedHosts::on_answer(HostId host, Instant now) {
  auto found = doubts_.find(host);
  if (found == doubts_.end() || found->second.is_dead) return;
  found->second.unanswered = 0;
  found->second.ask_at = now + kAskAgain;
}

DoubtedHosts::Due DoubtedHosts::due(Instant now) {
  Due due;
  std::size_t asked_now = asked();
  for (auto& [host, doubt] : doubts_) {
    if (doubt.is_dead || now < doubt.ask_at) continue;
    if (doubt.is_down && doubt.unanswered >= kQuestions) {
      doubt.is_dead = true;
      due.dead.push_back(host);
      continue;
    }
    doubt.ask_at = now + kAskEvery;
    if (doubt.unanswered == 0 && asked_now >= kMostAsked) continue;  // in its turn
    if (doubt.unanswered++ == 0) ++asked_now;
    due.to_ask.push_back(host);
  }
  return due;
}

Instant DoubtedHosts::next() const {
  Instant first = kNever;
  for (const auto& [host, doubt] : doubts_)
    if (!doubt.is_dead) first = std::min(first, doubt.ask_at);
  return first;
}

std::size_t DoubtedHosts::asked() const {
  return static_cast<std::size_t>(std::count_if(
      doubts_.begin(), doubts_.end(),
      [](const auto& one) { return !one.second.is_dead && one.second.unanswered > 0; }));
}

}  // namespace sixpn::flycast
