#include "agent/watch_json.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "agent/json_views.h"
#include "base/encoding.h"
#include "registry/core/address.h"

namespace sixpn::agent {
namespace {

namespace json = boost::json;

// Only what the value itself says: nothing that another value's change would change.
struct ValueJson {
  json::value operator()(std::monostate) const { return nullptr; }
  json::value operator()(const HostView* host) const {
    const HostRecord& r = host->record;
    json::array endpoints;
    for (const auto& endpoint : r.endpoints) endpoints.emplace_back(to_string(endpoint));
    return json::object{{"id", to_string(r.id)},
                        {"name", r.name},
                        {"region", r.region},
                        {"status", to_string(host->status)},
                        {"address", to_string(host_address(r.id))},
                        {"endpoints", std::move(endpoints)},
                        {"wireguard_key", to_base64(as_bytes(r.wireguard_key))},
                        {"version", r.version}};
  }
  json::value operator()(const OrgRecord* r) const { return json::object{{"name", r->name}}; }
  json::value operator()(const NetworkRecord* r) const { return network_json(*r); }
  json::value operator()(const AppRecord* r) const {
    json::array services;
    for (const auto& service : r->services) services.push_back(service_json(service));
    json::array checks;
    for (const auto& check : r->checks) checks.push_back(app_check_json(check));
    return json::object{{"name", r->name},
                        {"org", r->org},
                        {"network", to_string(r->network)},
                        {"primary_region", r->primary_region},
                        {"services", std::move(services)},
                        {"checks", std::move(checks)}};
  }
  json::value operator()(const MachineRecord* r) const {
    json::object metadata;
    for (auto [key, value] : r->metadata) metadata[key] = value;
    return json::object{{"id", to_string(r->id)},
                        {"app", r->app.str()},
                        {"group", r->group.str()},
                        {"network", to_string(r->network)},
                        {"host", to_string(r->host)},
                        {"region", r->region.str()},
                        {"state", to_string(r->state)},
                        {"health", to_string(r->health)},
                        {"service_health", service_health_json(*r)},
                        {"app_health", to_string(r->app_health)},
                        {"address", to_string(r->address)},
                        {"cordoned", r->cordoned},
                        {"skip_dns", r->skip_dns},
                        {"metadata", std::move(metadata)},
                        {"updated_ms", unix_ms(r->updated)}};
  }
  json::value operator()(const PeerRecord* r) const {
    return json::object{{"name", r->name},
                        {"network", to_string(r->network)},
                        {"gateway", to_string(r->gateway)},
                        {"address", to_string(r->address)},
                        {"wireguard_key", to_base64(as_bytes(r->wireguard_key))}};
  }
  json::value operator()(const FlycastRecord* r) const {
    return json::object{{"address", to_string(r->address)},
                        {"network", to_string(network_of(r->address))},
                        {"app", r->app},
                        {"app_network", to_string(r->app_network)},
                        {"service", r->service_name}};
  }
  json::value operator()(const RevocationRecord* r) const {
    return json::object{{"host", to_string(r->host)}};
  }
};

}  // namespace

std::string value_line(const RecordKey& key, const WatchedRef& value) {
  json::object line{{"type", "value"}, {"kind", to_string(key.kind)}, {"key", to_string(key)}};
  line["value"] = std::visit(ValueJson{}, value);
  return json::serialize(line) + "\n";
}

std::string held_line(std::uint64_t generation, NetworkId network, bool held) {
  return json::serialize(json::object{{"type", "held"},
                                      {"generation", generation},
                                      {"network", to_string(network)},
                                      {"held", held}}) +
         "\n";
}

std::string change_line(std::uint64_t generation, const SnapshotChange& change) {
  json::object line{{"type", "change"},
                    {"generation", generation},
                    {"kind", to_string(change.key.kind)},
                    {"key", to_string(change.key)}};
  line["old"] = std::visit(ValueJson{}, change.before);
  line["new"] = std::visit(ValueJson{}, change.after);
  return json::serialize(line) + "\n";
}

}  // namespace sixpn::agent
