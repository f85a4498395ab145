#include "flycast/io/status.h"

#include <algorithm>

#include "base/io/clock.h"
#include "flycast/io/client_bytes.h"

namespace sixpn::flycast {
namespace {

Explanation explain_route(ProxyState& state, const Route& route, Instant now) {
  ServicePool& pool = state.pools.pool(
      state.table, route, {state.options.self, state.options.region}, state.loads, now);
  pool.set_exact(state.admissions, route.service->internal_port);
  return explain(state.table, route, pool, now, state.rng);
}

// "" for a machine that the registry has let go of meanwhile.
std::string app_of(const ServiceTable& table, MachineId id) {
  if (table.snapshot() == nullptr) return "";
  for (const auto& [network_id, network] : table.snapshot()->networks) {
    auto found = network->machines.find(id);
    if (found != network->machines.end()) return found->second->app;
  }
  return "";
}

}  // namespace

FlycastStatus status_of(ProxyState& state) {
  Instant now = monotonic_now();
  FlycastStatus status;
  for (const auto& key : state.pools.keys()) {
    auto routed = state.table.route_app(key.network, key.app, key.external_port);
    const auto* route = std::get_if<Route>(&routed);
    if (route == nullptr) continue;  // the app or its service is gone
    if (status.services.size() == FlycastStatus::kMostServices) {
      ++status.services_left_out;
      continue;
    }
    status.services.push_back(explain_route(state, *route, now));
  }
  for (const auto& [key, open] : state.admissions.all())
    status.hosted.push_back({key.machine, app_of(state.table, key.machine), key.internal_port, open,
                             state.line.length(key)});
  const auto& errors = state.errors.all();
  for (auto error = errors.rbegin(); error != errors.rend(); ++error)
    status.errors.push_back(
        {now - error->at, error->app, error->client, error->dialled, error->attempts, error->why});
  return status;
}

MeterReadings readings_of(ProxyState& state) {
  const Snapshot* snapshot = state.table.snapshot();
  if (snapshot != nullptr)
    state.meters.forget_machines_unless([&](MachineId id) {
      return std::any_of(snapshot->networks.begin(), snapshot->networks.end(),
                         [&](const auto& one) { return one.second->machines.contains(id); });
    });
  MeterReadings readings;
  for (const auto& [id, meter] : state.meters.apps())
    readings.apps.push_back({id.first, id.second, *meter,
                             meter->bytes ? meter->bytes->in.load() : 0,
                             meter->bytes ? meter->bytes->out.load() : 0});
  for (const auto& [id, meter] : state.meters.machines())
    readings.machines.push_back({id.first, id.second, *meter});
  for (const auto& [key, admitted] : state.meters.admitted())
    readings.hosted.push_back({key, admitted, state.admissions.open(key), state.line.length(key)});
  readings.left_out = state.meters.left_out();
  return readings;
}

std::variant<Explanation, LookupFailure> explain_in(ProxyState& state, NetworkId home,
                                                    const std::string& app,
                                                    std::uint16_t external_port) {
  auto routed = state.table.route_app(home, app, external_port);
  if (const auto* failure = std::get_if<LookupFailure>(&routed)) return *failure;
  Explanation said = explain_route(state, std::get<Route>(routed), monotonic_now());
  if (external_port != 0) said.external_port = external_port;  // one of a range
  return said;
}

}  // namespace sixpn::flycast
