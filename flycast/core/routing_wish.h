// RoutingWish: where a request would like to go, beyond the Flycast address it was sent to: another
// app, regions in order, one machine, not some machines. It comes from the client's own headers
// (fly-prefer-region and its like, fly.md 4.5), from an app's fly-replay (replay_instruction.h), or
// from a cache of those (replay_cache.h). The dialer chooses by it, tier by tier; what is healthy,
// cordoned or at its limit is the service table's and the balancer's affair, which a wish never
// overrides. Values; pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "flycast/core/autostart.h"
#include "flycast/core/balancer.h"
#include "flycast/core/header_list.h"
#include "flycast/core/service_table.h"

namespace sixpn::flycast {

// Regions named in one wish; further ones are not read.
inline constexpr std::size_t kMaxWishedRegions = 32;
// Of a machine's name as somebody wrote it; the rest is cut off.
inline constexpr std::size_t kMaxMachineText = 64;

struct AppName {
  NetworkId network;
  std::string app;
  friend auto operator<=>(const AppName&, const AppName&) = default;
};

struct RoutingWish {
  std::optional<AppName> app;        // nothing: the one that was dialled
  std::vector<std::string> regions;  // codes and groups (region_group.h), in order of preference
  bool only_regions = false;         // none but those
  // A machine, as it was named: what is no machine's name is a machine that nobody finds.
  std::string machine;
  bool only_machine = false;         // this one or none
  std::vector<MachineId> not_these;  // machines that asked to go elsewhere

  // Of all machines of the app.
  [[nodiscard]] bool is_plain() const {
    return regions.empty() && machine.empty() && not_these.empty();
  }
  friend bool operator==(const RoutingWish&, const RoutingWish&) = default;
};

// From the headers of a client's request. What forces wins over what prefers; a name that cannot be
// a region's matches nothing; an empty value is no wish.
RoutingWish read_wish(const HeaderList& request);

// Which tier of the wish a machine is in: a later one is for when no machine of those before it can
// take the request. Nothing: the wish does not allow it.
std::optional<std::size_t> tier_of(const RoutingWish& wish, MachineId machine,
                                   std::string_view region);

// choose() (balancer.h), tier by tier; what is known to be full only when no tier has anything
// else.
Choice choose_wished(const RoutingWish& wish, const ServicePool& pool, const Bars& bars,
                     Instant now, Rng& rng);

// Of machines that could be woken, leaves those of the first tier that has any.
void keep_wished(const RoutingWish& wish, std::vector<Sleeper>& asleep);

// The service it means, for a client that dialled that address.
std::variant<Route, LookupFailure> route_wished(const ServiceTable& table, const RoutingWish& wish,
                                                const Ip6& client, const IpEndpoint& dialled);

// Whether the app has a machine, in whatever state, that the wish allows: if not, waiting is vain.
// True without a wish.
bool has_wished(const RoutingWish& wish, const AppView& app);

// The machine preferred in vain, as it was named, if `chosen` is another: what the header
// fly-preferred-instance-unavailable says.
std::optional<std::string> missed(const RoutingWish& wish, MachineId chosen);

}  // namespace sixpn::flycast
