#include "agent/core/writes.h"

#include <fmt/format.h>

#include <algorithm>

#include "registry/core/address.h"
#include "registry/core/network_id.h"
#include "registry/core/region.h"

namespace sixpn::agent {
namespace {

std::uint64_t leading_u64(const Hash& digest) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | digest.at(i);
  return value;
}

Result<void> check_names(const CreateApp& request) {
  if (auto ok = check_name("app name", request.name); !ok) return ok;
  if (auto ok = check_name("organisation", request.org); !ok) return ok;
  if (auto ok = check_name("network name", request.network); !ok) return ok;
  if (!request.primary_region.empty() && !is_region(request.primary_region))
    return Error(fmt::format("primary region \"{}\": expected {}", request.primary_region,
                             expected_region(request.primary_region)),
                 kInvalid);
  return {};
}

// The network record to use, and whether it has to be written.
Result<std::pair<NetworkRecord, bool>> network_for(const Snapshot& snapshot,
                                                   const HostCertificate& self,
                                                   const std::string& org,
                                                   const std::string& name) {
  if (const NetworkView* known = snapshot.find_network(org, name))
    return std::pair(known->network, false);
  for (unsigned attempt = 0; attempt < kMaxNetworkRehashes; ++attempt) {
    NetworkId id = network_id(self.invite.cluster, org, name, attempt);
    if (snapshot.find_network(id) == nullptr) return std::pair(NetworkRecord{id, org, name}, true);
  }
  return Error("no free network id was found for " + org + "/" + name, kTaken);
}

}  // namespace

Error forbidden(const HostCertificate& self, const std::string& org) {
  return Error(
      fmt::format("host {} is not allowed to serve organisation {} (its invitation names {})",
                  self.invite.name, org, fmt::join(self.invite.orgs, ", ")),
      kForbidden);
}

registry::LocalWrite shared_write(RecordValue value, const std::string& org) {
  registry::LocalWrite write;
  write.value = std::move(value);
  write.org = org;
  return write;
}

registry::LocalWrite erasure(RecordKey key, const std::string& org) {
  registry::LocalWrite write;
  write.erase = true;
  write.key = std::move(key);
  write.org = org;
  return write;
}

Result<void> check_name(const char* what, const std::string& name) {
  if (is_dns_label(name)) return {};
  return Error(
      fmt::format("{} \"{}\": expected 1 to 63 of a-z, 0-9 and '-', not starting or ending "
                  "with '-'",
                  what, name),
      kInvalid);
}

Result<const AppView*> find_app(const Snapshot& snapshot, const AppName& name) {
  std::vector<const AppView*> found;
  for (const auto& [id, network] : snapshot.networks) {
    if (!name.org.empty() && network->network.org != name.org) continue;
    if (!name.network.empty() && network->network.name != name.network) continue;
    auto app = network->apps.find(name.app);
    if (app != network->apps.end()) found.push_back(app->second.get());
  }
  if (found.size() == 1) return found.front();
  std::string where = name.org.empty() ? "" : " in organisation " + name.org;
  if (found.empty())
    return Error(fmt::format("app {} does not exist{}; `sixpn apps list` shows those that do",
                             name.app, where),
                 kNotFound);
  std::vector<std::string> owners;
  for (const AppView* view : found)
    owners.push_back(view->app.org + "/" + snapshot.find_network(view->app.network)->network.name);
  return Error(fmt::format("app {} exists in {}: say which with --org (and --network)", name.app,
                           fmt::join(owners, ", ")),
               kInvalid);
}

Result<std::vector<registry::LocalWrite>> plan_create_app(const Snapshot& snapshot,
                                                          const HostCertificate& self,
                                                          const CreateApp& request) {
  if (auto names = check_names(request); !names) return names.error();
  if (!self.invite.allows_org(request.org)) return forbidden(self, request.org);
  auto network = network_for(snapshot, self, request.org, request.network);
  if (!network) return network.error();
  const auto& [record, is_new] = *network;
  if (const NetworkView* view = snapshot.find_network(record.id);
      view && view->apps.contains(request.name))
    return Error(fmt::format("app {} exists already in organisation {}, network {}", request.name,
                             request.org, request.network),
                 kTaken);
  std::vector<registry::LocalWrite> writes;
  if (!snapshot.orgs.contains(request.org))
    writes.push_back(shared_write(OrgRecord{request.org}, request.org));
  if (is_new) writes.push_back(shared_write(record, request.org));
  AppRecord app{request.name,           request.org,      record.id,
                request.primary_region, request.services, request.checks};
  writes.push_back(shared_write(std::move(app), request.org));
  return writes;
}

Result<std::vector<registry::LocalWrite>> plan_deploy(const Snapshot& snapshot,
                                                      const HostCertificate& self,
                                                      const AppName& name,
                                                      const AppSettings& settings) {
  auto found = find_app(snapshot, name);
  if (!found) return found.error();
  AppRecord app = (*found)->app;
  if (!self.invite.allows_org(app.org)) return forbidden(self, app.org);
  if (!settings.primary_region.empty()) app.primary_region = settings.primary_region;
  app.services = settings.services;
  app.checks = settings.checks;
  if (app == (*found)->app) return std::vector<registry::LocalWrite>{};
  std::string org = app.org;
  return std::vector<registry::LocalWrite>{shared_write(std::move(app), org)};
}

std::optional<Error> refuse_unheld(const Snapshot& snapshot, NetworkId network,
                                   const std::string& command) {
  if (snapshot.holds(network)) return std::nullopt;
  const NetworkView* view = snapshot.find_network(network);
  std::string which =
      view == nullptr ? to_string(network) : view->network.name + " of " + view->network.org;
  auto said_by = [&](HostId host) {
    auto said = snapshot.interests.find(host);
    return said == snapshot.interests.end() ? nullptr : &said->second;
  };
  const auto* own = said_by(snapshot.self);
  bool wants = own == nullptr || own->all ||
               std::binary_search(own->networks.begin(), own->networks.end(), network);
  if (!snapshot.synced || wants)
    return Error(fmt::format("{}: this host is still receiving the machines of network {}: try "
                             "again in a moment",
                             command, which),
                 kTaken);
  constexpr int kMostNames = 3;
  std::string names;
  int count = 0;
  for (const auto& [id, host] : snapshot.hosts) {
    if (id == snapshot.self || !host.usable() || !registry::holds(said_by(id), network)) continue;
    if (++count > kMostNames) break;
    names += (names.empty() ? "" : ", ") + host.record.name;
  }
  std::string where = names.empty() ? "no other host that is alive holds them"
                                    : fmt::format("run this on {}", names);
  return Error(fmt::format("{}: this host does not hold all machines of network {} ([registry] "
                           "hold = \"used\"): {}",
                           command, which, where),
               kTaken);
}

Result<std::vector<registry::LocalWrite>> plan_destroy_app(const Snapshot& snapshot,
                                                           const HostCertificate& self,
                                                           const AppName& name) {
  auto found = find_app(snapshot, name);
  if (!found) return found.error();
  const AppRecord& app = (*found)->app;
  if (!self.invite.allows_org(app.org)) return forbidden(self, app.org);
  if (auto refused = refuse_unheld(snapshot, app.network, "destroying app " + app.name))
    return *refused;
  auto living = std::count_if(
      (*found)->machines.begin(), (*found)->machines.end(),
      [](const MachinePtr& machine) { return machine->state != MachineState::kDestroyed; });
  if (living > 0)
    return Error(fmt::format("app {} still has {} machine{}: destroy them first", app.name, living,
                             living == 1 ? "" : "s"),
                 kTaken);
  std::vector<registry::LocalWrite> writes;
  for (const Ip6& address : flycast_addresses(snapshot, app))
    writes.push_back(erasure(flycast_key(address), app.org));
  writes.push_back(erasure(app_key(app.network, app.name), app.org));
  return writes;
}

Result<AllocatedAddress> plan_allocate_flycast(const Snapshot& snapshot,
                                               const HostCertificate& self, const AppName& name,
                                               const std::string& from) {
  auto found = find_app(snapshot, name);
  if (!found) return found.error();
  const AppRecord& app = (*found)->app;
  if (!self.invite.allows_org(app.org)) return forbidden(self, app.org);
  const NetworkView* network =
      from.empty() ? snapshot.find_network(app.network) : snapshot.find_network(app.org, from);
  if (network == nullptr)
    return Error(fmt::format("organisation {} has no network {}", app.org, from), kNotFound);
  for (const auto& [address, record] : network->flycast)
    if (record.app == app.name && record.app_network == app.network && record.service_name.empty())
      return AllocatedAddress{record, {}};
  NetworkId dialler = network->network.id;
  for (unsigned attempt = 0; attempt < kMaxNetworkRehashes; ++attempt) {
    // From the app's own name, so that two hosts that allocate at once agree instead of colliding.
    std::string text = "sixpn flycast" + std::string(1, '\0') + to_string(app.network) + '\0' +
                       app.name + '\0' + std::to_string(attempt);
    auto counter = static_cast<std::uint16_t>(leading_u64(hash(text)) & 0xffff);
    Ip6 address = flycast_address(dialler, std::max<std::uint16_t>(counter, 2));
    if (network->flycast.contains(address)) continue;
    FlycastRecord record{address, app.name, app.network, ""};
    return AllocatedAddress{record, {shared_write(record, app.org)}};
  }
  return Error("no free Flycast address was found in network " + network->network.name, kTaken);
}

Result<std::vector<registry::LocalWrite>> plan_release_flycast(const Snapshot& snapshot,
                                                               const HostCertificate& self,
                                                               const AppName& name,
                                                               const Ip6& address) {
  auto found = find_app(snapshot, name);
  if (!found) return found.error();
  const AppRecord& app = (*found)->app;
  if (!self.invite.allows_org(app.org)) return forbidden(self, app.org);
  auto addresses = flycast_addresses(snapshot, app);
  if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
    return Error(fmt::format("app {} has no address {}", app.name, to_string(address)), kNotFound);
  return std::vector<registry::LocalWrite>{erasure(flycast_key(address), app.org)};
}

std::vector<Ip6> flycast_addresses(const Snapshot& snapshot, const AppRecord& app) {
  std::vector<Ip6> addresses;
  for (const auto& [id, network] : snapshot.networks)
    for (const auto& [address, record] : network->flycast)
      if (record.app == app.name && record.app_network == app.network) addresses.push_back(address);
  std::sort(addresses.begin(), addresses.end());
  return addresses;
}

}  // namespace sixpn::agent
