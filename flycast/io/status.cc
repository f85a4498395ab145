#include "flycast/io/status.h"

#include <algorithm>
#include <iterator>

#include "base/io/clock.h"
#include "flycast/io/client_bytes.h"

namespace sixpn::flycast {
namespace {

Explanation explain_route(ProxyState& state, const Route& route, Instant now) {
  return state.with_pool(route, now, [&](ServiceView&, ServicePool& pool) {
    state.commons.admissions.set_exact(pool, route.service->internal_port);
    return explain(state.table, route, pool, now, state.rng);
  });
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

// Whether the registry knows a machine; while there is none, all are.
auto known_in(const ServiceTable& table) {
  return [snapshot = table.snapshot()](MachineId id) {
    return snapshot == nullptr ||
           std::any_of(snapshot->networks.begin(), snapshot->networks.end(),
                       [&](const auto& one) { return one.second->machines.contains(id); });
  };
}

}  // namespace

FlycastStatus status_of(ProxyState& state) {
  Instant now = monotonic_now();
  FlycastStatus status;
  for (const auto& key :
       state.commons.view.with([](ServiceView& view) { return view.pools.keys(); })) {
    auto routed = state.table.route_app(key.network, key.app, key.external_port);
    const auto* route = std::get_if<Route>(&routed);
    if (route == nullptr) continue;  // the app or its service is gone
    if (status.services.size() == FlycastStatus::kMostServices) {
      ++status.services_left_out;
      continue;
    }
    status.services.push_back(explain_route(state, *route, now));
  }
  Admissions& admissions = state.commons.admissions;
  for (const auto& [key, open] : admissions.all())
    status.hosted.push_back({key.machine, app_of(state.table, key.machine), key.internal_port, open,
                             admissions.length(key)});
  return status;
}

std::vector<FlycastStatus::Error> errors_of(const ProxyState& state) {
  Instant now = monotonic_now();
  std::vector<FlycastStatus::Error> newest_first;
  const auto& errors = state.errors.all();
  for (auto error = errors.rbegin(); error != errors.rend(); ++error)
    newest_first.push_back(
        {now - error->at, error->app, error->client, error->dialled, error->attempts, error->why});
  return newest_first;
}

std::vector<FlycastStatus::Error> newest(std::vector<std::vector<FlycastStatus::Error>> said) {
  std::vector<FlycastStatus::Error> all;
  for (auto& one : said) std::move(one.begin(), one.end(), std::back_inserter(all));
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.ago < b.ago; });
  if (all.size() > RecentErrors::kMost) all.resize(RecentErrors::kMost);
  return all;
}

MeterReadings readings_of(ProxyState& state) {
  state.meters.forget_machines_unless(known_in(state.table));
  MeterReadings readings;
  for (const auto& [id, meter] : state.meters.apps())
    readings.apps.push_back({id.first, id.second, *meter,
                             meter->bytes ? meter->bytes->in.load() : 0,
                             meter->bytes ? meter->bytes->out.load() : 0});
  for (const auto& [id, meter] : state.meters.machines())
    readings.machines.push_back({id.first, id.second, *meter});
  readings.left_out = state.meters.left_out();
  return readings;
}

void add_hosted(MeterReadings& readings, ProxyState& state) {
  Admissions& admissions = state.commons.admissions;
  auto admitted = admissions.read_meter([&](AdmissionMeter& meter) {
    meter.forget_machines_unless(known_in(state.table));
    readings.left_out += meter.left_out();
    return meter.admitted();
  });
  for (const auto& [key, count] : admitted)
    readings.hosted.push_back({key, count, admissions.open(key), admissions.length(key)});
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
