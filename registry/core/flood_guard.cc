#include "registry/core/flood_guard.h"

#include <algorithm>
#include <utility>

namespace sixpn::registry {

std::string_view to_string(FloodKind kind) {
  switch (kind) {
    case FloodKind::kDatagrams:
      return "sends too many datagrams";
    case FloodKind::kBytes:
      return "sends too many bytes";
    case FloodKind::kGarbage:
      return "sends what no member may send: malformed, falsely signed or outside its rights";
    case FloodKind::kSyncs:
      return "starts too many syncs";
    case FloodKind::kChanges:
      return "changes its records too often";
    case FloodKind::kStatements:
      return "passes on too many revocations and renewals";
  }
  return "floods";
}

bool FloodGuard::Entry::idle(Instant now) const {
  return datagrams.is_full(now) && bytes.is_full(now) && garbage.is_full(now) &&
         syncs.is_full(now) && changes.is_full(now) && statements.is_full(now) &&
         (!was_limited || last_drop + kFloodReportInterval <= now);
}

FloodGuard::Entry& FloodGuard::entry(Instant now, HostId host) {
  auto found = entries_.find(host);
  if (found != entries_.end()) return found->second;
  if (entries_.size() >= kMaxFloodEntries) forget_idle(now);
  return entries_[host];
}

// Full tables begin anew: a flooder is noticed again within a second.
void FloodGuard::forget_idle(Instant now) {
  std::erase_if(entries_, [now](const auto& each) { return each.second.idle(now); });
  if (entries_.size() >= kMaxFloodEntries) entries_.clear();
}

bool FloodGuard::refuse(Instant now, HostId host, Entry& entry, FloodKind kind) {
  ++dropped_;
  ++entry.dropped.at(static_cast<std::size_t>(kind));
  entry.last_drop = now;
  bool waits = std::find(to_report_.begin(), to_report_.end(), host) != to_report_.end();
  if (!waits && (!entry.was_limited || entry.report_at <= now)) to_report_.push_back(host);
  entry.was_limited = true;
  return false;
}

bool FloodGuard::admits_datagram(Instant now, HostId from, std::size_t bytes) {
  Entry& sender = entry(now, from);
  if (!sender.garbage.allows(kGarbageLimit, now))
    return refuse(now, from, sender, FloodKind::kGarbage);
  if (!sender.datagrams.try_take(kDatagramLimit, now))
    return refuse(now, from, sender, FloodKind::kDatagrams);
  if (!sender.bytes.allows(kByteLimit, now)) return refuse(now, from, sender, FloodKind::kBytes);
  sender.bytes.take(kByteLimit, now, 1 + static_cast<int>(bytes) / kFloodUnitBytes);
  return true;
}

bool FloodGuard::admits_sync_records(Instant now, HostId from) {
  Entry& sender = entry(now, from);
  return sender.garbage.allows(kGarbageLimit, now) ||
         refuse(now, from, sender, FloodKind::kGarbage);
}

bool FloodGuard::admits_sync(Instant now, HostId from) {
  Entry& sender = entry(now, from);
  if (!sender.garbage.allows(kGarbageLimit, now))
    return refuse(now, from, sender, FloodKind::kGarbage);
  return sender.syncs.try_take(kSyncLimit, now) || refuse(now, from, sender, FloodKind::kSyncs);
}

bool FloodGuard::admits_change(Instant now, HostId writer) {
  Entry& known = entry(now, writer);
  return known.changes.allows(kChangeLimit, now) || refuse(now, writer, known, FloodKind::kChanges);
}

bool FloodGuard::admits_statement(Instant now, HostId from) {
  Entry& sender = entry(now, from);
  return sender.statements.allows(kStatementLimit, now) ||
         refuse(now, from, sender, FloodKind::kStatements);
}

void FloodGuard::on_garbage(Instant now, HostId from, std::uint64_t count) {
  if (count == 0) return;
  Entry& sender = entry(now, from);
  auto most = static_cast<std::uint64_t>(kGarbageLimit.burst);  // a debt of one burst is enough
  sender.garbage.take(kGarbageLimit, now, static_cast<int>(std::min(count, most)));
}

void FloodGuard::on_change(Instant now, HostId writer) {
  entry(now, writer).changes.take(kChangeLimit, now);
}

void FloodGuard::on_statement(Instant now, HostId from) {
  entry(now, from).statements.take(kStatementLimit, now);
}

std::vector<FloodGuard::Report> FloodGuard::take_reports(Instant now) {
  std::vector<Report> reports;
  for (HostId host : to_report_) {
    auto found = entries_.find(host);
    if (found == entries_.end()) continue;
    auto& dropped = found->second.dropped;
    auto most = std::max_element(dropped.begin(), dropped.end());
    Report report{host, static_cast<FloodKind>(most - dropped.begin()), 0};
    for (auto& count : dropped) report.dropped += std::exchange(count, 0);
    found->second.report_at = now + kFloodReportInterval;
    reports.push_back(report);
  }
  to_report_.clear();
  return reports;
}

std::vector<HostId> FloodGuard::limited(Instant now) const {
  std::vector<HostId> hosts;
  for (const auto& [host, entry] : entries_)
    if (entry.was_limited && now < entry.last_drop + kFloodReportInterval) hosts.push_back(host);
  return hosts;
}

}  // namespace sixpn::registry
