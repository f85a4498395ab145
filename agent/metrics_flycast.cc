#include "agent/metrics_flycast.h"

#include <fmt/format.h>

#include <map>
#include <vector>

#include "agent/metrics_family.h"
#include "registry/core/keys.h"

namespace sixpn::agent {
namespace {

using flycast::MeterReadings;
using flycast::ResponseTimes;

void add_responses(const std::string& labels, const ResponseTimes& responses, Family& counts,
                   Family& times) {
  for (const auto& [status, histogram] : responses) {
    std::string each = fmt::format("{},status=\"{}\"", labels, status);
    std::uint64_t total = 0;
    for (std::uint64_t count : histogram.counts) total += count;
    counts.add(each, total);
    times.add(each, histogram);
  }
}

std::string edge_text(const Labels& labels, const MeterReadings& readings) {
  auto connects = counter("fly_edge_tcp_connects_count", "Connections of this host's clients.");
  auto disconnects = counter("fly_edge_tcp_disconnects_count", "Of those, ended.");
  auto responses = counter("fly_edge_http_responses_count",
                           "HTTP responses that this host's clients were given.");
  auto times = histogram("fly_edge_http_response_time_seconds",
                         "From a request's head to its response's, as the client's proxy saw it.");
  auto in = counter("fly_edge_data_in", "Bytes that this host's clients sent.");
  auto out = counter("fly_edge_data_out", "Bytes that this host's clients were sent.");
  auto handshakes = histogram("fly_edge_tls_handshake_time_seconds",
                              "From a connection to the end of its TLS handshake.");
  auto errors = counter("fly_edge_tls_handshake_errors", "TLS handshakes that were not done.");
  for (const auto& app : readings.apps) {
    std::string each = labels.of_app(app.network, app.name, labels.region());
    if (each.empty()) continue;
    connects.add(each, app.meter.connects);
    disconnects.add(each, app.meter.disconnects);
    in.add(each, app.data_in);
    out.add(each, app.data_out);
    add_responses(each, app.meter.responses, responses, times);
    for (const auto& [version, taken] : app.meter.handshakes.times)
      handshakes.add(fmt::format("{},version=\"{}\"", each, escape_label(version)), taken);
    for (const auto& [name, count] : app.meter.handshakes.errors)
      errors.add(fmt::format("{},servername=\"{}\"", each, escape_label(name)), count);
  }
  return connects.text() + disconnects.text() + in.text() + out.text() + responses.text() +
         times.text() + handshakes.text() + errors.text();
}

// Which of the connections of this host's clients were reset at once, as too many were open.
std::string limits_text(const Labels& labels, const flycast::FlycastStats& stats) {
  auto limited =
      counter("fly_edge_tcp_rate_limited_count", "Connections of clients that were over a limit.");
  limited.add(labels.of_host() + ",type=\"connections\"",
              stats.over_client_limit + stats.over_session_limit);
  limited.add(labels.of_host() + ",type=\"tls\"", stats.over_tls_limit);
  return limited.text();
}

std::string machines_text(const Labels& labels, const MeterReadings& readings) {
  auto connects = histogram("fly_app_connect_time_seconds",
                            "Until a machine took a connection of this host's clients.");
  auto responses =
      counter("fly_app_http_responses_count", "HTTP responses of machines to this host's clients.");
  auto times = histogram("fly_app_http_response_time_seconds",
                         "From a request to the head of the machine's response.");
  for (const auto& machine : readings.machines) {
    std::string each = labels.of_machine(machine.network, machine.machine);
    if (each.empty()) continue;
    connects.add(each, machine.meter.connects);
    add_responses(each, machine.meter.responses, responses, times);
  }
  return connects.text() + responses.text() + times.text();
}

// What only the owner knows: all connections to its machines, whosever clients they are of.
std::string hosted_text(const Snapshot& snapshot, const Labels& labels,
                        const MeterReadings& readings) {
  auto up = gauge("fly_instance_up", "Whether a machine of this host is started.");
  auto open = gauge("fly_app_concurrency", "What is open on a machine, by its owner's count.");
  auto queue = gauge("sixpn_app_queue", "Who waits for a place on a machine at its hard limit.");
  auto connects =
      counter("fly_app_tcp_connects_count", "What a machine was given, as its limits count.");
  auto disconnects = counter("fly_app_tcp_disconnects_count", "Of those, ended.");
  std::map<MachineId, std::vector<const MeterReadings::Hosted*>> hosted;
  for (const auto& one : readings.hosted) hosted[one.key.machine].push_back(&one);
  for (const auto& [id, network] : snapshot.networks) {
    for (const auto& [machine_id, machine] : network->machines) {
      if (machine->host != snapshot.self) continue;
      std::string each = labels.of_machine(id, machine_id);
      up.add(each, machine->state == MachineState::kStarted);
      auto found = hosted.find(machine_id);
      if (found == hosted.end()) continue;
      for (const auto* one : found->second) {
        std::string port = each + fmt::format(",port=\"{}\"", one->key.internal_port);
        open.add(port, one->open);
        queue.add(port, one->queue);
        connects.add(port, one->admitted);
        disconnects.add(port, one->admitted - one->open);
      }
    }
  }
  return up.text() + open.text() + queue.text() + connects.text() + disconnects.text();
}

std::string own_text(const Labels& labels, const flycast::FlycastStats& stats) {
  using S = flycast::FlycastStats;
  static constexpr Named<S> kCounters[] = {{"accepted", &S::accepted},
                                           {"relayed", &S::relayed},
                                           {"gave_up", &S::gave_up},
                                           {"unknown_destination", &S::unknown_destination},
                                           {"attempts", &S::attempts},
                                           {"failed_attempts", &S::failed_attempts},
                                           {"warm_hops", &S::warm_hops},
                                           {"waits", &S::waits},
                                           {"waits_refused", &S::waits_refused},
                                           {"hops_accepted", &S::hops_accepted},
                                           {"hops_admitted", &S::hops_admitted},
                                           {"hops_refused", &S::hops_refused},
                                           {"hops_malformed", &S::hops_malformed},
                                           {"hops_unused", &S::hops_unused},
                                           {"hops_evicted", &S::hops_evicted},
                                           {"over_host_share", &S::over_host_share},
                                           {"hops_foreign", &S::hops_foreign},
                                           {"over_session_limit", &S::over_session_limit},
                                           {"over_client_limit", &S::over_client_limit},
                                           {"accept_failures", &S::accept_failures},
                                           {"replays", &S::replays},
                                           {"http_requests", &S::http_requests},
                                           {"http_refused", &S::http_refused},
                                           {"http_failed", &S::http_failed},
                                           {"http_resends", &S::http_resends},
                                           {"http_resends_refused", &S::http_resends_refused},
                                           {"http_timeouts", &S::http_timeouts},
                                           {"http2_connections", &S::http2_connections},
                                           {"http2_sent_away", &S::http2_sent_away},
                                           {"tls_handshakes", &S::tls_handshakes},
                                           {"tls_resumed", &S::tls_resumed},
                                           {"tls_failed", &S::tls_failed},
                                           {"tls_uncertified", &S::tls_uncertified},
                                           {"over_tls_limit", &S::over_tls_limit},
                                           {"tls_leaves", &S::tls_leaves},
                                           {"reused", &S::reused},
                                           {"woken", &S::woken},
                                           {"starts_failed", &S::starts_failed},
                                           {"put_to_sleep", &S::put_to_sleep},
                                           {"background_starts", &S::background_starts},
                                           {"bytes", &S::bytes},
                                           {"idle_timeouts", &S::idle_timeouts},
                                           {"silent_hops", &S::silent_hops},
                                           {"dead_hosts", &S::dead_hosts},
                                           {"silent_machines", &S::silent_machines},
                                           {"silences_heard", &S::silences_heard}};
  static constexpr Named<S> kGauges[] = {{"spare_links", &S::spare_links},
                                         {"kept_machines", &S::kept_machines},
                                         {"open", &S::sessions}};
  constexpr std::string_view kHelp = "As in flycast/core/stats.h.";
  return text_of(labels, stats, {"sixpn_flycast_", "_total", "counter", kHelp}, kCounters) +
         text_of(labels, stats, {"sixpn_flycast_", "", "gauge", kHelp}, kGauges);
}

}  // namespace

std::string flycast_metrics(const Snapshot& snapshot, const flycast::FlycastStats& stats,
                            const MeterReadings& readings) {
  Labels labels(snapshot);
  auto left_out = counter("sixpn_flycast_unmetered_total",
                          "What was not metered, for too much else is (docs/bounds.md).");
  left_out.add(labels.of_host(), readings.left_out);
  return edge_text(labels, readings) + limits_text(labels, stats) +
         machines_text(labels, readings) + hosted_text(snapshot, labels, readings) +
         own_text(labels, stats) + left_out.text();
}

}  // namespace sixpn::agent
