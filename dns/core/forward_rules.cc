#include "dns/core/forward_rules.h"

#include <algorithm>
#include <utility>

#include "dns/core/name.h"
#include "dns/core/resolv_conf.h"

namespace sixpn::dns {
namespace {

bool is_of(const NetworkRecord& network, std::string_view text) {
  return text.size() == network.org.size() + 1 + network.name.size() &&
         text.starts_with(network.org) && text[network.org.size()] == '/' &&
         text.ends_with(network.name);
}

}  // namespace

Result<ForwardRules> ForwardRules::make(std::vector<IpEndpoint> everything,
                                        const std::vector<ForwardRule>& rules) {
  if (rules.size() > kMaxForwardRules)
    return Error("more than " + std::to_string(kMaxForwardRules) + " forwarding rules");
  ForwardRules out;
  out.groups_.push_back(std::move(everything));
  for (const auto& rule : rules)
    if (auto added = out.add(rule); !added)
      return std::move(added).error().within("forwarding rule for \"" + rule.domain + "\"");
  return out;
}

Result<void> ForwardRules::add(const ForwardRule& rule) {
  auto domain = Name::from_text(rule.domain);
  if (!domain || rule.domain.empty()) return Error("this is no domain name");
  if (rule.servers.empty()) return Error("it has no servers");
  if (rule.servers.size() > kMaxUpstreams)
    return Error("it has more than " + std::to_string(kMaxUpstreams) + " servers");
  auto group = static_cast<std::uint16_t>(groups_.size());
  groups_.push_back(rule.servers);
  auto& choices = by_domain_[domain->lower().wire()];
  auto networks = rule.networks;
  if (networks.empty()) networks.emplace_back();
  for (auto& network : networks) {
    bool twice = std::any_of(choices.begin(), choices.end(),
                             [&](const Choice& choice) { return choice.network == network; });
    if (twice) return Error("there is another one for the same network");
    choices.push_back({std::move(network), group});
  }
  std::stable_partition(choices.begin(), choices.end(),
                        [](const Choice& choice) { return !choice.network.empty(); });
  return {};
}

std::optional<std::uint16_t> ForwardRules::group_of(std::string_view name,
                                                    const NetworkRecord* network) const {
  if (by_domain_.empty()) return kEverything;
  for (;;) {
    auto found = by_domain_.find(name);
    if (found != by_domain_.end())
      for (const Choice& choice : found->second) {
        if (choice.network.empty()) return choice.group;
        if (network == nullptr) return std::nullopt;  // it may be this one's
        if (is_of(*network, choice.network)) return choice.group;
      }
    if (name.size() <= 1) return kEverything;
    name.remove_prefix(1U + static_cast<unsigned char>(name[0]));
  }
}

bool ForwardRules::has_local(std::string_view name, const NetworkRecord* network) const {
  if (by_domain_.empty()) return false;
  for (; name.size() > 1; name.remove_prefix(1U + static_cast<unsigned char>(name[0]))) {
    auto found = by_domain_.find(name);
    if (found == by_domain_.end()) continue;
    for (const Choice& choice : found->second)
      if (choice.network.empty() || network == nullptr || is_of(*network, choice.network))
        return true;
  }
  return false;
}

std::string ForwardRules::describe(std::string_view name, const NetworkRecord* network) const {
  for (; !name.empty(); name.remove_prefix(1U + static_cast<unsigned char>(name[0]))) {
    auto found = by_domain_.find(name);
    if (found == by_domain_.end()) continue;
    for (const Choice& choice : found->second) {
      bool all = choice.network.empty();
      if (!all && (network == nullptr || !is_of(*network, choice.network))) continue;
      auto text = "the rule for " + to_string(Name::from_wire(found->first).value_or(Name()));
      if (!all) text += " and " + choice.network;
      const char* before = ": ";
      for (const auto& server : groups_[choice.group])
        text += std::exchange(before, ", ") + to_string(server);
      return text;
    }
  }
  return "";
}

}  // namespace sixpn::dns
