#include "dns/core/explain_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "dns/core/explain.h"
#include "dns/core/reverse_names.h"
#include "dns/core/selection.h"
#include "dns/core/zone.h"
#include "registry/core/address.h"
#include "registry/core/service_health.h"

namespace sixpn::dns {
namespace {

// The addresses that the answer names, by itself or through the names in it.
std::set<Ip6> addresses_in(const Answer& said) {
  std::set<Ip6> addresses;
  for (const auto* records : {&said.answers, &said.additional})
    for (const auto& record : *records)
      if (const auto* ip = std::get_if<Ip6>(&record.rdata)) addresses.insert(*ip);
  return addresses;
}

std::string host_text(const Snapshot& snapshot, HostId id) {
  const HostView* host = snapshot.find_host(id);
  if (host == nullptr) return fmt::format("host {} (unknown)", to_string(id));
  auto away =
      host->round_trip
          ? fmt::format("{:.1f} ms",
                        std::chrono::duration<double, std::milli>(*host->round_trip).count())
          : std::string("not measured");
  return fmt::format("host {} ({}, {})", host->record.name, to_string(host->status), away);
}

std::string_view health_text(Health health) {
  switch (health) {
    case Health::kPassing:
      return ", checks pass";
    case Health::kWarning:
      return ", checks warn";
    case Health::kCritical:
      return ", checks fail";
    case Health::kUnknown:
      break;
  }
  return "";
}

// Why a machine is in the answer, or is not.
std::string verdict(const Snapshot& snapshot, const MachineRecord& machine, const Ip6& source,
                    const Answer& said, const std::set<Ip6>& answered) {
  if (machine.state == MachineState::kDestroyed) return "left out: destroyed";
  if (machine.skip_dns) return "left out: not registered (skip_dns)";
  if (answered.contains(machine.address)) return "answered";
  if (!is_answered(snapshot, machine, &source)) {
    if (machine.state != MachineState::kStarted)
      return fmt::format("left out: {}", to_string(machine.state));
    return "left out: its host is down or unknown";
  }
  bool of_machines = !answered.empty() || said.answers.empty();
  return of_machines ? "serves, and is not what was asked for" : "serves";
}

class Records {
 public:
  Records(const Snapshot& snapshot, const NetworkView& names, const Ip6& source, const Answer& said)
      : snapshot_(snapshot), names_(names), source_(source), said_(said) {}

  void add_machine(const MachineRecord& machine, const std::set<Ip6>& answered) {
    add(fmt::format("machine {} of {}, group {}, region {}, {}{}, {}: {}", to_string(machine.id),
                    machine.app, machine.group, machine.region, to_string(machine.state),
                    health_text(overall_health(machine)), host_text(snapshot_, machine.host),
                    verdict(snapshot_, machine, source_, said_, answered)));
  }
  void add_app(std::string_view label) {
    auto app = names_.apps.find(label);
    if (app == names_.apps.end()) return;
    auto answered = addresses_in(said_);
    for (const auto& machine : app->second->machines) add_machine(*machine, answered);
  }
  void add_flycast(std::string_view label) {
    for (const auto& [address, record] : names_.flycast)
      if (record.app == label) add_address(record);
  }
  void add_address(const FlycastRecord& record) {
    auto service = record.service_name.empty() ? "" : ", service " + record.service_name;
    add(fmt::format("flycast {} to {} of network {}{}", to_string(record.address), record.app,
                    to_string(record.app_network), service));
  }
  void add_peer(const PeerRecord& peer) {
    add(fmt::format("peer {} at {}, gateway {}", peer.name, to_string(peer.address),
                    host_text(snapshot_, peer.gateway)));
  }
  void add_peer_named(std::string_view label) {
    auto peer = names_.peers.find(std::string(label));
    if (peer != names_.peers.end()) add_peer(peer->second);
  }

  // Whatever has this address in the asker's network.
  void add_owner(const Ip6& ip) {
    if (auto machine = names_.machines_by_address.find(ip);
        machine != names_.machines_by_address.end())
      add_machine(*machine->second, said_.answers.empty() ? std::set<Ip6>{} : std::set{ip});
    if (auto flycast = names_.flycast.find(ip); flycast != names_.flycast.end())
      add_address(flycast->second);
    for (const auto& [name, peer] : names_.peers)
      if (peer.address == ip) add_peer(peer);
  }

  std::vector<std::string> lines() && {
    if (left_out_ > 0) lines_.push_back(fmt::format("and {} more", left_out_));
    return std::move(lines_);
  }

 private:
  void add(std::string line) {
    if (lines_.size() < kMostBehind)
      lines_.push_back(std::move(line));
    else
      ++left_out_;
  }

  const Snapshot& snapshot_;
  const NetworkView& names_;
  const Ip6& source_;
  const Answer& said_;
  std::vector<std::string> lines_;
  std::size_t left_out_ = 0;
};

}  // namespace

std::vector<std::string> records_behind(const Snapshot& snapshot, const NetworkView& names,
                                        const Ip6& source, const Name& asked, const Answer& said) {
  Name lower = asked.lower();
  auto labels = lower.labels();
  const Zone& zone = find_zone(labels);
  Records records(snapshot, names, source, said);
  if (labels.size() <= zone.depth) return {};
  auto first = labels[labels.size() - zone.depth - 1];
  if (zone.kind == ZoneKind::kFlycast) records.add_flycast(first);
  if (zone.kind == ZoneKind::kInternal && first == "_peer") records.add_peer_named(labels[0]);
  if (zone.kind == ZoneKind::kInternal && !first.starts_with('_')) records.add_app(first);
  if (zone.kind == ZoneKind::kReverse)
    if (auto ip = parse_reverse_name(labels)) records.add_owner(*ip);
  return std::move(records).lines();
}

}  // namespace sixpn::dns
