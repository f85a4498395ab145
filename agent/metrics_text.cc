#include "agent/metrics_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "agent/metrics_family.h"
#include "agent/metrics_flycast.h"
#include "dns/core/render.h"
#include "mesh/core/options.h"
#include "mesh/core/state.h"
#include "registry/core/address.h"

namespace sixpn::agent {
namespace {

std::string agent_text(const Snapshot& snapshot, const Labels& labels,
                       const AgentReadings& readings) {
  auto info = gauge("sixpn_build_info", "Which version runs.");
  info.add(labels.of_host() + ",version=\"" SIXPN_VERSION "\"", 1u);
  auto warnings = gauge("sixpn_warnings", "What sixpn status warns of.");
  warnings.add(labels.of_host(), readings.warnings);
  auto until = gauge("sixpn_certificate_end_timestamp_seconds",
                     "Until when this host's certificate is good.");
  const HostView* self = snapshot.find_host(snapshot.self);
  if (self != nullptr && self->valid_until)
    until.add(labels.of_host(), static_cast<double>(unix_ms(*self->valid_until)) / 1000);
  return info.text() + warnings.text() + until.text();
}

std::string hosts_text(const Snapshot& snapshot, const Labels& labels) {
  auto hosts =
      gauge("sixpn_hosts", "Hosts of the cluster, this one too, by what it holds of them.");
  for (HostStatus status :
       {HostStatus::kAlive, HostStatus::kSuspected, HostStatus::kDown, HostStatus::kLeft}) {
    auto count = static_cast<std::uint64_t>(
        std::count_if(snapshot.hosts.begin(), snapshot.hosts.end(),
                      [status](const auto& entry) { return entry.second.status == status; }));
    hosts.add(fmt::format("{},status=\"{}\"", labels.of_host(), to_string(status)), count);
  }
  return hosts.text();
}

std::string each_host_text(const Snapshot& snapshot, const Labels& labels, const EachHost& each) {
  auto up = gauge("sixpn_host_up", "Whether this host holds another to be alive, or suspects it.");
  auto round_trip = gauge("sixpn_host_round_trip_seconds", "By probes through the tunnel.");
  auto clock = gauge("sixpn_host_clock_ahead_seconds", "Of this host's clock.");
  auto handshake = gauge("sixpn_host_handshake_age_seconds", "Of the last one of WireGuard.");
  auto received = counter("sixpn_host_received_bytes_total", "By WireGuard, encrypted.");
  auto sent = counter("sixpn_host_sent_bytes_total", "By WireGuard, encrypted.");
  for (const auto& [id, host] : snapshot.hosts) {
    if (id == snapshot.self) continue;
    std::string about =
        fmt::format("{},peer=\"{}\",peer_region=\"{}\",peer_id=\"{}\"", labels.of_host(),
                    escape_label(host.record.name), escape_label(host.record.region),
                    to_string(id));  // two may have one name: one that left, and its successor
    up.add(about, host.usable());
    if (host.round_trip) round_trip.add(about, seconds(*host.round_trip));
    if (auto ahead = each.clocks_ahead.find(id); ahead != each.clocks_ahead.end())
      clock.add(about, seconds(ahead->second));
    auto found = each.mesh.peers.find(id);
    if (found == each.mesh.peers.end()) continue;
    if (found->second.handshake_age) handshake.add(about, seconds(*found->second.handshake_age));
    received.add(about, found->second.received);
    sent.add(about, found->second.sent);
  }
  return up.text() + round_trip.text() + clock.text() + handshake.text() + received.text() +
         sent.text();
}

std::string registry_text(const Snapshot& snapshot, const Labels& labels,
                          const AgentReadings& readings) {
  auto synced = gauge("sixpn_registry_synced", "Whether it is whole, as far as is known.");
  synced.add(labels.of_host(), snapshot.synced);
  auto on_disk = gauge("sixpn_registry_on_disk", "Whether the last write to disk succeeded.");
  on_disk.add(labels.of_host(), readings.on_disk);
  auto limited =
      gauge("sixpn_registry_limited", "A host that floods the registry, and is limited.");
  for (HostId host : readings.flooding) {
    const HostView* view = snapshot.find_host(host);
    limited.add(
        fmt::format("{},peer=\"{}\",peer_id=\"{}\"", labels.of_host(),
                    escape_label(view != nullptr ? view->record.name : ""), to_string(host)),
        1u);
  }
  std::string counters;
  for (const auto& [name, value] : registry::kCounters) {
    auto family =
        counter(fmt::format("sixpn_registry_{}_total", name), "As in registry/core/counters.h.");
    family.add(labels.of_host(), readings.registry.*value);
    counters += family.text();
  }
  return synced.text() + on_disk.text() + limited.text() + counters;
}

std::string upstreams_text(const Labels& labels, const dns::Stats& stats) {
  auto up = gauge("sixpn_dns_upstream_up", "Whether an upstream resolver is asked.");
  auto round_trip = gauge("sixpn_dns_upstream_round_trip_seconds", "Smoothed.");
  auto answered = counter("sixpn_dns_upstream_answered_total", "Replies, good or bad.");
  auto unanswered = counter("sixpn_dns_upstream_unanswered_total", "Tries without a reply.");
  for (const auto& one : stats.upstreams) {
    std::string each = fmt::format("{},upstream=\"{}\"", labels.of_host(), to_string(one.endpoint));
    bool asked = one.health == dns::UpstreamChoice::Health::kUp;
    up.add(each, asked);
    round_trip.add(each, seconds(one.round_trip));
    answered.add(each, one.answered);
    unanswered.add(each, one.unanswered);
  }
  return up.text() + round_trip.text() + answered.text() + unanswered.text();
}

std::string dns_text(const Labels& labels, const dns::Stats& stats) {
  using S = dns::Stats;
  static constexpr Named<S> kCounters[] = {{"dropped", &S::dropped},
                                           {"refused_sources", &S::refused_sources},
                                           {"truncated", &S::truncated},
                                           {"lists_cut", &S::lists_cut},
                                           {"send_failed", &S::send_failed},
                                           {"rate_truncated", &S::rate_truncated},
                                           {"rate_bad_cookie", &S::rate_bad_cookie},
                                           {"rate_dropped", &S::rate_dropped},
                                           {"rate_held", &S::rate_held},
                                           {"refusals_dropped", &S::refusals_dropped},
                                           {"cookies_valid", &S::cookies_valid},
                                           {"cookies_bad", &S::cookies_bad},
                                           {"cookies_given", &S::cookies_given},
                                           {"forward_hits", &S::forward_hits},
                                           {"forward_failure_hits", &S::forward_failure_hits},
                                           {"forward_stale", &S::forward_stale},
                                           {"forward_queue_full", &S::forward_queue_full},
                                           {"forwarded", &S::forwarded},
                                           {"forward_joined", &S::forward_joined},
                                           {"forward_prefetched", &S::forward_prefetched},
                                           {"forward_tries", &S::forward_tries},
                                           {"forward_answered", &S::forward_answered},
                                           {"forward_failed", &S::forward_failed},
                                           {"forward_rejected", &S::forward_rejected},
                                           {"forward_mismatched", &S::forward_mismatched},
                                           {"forward_misspelled", &S::forward_misspelled},
                                           {"forward_loops", &S::forward_loops},
                                           {"forward_cache_evicted", &S::forward_cache_evicted},
                                           {"tcp_accepted", &S::tcp_accepted},
                                           {"tcp_rejected", &S::tcp_rejected},
                                           {"tcp_timed_out", &S::tcp_timed_out},
                                           {"tcp_evicted", &S::tcp_evicted},
                                           {"tcp_displaced", &S::tcp_displaced}};
  static constexpr Named<S> kGauges[] = {{"forward_in_flight", &S::forward_in_flight},
                                         {"forward_cache_replies", &S::forward_cache_replies},
                                         {"forward_cache_bytes", &S::forward_cache_bytes},
                                         {"tcp_open", &S::tcp_open}};
  constexpr std::string_view kHelp = "As in dns/io/stats.h.";
  auto queries = counter("sixpn_dns_queries_total", "Queries of this host's machines and peers.");
  queries.add(labels.of_host() + ",transport=\"udp\"", stats.udp_queries);
  queries.add(labels.of_host() + ",transport=\"tcp\"", stats.tcp_queries);
  auto types = counter("sixpn_dns_own_queries_total", "Queries for names of the mesh, by type.");
  for (const auto& [type, count] : stats.by_type)
    types.add(fmt::format("{},type=\"{}\"", labels.of_host(), dns::rr_type_name(type)), count);
  if (stats.other_types > 0) types.add(labels.of_host() + ",type=\"other\"", stats.other_types);
  auto rcodes = counter("sixpn_dns_replies_total", "Replies made here, not those of upstreams.");
  for (std::size_t i = 0; i < stats.by_rcode.size(); ++i)
    if (stats.by_rcode[i] > 0)
      rcodes.add(fmt::format("{},rcode=\"{}\"", labels.of_host(),
                             dns::to_string(static_cast<dns::Rcode>(i))),
                 stats.by_rcode[i]);
  return queries.text() + types.text() + rcodes.text() +
         text_of(labels, stats, {"sixpn_dns_", "_total", "counter", kHelp}, kCounters) +
         text_of(labels, stats, {"sixpn_dns_", "", "gauge", kHelp}, kGauges) +
         upstreams_text(labels, stats);
}

// Families of what a device carried: of each count, one to receive and one to send.
class Traffic {
 public:
  // Names as "fly_instance_net_{recv}_{bytes}".
  struct Words {
    std::string_view prefix, received, sent, errors, dropped, suffix;
  };
  Traffic(const Words& words, std::string_view help) {
    for (std::string_view direction : {words.received, words.sent})
      for (std::string_view what :
           {std::string_view("bytes"), std::string_view("packets"), words.errors, words.dropped})
        families_.push_back(
            counter(fmt::format("{}{}_{}{}", words.prefix, direction, what, words.suffix), help));
  }
  void add(const std::string& labels, const mesh::DeviceCount& received,
           const mesh::DeviceCount& sent) {
    auto family = families_.begin();
    for (const mesh::DeviceCount& count : {received, sent})
      for (std::uint64_t value : {count.bytes, count.packets, count.errors, count.dropped})
        (family++)->add(labels, value);
  }
  [[nodiscard]] std::string text() const {
    std::string all;
    for (const Family& family : families_) all += family.text();
    return all;
  }

 private:
  std::vector<Family> families_;
};

// What a machine received is what the host's end of its veth pair sent.
std::string machines_text(const Snapshot& snapshot, const Labels& labels,
                          const AgentReadings& readings) {
  constexpr auto kCentisecond = std::chrono::milliseconds(10);
  Traffic traffic({"fly_instance_net_", "recv", "sent", "errs", "drop", ""},
                  "By the machine, in its network, since it was attached to it.");
  auto cpu = counter("fly_instance_cpu", "Of all of its processes, in hundredths of a second.");
  auto pressure = counter("sixpn_instance_pressure_seconds_total",
                          "How long some of its processes waited for what others had.");
  auto processes = gauge("sixpn_instance_processes", "How many it has.");
  auto memory = gauge("sixpn_instance_memory_anonymous_bytes",
                      "Resident memory of its processes, of no file and not shared.");
  auto files = gauge("fly_instance_filefd_allocated", "Open files of its processes.");
  auto exit_code = gauge("fly_instance_exit_code", "Of its last run, while it does not run.");
  const std::string device = fmt::format(",device=\"{}\"", mesh::kMachineInterface);
  for (const auto& [id, network] : snapshot.networks)
    for (const auto& [machine_id, machine] : network->machines) {
      if (machine->host != snapshot.self) continue;
      std::string each = labels.of_machine(id, machine_id);
      auto found = readings.devices.find(mesh::veth_name(machine->address));
      if (found != readings.devices.end())
        traffic.add(each + device, found->second.sent, found->second.received);
      auto used = readings.machines.find(machine_id);
      if (used == readings.machines.end()) continue;
      if (const auto& time = used->second.cpu) {
        cpu.add(each + ",mode=\"user\"", static_cast<std::uint64_t>(time->user / kCentisecond));
        cpu.add(each + ",mode=\"system\"", static_cast<std::uint64_t>(time->system / kCentisecond));
      }
      if (const auto& waited = used->second.pressure) {
        auto add = [&](std::string_view resource, Duration time) {
          pressure.add(fmt::format("{},resource=\"{}\"", each, resource), seconds(time));
        };
        add("cpu", waited->cpu);
        add("memory", waited->memory);
        add("io", waited->io);
      }
      if (const auto& now = used->second.processes) {
        processes.add(each, now->processes);
        memory.add(each, now->anonymous_bytes);
        files.add(each, now->open_files);
      }
      if (const auto& code = used->second.exit_code)
        exit_code.add(each, static_cast<std::uint64_t>(*code));
    }
  return cpu.text() + pressure.text() + processes.text() + memory.text() + files.text() +
         traffic.text() + exit_code.text();
}

std::string wireguard_text(const Labels& labels, const AgentReadings& readings) {
  Traffic traffic({"sixpn_wireguard_", "received", "sent", "errors", "dropped", "_total"},
                  "Of WireGuard's devices, before encryption and behind decryption.");
  const std::string& main = readings.wireguard_interface;
  for (const std::string& name : {main, mesh::spare_interface(main), mesh::gateway_interface(main)})
    if (auto found = readings.devices.find(name); found != readings.devices.end())
      traffic.add(fmt::format("{},device=\"{}\"", labels.of_host(), escape_label(name)),
                  found->second.received, found->second.sent);
  return traffic.text();
}

}  // namespace

std::string metrics_text(const Snapshot& snapshot, const AgentReadings& readings) {
  Labels labels(snapshot);
  std::string text = flycast_metrics(snapshot, readings.flycast, readings.meters) +
                     machines_text(snapshot, labels, readings) +
                     agent_text(snapshot, labels, readings) + hosts_text(snapshot, labels) +
                     wireguard_text(labels, readings) + registry_text(snapshot, labels, readings) +
                     dns_text(labels, readings.dns);
  if (readings.each_host) text += each_host_text(snapshot, labels, *readings.each_host);
  return text;
}

}  // namespace sixpn::agent
