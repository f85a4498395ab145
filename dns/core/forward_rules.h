// ForwardRules: who is asked for a foreign name: the servers of the longest rule whose domain the
// name lies in (split horizon), else the resolvers for everything. A rule may hold for some
// networks only; of rules for one domain such a rule goes before one for all. Names of our own
// zones never get here: the responder answers them.
//
// A group is a list of servers that is asked as one, and its number is part of what a reply is kept
// under, so what one horizon says is never told in another. Immutable; read by every worker. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "dns/core/fast_hash.h"
#include "registry/core/record.h"

namespace sixpn::dns {

struct ForwardRule {
  std::string domain;                 // "corp.example"; "." for every name
  std::vector<IpEndpoint> servers;    // asked in order of what they are worth, at least one
  std::vector<std::string> networks;  // "acme/default"; empty: all
};

inline constexpr std::size_t kMaxForwardRules = 64;

class ForwardRules {
 public:
  static constexpr std::uint16_t kEverything = 0;  // the group of names that no rule is for

  // Errors name the rule: a domain that is none, no server, too many of them, a rule for the same
  // domain and network as another.
  static Result<ForwardRules> make(std::vector<IpEndpoint> everything,
                                   const std::vector<ForwardRule>& rules);

  // `name`: wire form, lower case. `network`: the asker's; null: not known. Nothing: that depends
  // on the network, which is not known, so nobody may be asked.
  [[nodiscard]] std::optional<std::uint16_t> group_of(std::string_view name,
                                                      const NetworkRecord* network) const;
  // By group.
  [[nodiscard]] const std::vector<std::vector<IpEndpoint>>& groups() const { return groups_; }
  [[nodiscard]] bool empty() const { return by_domain_.empty(); }
  // Whether a rule says who knows a name of a local zone (zone.h): it names the zone, one above it,
  // or a domain inside. One for "." does not: who is asked for everything knows nothing of this
  // site. While the network is not known, a rule for any of them does: it may be this one's.
  [[nodiscard]] bool has_local(std::string_view name, const NetworkRecord* network) const;
  // The rule that is for a name, for people: "the rule for corp.example. and acme/default:
  // 192.0.2.1:53";
  // "": none.
  [[nodiscard]] std::string describe(std::string_view name, const NetworkRecord* network) const;

 private:
  struct Choice {
    std::string network;  // "": all
    std::uint16_t group = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return fast_hash(name); }
  };

  Result<void> add(const ForwardRule& rule);

  std::vector<std::vector<IpEndpoint>> groups_;
  // By wire form, lower case; of each domain those of single networks first.
  std::unordered_map<std::string, std::vector<Choice>, Hash, std::equal_to<>> by_domain_;
};

}  // namespace sixpn::dns
