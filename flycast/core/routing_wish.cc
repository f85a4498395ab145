#include "flycast/core/routing_wish.h"

#include <algorithm>

#include "flycast/core/http1_syntax.h"
#include "flycast/core/region_group.h"
#include "registry/core/address.h"

namespace sixpn::flycast {
namespace {

std::vector<std::string> split_regions(std::string_view list) {
  std::vector<std::string> regions;
  while (!list.empty() && regions.size() < kMaxWishedRegions) {
    std::size_t end = std::min(list.find(','), list.size());
    std::string_view entry = trimmed(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (!entry.empty()) regions.push_back(lower_case(entry));
  }
  return regions;
}

}  // namespace

RoutingWish read_wish(const HeaderList& request) {
  RoutingWish wish;
  wish.regions = split_regions(request.joined("fly-force-region"));
  wish.only_regions = !wish.regions.empty();
  if (!wish.only_regions) wish.regions = split_regions(request.joined("fly-prefer-region"));
  wish.machine = request.joined("fly-force-instance-id");
  wish.only_machine = !wish.machine.empty();
  if (!wish.only_machine) wish.machine = request.joined("fly-prefer-instance-id");
  wish.machine.resize(std::min(wish.machine.size(), kMaxMachineText));
  return wish;
}

std::optional<std::size_t> tier_of(const RoutingWish& wish, MachineId machine,
                                   std::string_view region) {
  const auto& not_these = wish.not_these;
  if (std::find(not_these.begin(), not_these.end(), machine) != not_these.end())
    return std::nullopt;
  bool is_named = !wish.machine.empty() && parse_machine_id(wish.machine) == machine;
  if (is_named && !wish.only_machine) return 0;
  if (!is_named && wish.only_machine) return std::nullopt;
  for (std::size_t i = 0; i < wish.regions.size(); ++i)
    if (region_matches(wish.regions[i], region)) return 1 + i;
  if (wish.only_regions) return std::nullopt;
  return 1 + wish.regions.size();
}

Choice choose_wished(const RoutingWish& wish, const ServicePool& pool, const Bars& bars,
                     Instant now, Rng& rng) {
  if (wish.is_plain()) return choose(pool, bars, now, rng);
  std::optional<Pick> found;
  NoPick why = NoPick::kNoCandidate;
  for (std::size_t tier = 0; tier <= 1 + wish.regions.size(); ++tier) {
    Bars of_tier = [&](const Candidate& candidate, bool home) {
      if (tier_of(wish, candidate.machine, candidate.region) != tier) return Bar::kUnwanted;
      return bars ? bars(candidate, home) : Bar::kNone;
    };
    Choice choice = choose(pool, of_tier, now, rng);
    const auto* pick = std::get_if<Pick>(&choice);
    if (pick == nullptr) {
      // One that was tried says more than that there is none.
      if (why != NoPick::kAllExcluded) why = std::get<NoPick>(choice);
      continue;
    }
    bool better = !found || (found->known_full && !pick->known_full);
    if (better) {
      found = *pick;
    } else if (!pick->known_full) {
      found->has_other = true;
    }
    if (!found->known_full && found->has_other) break;
  }
  if (found) return *found;
  return why;
}

void keep_wished(const RoutingWish& wish, std::vector<Sleeper>& asleep) {
  if (wish.is_plain()) return;
  std::optional<std::size_t> first;
  auto tier = [&](const Sleeper& one) {
    return tier_of(wish, one.candidate.machine, one.candidate.region);
  };
  for (const Sleeper& one : asleep)
    if (auto its = tier(one); its && (!first || *its < *first)) first = its;
  std::erase_if(asleep, [&](const Sleeper& one) { return !first || tier(one) != first; });
}

std::variant<Route, LookupFailure> route_wished(const ServiceTable& table, const RoutingWish& wish,
                                                const Ip6& client, const IpEndpoint& dialled) {
  if (!wish.app) return table.route(network_of(client), dialled);
  return table.route_app(wish.app->network, wish.app->app, dialled.port);
}

bool has_wished(const RoutingWish& wish, const AppView& app) {
  if (wish.is_plain()) return true;
  return std::any_of(app.machines.begin(), app.machines.end(), [&](const MachinePtr& machine) {
    return tier_of(wish, machine->id, machine->region).has_value();
  });
}

std::optional<std::string> missed(const RoutingWish& wish, MachineId chosen) {
  if (wish.machine.empty() || wish.only_machine) return std::nullopt;
  if (parse_machine_id(wish.machine) == chosen) return std::nullopt;
  return wish.machine;
}

}  // namespace sixpn::flycast
