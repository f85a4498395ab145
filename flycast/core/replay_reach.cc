#include "flycast/core/replay_reach.h"

namespace sixpn::flycast {
namespace {

const AppRecord* find_app(const NetworkView* network, const std::string& name) {
  if (network == nullptr) return nullptr;
  auto found = network->apps.find(name);
  return found == network->apps.end() ? nullptr : &found->second->app;
}

}  // namespace

bool may_replay(const ReplayReach& reach, const AppRecord& from, const AppRecord& to) {
  if (from.org == to.org)
    return from.network == to.network || reach.across_networks.contains(from.org);
  auto allowed = reach.sources.find(to.org);
  return allowed != reach.sources.end() && allowed->second.contains(from.org);
}

std::variant<AppName, ErrorCode> find_replay_target(const Snapshot& snapshot,
                                                    const ReplayReach& reach, const AppName& from,
                                                    const std::string& name) {
  const NetworkView* home = snapshot.find_network(from.network);
  const AppRecord* source = find_app(home, from.app);
  if (source == nullptr) return ErrorCode::kPE01;
  bool exists = false;
  if (const AppRecord* near = find_app(home, name)) {
    if (may_replay(reach, *source, *near)) return AppName{from.network, name};
    exists = true;
  }
  for (const auto& [id, network] : snapshot.networks) {
    const AppRecord* app = id == from.network ? nullptr : find_app(network.get(), name);
    if (app == nullptr) continue;
    if (may_replay(reach, *source, *app)) return AppName{id, name};
    exists = true;
  }
  return exists ? ErrorCode::kPA05 : ErrorCode::kPA04;
}

}  // namespace sixpn::flycast
