#include "agent/json_views.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "agent/core/writes.h"
#include "base/encoding.h"
#include "registry/core/address.h"
#include "registry/core/certificate.h"
#include "registry/core/service_health.h"
#include "registry/core/service_ports.h"

namespace sixpn::agent {
namespace {

namespace json = boost::json;

template <class T>
json::value or_null(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::array strings(const std::vector<std::string>& items) {
  json::array out;
  for (const auto& item : items) out.emplace_back(item);
  return out;
}

const AppView* app_of(const Snapshot& snapshot, const MachineRecord& machine) {
  const NetworkView* network = snapshot.find_network(machine.network);
  if (network == nullptr) return nullptr;
  auto app = network->apps.find(machine.app);
  return app == network->apps.end() ? nullptr : app->second.get();
}

// What the registry knows of each service that the machine serves.
json::array services_json(const Snapshot& snapshot, const MachineRecord& machine) {
  std::map<std::uint16_t, Health> services;
  for (const ServiceHealth& service : *machine.service_health)
    services[service.internal_port] = service.health;
  if (const AppView* app = app_of(snapshot, machine))
    for (const Service& service : app->app.services)
      if (is_served_by(service, machine))
        services[service.internal_port] = health_of(machine, service.internal_port);
  json::array out;
  for (auto [port, health] : services)
    out.push_back(json::object{{"port", port}, {"health", to_string(health)}});
  return out;
}

std::string_view kind_of(machine::CheckScope scope) {
  switch (scope) {
    case machine::CheckScope::kService:
      return "service";
    case machine::CheckScope::kReadiness:
      return "readiness";
    case machine::CheckScope::kInformational:
      return "informational";
  }
  return "unknown";
}

json::array checks_json(const std::vector<machine::CheckResult>& checks) {
  json::array out;
  for (const auto& check : checks)
    out.push_back(json::object{{"name", check.name},
                               {"port", check.port},
                               {"kind", kind_of(check.scope)},
                               {"status", to_string(check.status)},
                               {"output", check.output},
                               {"updated_ms", unix_ms(check.changed)}});
  return out;
}

// What every host says of its certificate.
void trust_into(json::object& out, const Snapshot& snapshot, const HostRecord& record,
                std::optional<WallTime> valid_until) {
  auto renewal = snapshot.renewals.find(record.id);
  out["certificate"] = to_hex(as_bytes(certificate_digest(record.certificate)));
  out["valid_until_ms"] = valid_until ? json::value(unix_ms(*valid_until)) : json::value(nullptr);
  out["renewed_ms"] = renewal == snapshot.renewals.end()
                          ? json::value(nullptr)
                          : json::value(unix_ms(renewal->second->signed_at));
}

std::int64_t to_ms(Duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

json::object check_json(const ServiceCheck& check) {
  json::object out;
  switch (check.kind) {
    case CheckKind::kTcp:
      out["type"] = "tcp";
      break;
    case CheckKind::kHttp:
      out["type"] = "http";
      out["method"] = check.method;
      out["path"] = check.path;
      break;
    case CheckKind::kScript:
      out["type"] = "script";
      out["command"] = strings(check.command);
      break;
  }
  out["interval_ms"] = to_ms(check.interval);
  out["timeout_ms"] = to_ms(check.timeout);
  out["grace_period_ms"] = to_ms(check.grace);
  return out;
}

std::string_view to_word(AutoStop stop) {
  switch (stop) {
    case AutoStop::kOff:
      return "off";
    case AutoStop::kStop:
      return "stop";
    case AutoStop::kSuspend:
      return "suspend";
  }
  return "unknown";
}

}  // namespace

json::object service_json(const Service& service) {
  json::array ports;
  for (const auto& port : service.ports)
    ports.push_back(json::object{
        {"first", port.first}, {"last", port.last}, {"handlers", strings(port.handlers)}});
  json::object out;
  out["protocol"] = service.protocol == ServiceProtocol::kTcp ? "tcp" : "udp";
  out["internal_port"] = service.internal_port;
  out["ports"] = std::move(ports);
  out["groups"] = strings(service.groups);
  out["concurrency"] =
      service.concurrency == ConcurrencyType::kRequests ? "requests" : "connections";
  out["soft_limit"] = service.soft_limit;
  out["hard_limit"] = service.hard_limit;
  out["auto_start"] = service.auto_start;
  out["auto_stop"] = to_word(service.auto_stop);
  out["min_machines_running"] = service.min_machines_running;
  json::array checks;
  for (const auto& check : service.checks) checks.push_back(check_json(check));
  out["checks"] = std::move(checks);
  out["path"] = service.kernel_path ? "kernel" : "proxy";
  return out;
}

json::array service_health_json(const MachineRecord& machine) {
  json::array out;
  for (const ServiceHealth& service : *machine.service_health)
    out.push_back(
        json::object{{"port", service.internal_port}, {"health", to_string(service.health)}});
  return out;
}

json::object app_check_json(const AppCheck& check) {
  json::object out = check_json(check.check);
  out["name"] = check.name;
  out["kind"] = check.readiness ? "readiness" : "informational";
  out["port"] = check.port;
  out["groups"] = strings(check.groups);
  return out;
}

json::object machine_json(const Snapshot& snapshot, const MachineRecord& machine,
                          const LocalFacts* local) {
  const HostView* host = snapshot.find_host(machine.host);
  const NetworkView* network = snapshot.find_network(machine.network);
  json::object metadata;
  for (auto [key, value] : machine.metadata) metadata[key] = value;
  json::object out;
  out["id"] = to_string(machine.id);
  out["app"] = machine.app.str();
  out["org"] = network ? json::value(network->network.org) : json::value(nullptr);
  out["network"] = network ? json::value(network->network.name) : json::value(nullptr);
  out["group"] = machine.group.str();
  out["region"] = machine.region.str();
  out["host"] = to_string(machine.host);
  out["host_name"] = host ? json::value(host->record.name) : json::value(nullptr);
  out["host_status"] = host ? json::value(to_string(host->status)) : json::value("unknown");
  out["state"] = to_string(machine.state);
  out["health"] = to_string(machine.health);
  out["cordoned"] = machine.cordoned;
  out["services"] = services_json(snapshot, machine);
  out["app_health"] = to_string(machine.app_health);
  out["address"] = to_string(machine.address);
  out["metadata"] = std::move(metadata);
  out["dns"] = json::object{{"skip_registration", machine.skip_dns}};
  out["updated_ms"] = unix_ms(machine.updated);
  out["local"] = machine.host == snapshot.self;
  out["pid"] = local ? or_null(local->pid) : json::value(nullptr);
  out["exit_code"] = local ? or_null(local->exit_code) : json::value(nullptr);
  out["log"] = local ? text_or_null(local->log) : json::value(nullptr);
  out["netns"] = local ? text_or_null(local->netns) : json::value(nullptr);
  out["reason"] = local ? text_or_null(local->reason) : json::value(nullptr);
  out["checks"] = local ? json::value(checks_json(local->checks)) : json::value(nullptr);
  return out;
}

json::object app_json(const Snapshot& snapshot, const AppView& view) {
  json::array services;
  for (const auto& service : view.app.services) services.push_back(service_json(service));
  json::array checks;
  for (const auto& check : view.app.checks) checks.push_back(app_check_json(check));
  json::array flycast;
  for (const auto& address : flycast_addresses(snapshot, view.app))
    flycast.emplace_back(to_string(address));
  const NetworkView* network = snapshot.find_network(view.app.network);
  json::object out;
  out["name"] = view.app.name;
  out["org"] = view.app.org;
  out["network"] = network ? json::value(network->network.name) : json::value(nullptr);
  out["network_id"] = to_string(view.app.network);
  out["prefix"] = to_string(network_prefix(view.app.network));
  out["primary_region"] = text_or_null(view.app.primary_region);
  out["services"] = std::move(services);
  out["checks"] = std::move(checks);
  out["flycast"] = std::move(flycast);
  // Not a number where this host does not know it.
  out["machines"] =
      snapshot.holds(view.app.network) ? json::value(view.machines.size()) : json::value(nullptr);
  return out;
}

json::object network_json(const NetworkRecord& network) {
  json::object out;
  out["id"] = to_string(network.id);
  out["org"] = network.org;
  out["name"] = network.name;
  out["prefix"] = to_string(network_prefix(network.id));
  return out;
}

json::object host_json(const Snapshot& snapshot, const HostView& host, const PeerFacts* peer) {
  auto seconds = [](Duration age) {
    return std::chrono::duration_cast<std::chrono::seconds>(age).count();
  };
  bool is_self = host.record.id == snapshot.self;
  json::object out;
  out["id"] = to_string(host.record.id);
  out["name"] = host.record.name;
  out["region"] = host.record.region;
  out["status"] = to_string(host.status);
  out["address"] = to_string(host_address(host.record.id));
  out["version"] = host.record.version;
  out["is_self"] = is_self;
  trust_into(out, snapshot, host.record, host.valid_until);
  out["round_trip_us"] =
      host.round_trip ? json::value(host.round_trip->count()) : json::value(nullptr);
  bool known = peer != nullptr && !is_self;
  out["endpoint"] =
      known && peer->endpoint ? json::value(to_string(*peer->endpoint)) : json::value(nullptr);
  out["handshake_age_s"] = known && peer->handshake_age ? json::value(seconds(*peer->handshake_age))
                                                        : json::value(nullptr);
  out["rx_bytes"] = known ? peer->received : 0;
  out["tx_bytes"] = known ? peer->sent : 0;
  return out;
}

json::object shut_out_json(const Snapshot& snapshot, const ShutOut& host) {
  json::object out;
  out["id"] = to_string(host.record.id);
  out["name"] = host.record.name;
  out["region"] = host.record.region;
  out["status"] = host.revoked ? "revoked" : "expired";
  out["is_self"] = host.record.id == snapshot.self;
  trust_into(out, snapshot, host.record, host.valid_until);
  return out;
}

json::array conflicts_json(const std::map<HostId, registry::EnrolmentConflict>& conflicts) {
  auto enrolment = [](const HostCertificate& certificate) {
    return json::object{{"name", certificate.invite.name},
                        {"region", certificate.invite.region},
                        {"certificate", to_hex(as_bytes(certificate_digest(certificate.encoded)))},
                        {"enrolled_ms", unix_ms(certificate.enrolled)}};
  };
  json::array out;
  for (const auto& [id, conflict] : conflicts)
    out.push_back(json::object{{"host", to_string(id)},
                               {"standing", enrolment(conflict.standing)},
                               {"lost", enrolment(conflict.lost)},
                               {"seen_ms", unix_ms(conflict.seen)}});
  return out;
}

json::array apps_json(const Snapshot& snapshot) {
  json::array out;
  for (const auto& [id, network] : snapshot.networks)
    for (const auto& [name, view] : network->apps) out.push_back(app_json(snapshot, *view));
  return out;
}

ListStream::Next list_machines(SnapshotPtr snapshot, LocalFactsById local, const std::string& app,
                               const std::string& org) {
  std::vector<MachinePtr> listed;
  for (const auto& [network_id, network] : snapshot->networks) {
    if (!org.empty() && network->network.org != org) continue;
    for (const auto& [id, machine] : network->machines)
      if (app.empty() || machine->app == app) listed.push_back(machine);
  }
  return [snapshot = std::move(snapshot), local = std::move(local), listed = std::move(listed),
          at = std::size_t{0}](std::string& text) mutable {
    if (at == listed.size()) return false;
    const MachineRecord& machine = *listed[at++];
    auto facts = local.find(machine.id);
    text += json::serialize(
        machine_json(*snapshot, machine, facts == local.end() ? nullptr : &facts->second));
    return true;
  };
}

json::object holding_json(const Snapshot& snapshot) {
  auto own = snapshot.interests.find(snapshot.self);
  json::array networks;
  std::size_t missing = 0;
  for (const auto& [id, view] : snapshot.networks) {
    bool wanted = own == snapshot.interests.end() || registry::wants(&own->second, id);
    bool held = snapshot.holds(id);
    if (!held) ++missing;
    json::object one = network_json(view->network);
    one["holds"] = held ? "all" : wanted ? "filling" : "no";
    networks.push_back(std::move(one));
  }
  return {{"all", snapshot.held.all},
          {"networks", std::move(networks)},
          {"networks_not_held", missing}};
}

json::object status_json(const Snapshot& snapshot, const MeshFacts& mesh) {
  json::array hosts;
  for (const auto& [id, host] : snapshot.hosts) {
    auto peer = mesh.peers.find(id);
    hosts.push_back(host_json(snapshot, host, peer == mesh.peers.end() ? nullptr : &peer->second));
  }
  json::array networks;
  for (const auto& [id, view] : snapshot.networks) {
    networks.push_back(network_json(view->network));
    networks.back().as_object()["held"] = snapshot.holds(id);
  }
  json::array shut_out;
  for (const auto& [id, host] : snapshot.shut_out)
    shut_out.push_back(shut_out_json(snapshot, host));
  json::object out;
  if (const HostView* self = snapshot.find_host(snapshot.self)) {
    out["host"] = host_json(snapshot, *self, nullptr);
  } else if (auto cut = snapshot.shut_out.find(snapshot.self); cut != snapshot.shut_out.end()) {
    HostView view{.record = cut->second.record, .valid_until = cut->second.valid_until};
    out["host"] = host_json(snapshot, view, nullptr);
    out["host"].as_object()["status"] = "revoked";
  }
  out["generation"] = snapshot.generation;
  out["synced"] = snapshot.synced;
  out["holds_all"] = snapshot.held.all;
  out["hosts"] = std::move(hosts);
  out["shut_out"] = std::move(shut_out);
  out["networks"] = std::move(networks);
  out["apps"] = apps_json(snapshot);
  return out;
}

}  // namespace sixpn::agent
