// The admin API's view of the cluster: status, the mesh plan, the registry, invitations.
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "agent/admin_api.h"
#include "agent/dns_json.h"
#include "agent/json_views.h"
#include "base/encoding.h"
#include "mesh/core/plan.h"
#include "registry/core/address.h"
#include "registry/core/keys.h"

namespace sixpn::agent {

namespace json = boost::json;

namespace {

// Seeds of an invitation: this host first, then others that are alive; the inviter cuts the list.
std::vector<HostView> seed_hosts(const Snapshot& snapshot) {
  std::vector<HostView> seeds;
  if (const HostView* self = snapshot.find_host(snapshot.self)) seeds.push_back(*self);
  for (const auto& [id, host] : snapshot.hosts)
    if (id != snapshot.self && host.status == HostStatus::kAlive) seeds.push_back(host);
  return seeds;
}

json::object seed_json(const HostRecord& host) {
  json::array wireguard;
  json::array knock;
  for (const auto& endpoint : host.endpoints) {
    wireguard.emplace_back(to_string(endpoint));
    knock.emplace_back(to_string(IpEndpoint{endpoint.ip, host.knock_port}));
  }
  return {{"host", to_string(host.id)},
          {"wireguard_key", to_base64(as_bytes(host.wireguard_key))},
          {"wireguard", std::move(wireguard)},
          {"knock", std::move(knock)}};
}

json::object counters_json(const registry::Counters& counters) {
  json::object out;
  for (const auto& [name, value] : registry::kCounters) out[name] = counters.*value;
  return out;
}

// What this host has heard of each; `hosts` are the snapshot's, in its order.
void last_heard_into(json::array& hosts, const Snapshot& snapshot,
                     const std::map<HostId, registry::LastHeard>& all) {
  auto place = hosts.begin();
  for (const auto& [id, host] : snapshot.hosts) {
    json::object& out = (place++)->as_object();
    auto found = all.find(id);
    const registry::LastHeard last = found == all.end() ? registry::LastHeard{} : found->second;
    out["heard_ms_ago"] =
        last.heard_ago ? json::value(last.heard_ago->count() / 1000) : json::value(nullptr);
    out["clock_ahead_ms"] =
        last.clock_ahead ? json::value(last.clock_ahead->count()) : json::value(nullptr);
  }
}

json::object dump_json(const SignedRecord& record) {
  return {
      {"key", to_string(record.record.key)},  {"writer", to_string(record.record.writer)},
      {"major", record.record.stamp.major},   {"minor", record.record.stamp.minor},
      {"tombstone", record.record.tombstone}, {"digest", to_hex(as_bytes(hash(record.wire())))}};
}

}  // namespace

void AdminApi::get_status(const Call&, Reply reply) {
  rooms_.report_mesh([this, reply](const MeshFacts& mesh) {
    rooms_.list_machines([this, reply, mesh](const std::vector<machine::LocalMachine>& local) {
      rooms_.report_dns([this, reply, mesh, local](const dns::Stats& dns) {
        SnapshotPtr snapshot = rooms_.registry->snapshot();
        auto status = status_json(*snapshot, mesh);
        status["dns"] = dns_json(dns);
        status["dns"].as_object()["interface"] = rooms_.interface;
        status["dns"].as_object()["host_network"] = rooms_.host_network;
        add_own_status(status);
        json::array lines;
        for (const auto& line : warnings(mesh, dns)) lines.emplace_back(line);
        status["warnings"] = std::move(lines);
        std::string head = json::serialize(status);
        head.pop_back();  // its "}"
        reply.list(head + ",\"machines\":[", list_machines(snapshot, facts_by_id(local), "", ""),
                   "]}");
      });
    });
  });
}

// What only the agent knows.
void AdminApi::add_own_status(json::object& status) {
  SnapshotPtr snapshot = rooms_.registry->snapshot();
  status["cluster"] = to_hex(certificate().invite.cluster);
  status["version"] = SIXPN_VERSION;
  status["backend"] = rooms_.backend;
  status["registry"] = counters_json(rooms_.registry->counters());
  status["conflicts"] = conflicts_json(rooms_.registry->conflicts());
  last_heard_into(status["hosts"].as_array(), *snapshot, rooms_.registry->last_heard());
}

std::vector<std::string> AdminApi::warnings(const MeshFacts& mesh, const dns::Stats& dns) const {
  std::vector<std::string> lines = mesh.warnings;
  for (const auto& notice : rooms_.notices()) lines.push_back(notice.sentence);
  if (const auto& refusal = rooms_.knock->last_refusal())
    lines.push_back("another host refuses this one: " + *refusal);
  SnapshotPtr snapshot = rooms_.registry->snapshot();
  for (HostId host : rooms_.registry->flooding()) {
    const HostView* view = snapshot->find_host(host);
    lines.push_back("host " + (view != nullptr ? view->record.name : to_string(host)) +
                    " floods the registry and is limited; the log says with what");
  }
  for (const auto& line : rooms_.rotator->warnings()) lines.push_back(line);
  if (auto failed = rooms_.registry->disk_error())
    lines.push_back("the registry is not on disk: " + failed->message);
  for (auto& line : dns_warnings(dns)) lines.push_back(std::move(line));
  return lines;
}

void AdminApi::get_plan(const Call&, Reply reply) {
  rooms_.mesh_loop.post([this, reply] {
    auto plan = rooms_.mesh->plan();
    rooms_.control.post([reply, plan = std::move(plan)] {
      if (!plan) return reply.fail(plan.error());
      json::array steps;
      for (const auto& line : mesh::to_lines(*plan)) steps.emplace_back(line);
      reply.ok(json::object{{"steps", std::move(steps)}});
    });
  });
}

void AdminApi::get_dump(const Call&, Reply reply) {
  auto next = [records = rooms_.registry->dump(), at = std::size_t{0}](std::string& text) mutable {
    if (at == records.size()) return false;
    text += json::serialize(dump_json(*records[at++]));
    return true;
  };
  reply.list("[", std::move(next), "]");
}

void AdminApi::get_held(const Call&, Reply reply) {
  reply.ok(holding_json(*rooms_.registry->snapshot()));
}

void AdminApi::get_invite_material(const Call&, Reply reply) {
  SnapshotPtr snapshot = rooms_.registry->snapshot();
  json::array hosts;
  json::array seeds;
  for (const auto& [id, host] : snapshot->hosts)
    hosts.push_back(json::object{{"id", to_string(id)}, {"name", host.record.name}});
  for (const HostView& host : seed_hosts(*snapshot)) seeds.push_back(seed_json(host.record));
  const auto& cluster_key = rooms_.identity.cluster_key.bytes();
  reply.ok(json::object{{"root_key", to_base64(as_bytes(rooms_.identity.root_key))},
                        {"cluster_key", to_base64(as_bytes(cluster_key))},
                        {"cluster", to_hex(certificate().invite.cluster)},
                        {"hosts", std::move(hosts)},
                        {"seeds", std::move(seeds)}});
}

}  // namespace sixpn::agent
