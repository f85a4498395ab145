// The admin API's view of Flycast: what this host's proxy knows of services and machines, and where
// a new connection would go, and why. Answered on the flycast loop by the code that balances
// (flycast/io/status.h); nothing is opened.
#include <algorithm>
#include <boost/json/array.hpp>
#include <charconv>
#include <cmath>

#include "agent/admin_api.h"
#include "flycast/core/kernel_path.h"
#include "registry/core/address.h"
#include "registry/core/keys.h"

namespace sixpn::agent {

namespace json = boost::json;

namespace {

std::string host_name(const Snapshot& snapshot, HostId id) {
  const HostView* host = snapshot.find_host(id);
  return host != nullptr ? host->record.name : to_string(id);
}

json::value micros_or_null(const std::optional<Duration>& time) {
  return time ? json::value(time->count()) : json::value(nullptr);
}

json::value millis_or_null(const std::optional<Duration>& time) {
  return time ? json::value(time->count() / 1000) : json::value(nullptr);
}

json::object machine_json(const Snapshot& snapshot, const flycast::ExplainedMachine& one) {
  json::object out{{"machine", to_string(one.machine)},
                   {"host", host_name(snapshot, one.host)},
                   {"region", one.region},
                   {"here", one.here},
                   {"round_trip_us", micros_or_null(one.round_trip)},
                   {"candidate", one.candidate},
                   {"standing", one.standing}};
  if (!one.candidate) return out;
  out["load"] = std::lround(one.load);
  out["own"] = one.own;
  out["queue"] = one.queue;
  out["heard_ms_ago"] = millis_or_null(one.heard);
  out["latency_us"] = std::lround(one.latency_ms * 1000);
  out["start_percent"] = std::lround(one.start_share * 100);
  out["cost_us"] = std::llround(one.cost * 1e6);
  out["preferred"] = one.preferred;
  out["out_for_ms"] = one.out_for.count() / 1000;
  out["chosen_per_mille"] = std::lround(one.chosen * 1000);
  return out;
}

json::object explanation_json(const Snapshot& snapshot, const flycast::Explanation& said) {
  const NetworkView* network = snapshot.find_network(said.network);
  json::array machines;
  for (const auto& one : said.machines) machines.push_back(machine_json(snapshot, one));
  return {{"app", said.app},
          {"network", network != nullptr ? network->network.name : to_string(said.network)},
          {"port", said.external_port},
          {"internal_port", said.internal_port},
          {"soft_limit", said.soft_limit},
          {"hard_limit", said.hard_limit},
          {"checks_ignored", said.checks_ignored},
          {"rule", said.rule},
          {"machines", std::move(machines)}};
}

json::object status_json(const Snapshot& snapshot, const flycast::FlycastStatus& status) {
  json::array services;
  for (const auto& service : status.services)
    services.push_back(explanation_json(snapshot, service));
  json::array hosted;
  for (const auto& one : status.hosted)
    hosted.push_back(json::object{{"machine", to_string(one.machine)},
                                  {"app", one.app},
                                  {"internal_port", one.internal_port},
                                  {"open", one.open},
                                  {"queue", one.queue}});
  json::array errors;
  for (const auto& error : status.errors)
    errors.push_back(json::object{{"ago_ms", millis_or_null(error.ago)},
                                  {"app", error.app},
                                  {"client", to_string(error.client.ip)},
                                  {"dialled", to_string(error.dialled)},
                                  {"attempts", error.attempts},
                                  {"why", error.why}});
  const auto& stats = status.stats;
  return {{"host", host_name(snapshot, snapshot.self)},
          {"stats",
           {{"accepted", stats.accepted},
            {"relayed", stats.relayed},
            {"gave_up", stats.gave_up},
            {"unknown_destination", stats.unknown_destination},
            {"attempts", stats.attempts},
            {"failed_attempts", stats.failed_attempts},
            {"hops_admitted", stats.hops_admitted},
            {"hops_refused", stats.hops_refused},
            {"waits", stats.waits},
            {"waits_refused", stats.waits_refused},
            {"over_session_limit", stats.over_session_limit},
            {"over_client_limit", stats.over_client_limit},
            {"over_host_share", stats.over_host_share},
            {"bytes", stats.bytes},
            {"open", stats.sessions}}},
          {"services", std::move(services)},
          {"services_left_out", status.services_left_out},
          {"hosted", std::move(hosted)},
          {"errors", std::move(errors)}};
}

json::array machine_ids(const NetworkView& network, const std::vector<Ip6>& addresses) {
  json::array ids;
  for (const Ip6& address : addresses) {
    auto found = network.machines_by_address.find(address);
    ids.push_back(found == network.machines_by_address.end()
                      ? json::value(to_string(address))
                      : json::value(to_string(found->second->id)));
  }
  return ids;
}

// The ports that the kernel hands to machines by itself.
json::array kernel_json(const Snapshot& snapshot, const KernelServices& kernel) {
  json::array out;
  for (const KernelService& service : kernel.services) {
    const NetworkView* network = snapshot.find_network(network_of(service.address));
    if (network == nullptr) continue;
    auto record = network->flycast.find(service.address);
    out.push_back(json::object{{"app", record == network->flycast.end() ? "" : record->second.app},
                               {"address", to_string(service.address)},
                               {"first_port", service.first},
                               {"last_port", service.last},
                               {"internal_port", service.internal_port},
                               {"machines", machine_ids(*network, service.machines)}});
  }
  return out;
}

// Where the kernel sends connections to an app's service, or why it leaves them to the proxy; null
// for a service that does not ask for it.
json::value path_json(const Snapshot& snapshot, const flycast::Explanation& said,
                      const KernelServices& kernel) {
  const NetworkView* network = snapshot.find_network(said.network);
  if (network == nullptr) return nullptr;
  auto app = network->apps.find(said.app);
  if (app == network->apps.end()) return nullptr;
  for (const Service& service : app->second->app.services) {
    bool is_it =
        std::any_of(service.ports.begin(), service.ports.end(), [&said](const ServicePort& port) {
          return port.first <= said.external_port && said.external_port <= port.last;
        });
    if (!is_it || !service.kernel_path) continue;
    if (auto why = flycast::why_proxied(service); !why.empty())
      return json::object{{"proxied_because", std::string(why)}};
    for (const KernelService& one : kernel.services) {
      auto record = network->flycast.find(one.address);
      bool of_app = record != network->flycast.end() && record->second.app == said.app &&
                    network_of(one.address) == said.network;
      if (of_app && one.first <= said.external_port && said.external_port <= one.last)
        return json::object{{"machines", machine_ids(*network, one.machines)}};
    }
    return json::object{{"proxied_because",
                         "no client lives here, or no machine can be sent to, or the app has no "
                         "address in its own network"}};
  }
  return nullptr;
}

// 0 where none is said. Errors: no port.
Result<std::uint16_t> port_of(const std::string& text) {
  if (text.empty()) return std::uint16_t{0};
  unsigned port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0 || port > 65535)
    return Error("port: expected 1 to 65535, found \"" + text + "\"", kInvalid);
  return static_cast<std::uint16_t>(port);
}

// The machine `as` is here, or nobody is asked for. Errors: no such machine; it lives elsewhere,
// where another proxy with another view would choose.
std::optional<Error> refuse_elsewhere(const Snapshot& snapshot, const std::string& as) {
  if (as.empty()) return std::nullopt;
  auto id = parse_machine_id(as);
  for (const auto& [network_id, network] : snapshot.networks) {
    auto found = id ? network->machines.find(*id) : network->machines.end();
    if (found == network->machines.end()) continue;
    HostId host = found->second->host;
    if (host == snapshot.self) return std::nullopt;
    return Error("machine " + as + " lives on host " + host_name(snapshot, host) +
                     ", whose proxy chooses for it by its own view: ask there",
                 kInvalid);
  }
  return Error("there is no machine " + as, kNotFound);
}

}  // namespace

void AdminApi::get_flycast(const Call&, Reply reply) {
  rooms_.report_flycast([this, reply](const flycast::FlycastStatus& status) {
    rooms_.report_kernel_services([this, reply, status](const KernelServices& kernel) {
      SnapshotPtr snapshot = rooms_.registry->snapshot();
      json::object out = status_json(*snapshot, status);
      out["kernel"] = kernel_json(*snapshot, kernel);
      out["kernel_left_out"] = kernel.left_out;
      reply.ok(std::move(out));
    });
  });
}

void AdminApi::explain_flycast(const Call& call, Reply reply) {
  auto name = app_name(call);
  if (!name) return reply.fail(name.error());
  auto port = port_of(call.target.get("port"));
  if (!port) return reply.fail(port.error());
  SnapshotPtr snapshot = rooms_.registry->snapshot();
  auto app = find_app(*snapshot, *name);
  if (!app) return reply.fail(app.error());
  if (auto refused = refuse_elsewhere(*snapshot, call.target.get("as")))
    return reply.fail(*refused);
  if (auto refused = refuse_unheld(*snapshot, (*app)->app.network, "explaining a choice"))
    return reply.fail(*refused);
  rooms_.explain_flycast(
      (*app)->app.network, (*app)->app.name, *port,
      [this, reply, app = name->app, port = *port, no_tls = rooms_.why_no_tls((*app)->app)](
          const std::variant<flycast::Explanation, flycast::LookupFailure>& said) {
        if (const auto* explanation = std::get_if<flycast::Explanation>(&said)) {
          return rooms_.report_kernel_services(
              [this, reply, no_tls, explanation = *explanation](const KernelServices& kernel) {
                SnapshotPtr now = rooms_.registry->snapshot();
                json::object out = explanation_json(*now, explanation);
                out["kernel_path"] = path_json(*now, explanation, kernel);
                out["no_tls_because"] = no_tls;
                reply.ok(std::move(out));
              });
        }
        auto error = std::get<flycast::LookupFailure>(said).error;
        reply.fail(Error("app " + app + (port == 0 ? "" : ", port " + std::to_string(port)) + ": " +
                             std::string(to_string(error)),
                         kNotFound));
      });
}

}  // namespace sixpn::agent
