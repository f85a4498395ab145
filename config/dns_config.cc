#include "config/dns_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "config/endpoint_list.h"
#include "registry/core/record.h"

namespace sixpn::config {
namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr std::size_t kMaxServerId = 64;  // dns::ServerIdentity::kMaxBytes
constexpr std::size_t kMaxRules = 64;
constexpr std::size_t kMaxServers = 8;
constexpr std::size_t kMaxDomain = 253;
constexpr std::size_t kMaxLabel = 63;

// The zones that the resolver answers itself (dns/core/zone.cc; a test holds the two to each
// other).
constexpr std::array<std::string_view, 8> kOwnZones = {
    "internal", "flycast", "a.a.d.f.ip6.arpa", "localhost", "invalid", "test", "onion", "local"};

// Lower case, without the final dot of a name that is not just that.
std::string plain_domain(std::string_view text) {
  std::string domain(text);
  for (char& c : domain)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 'a' - 'A');
  if (domain.size() > 1 && domain.back() == '.') domain.pop_back();
  return domain;
}

bool is_label(std::string_view label) {
  auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= kMaxLabel &&
         std::all_of(label.begin(), label.end(), is_plain);
}

bool is_domain(std::string_view domain) {
  if (domain == ".") return true;
  if (domain.size() > kMaxDomain) return false;
  for (;;) {
    std::size_t dot = domain.find('.');
    if (!is_label(domain.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    domain.remove_prefix(dot + 1);
  }
}

// The own zone that `domain` lies in; "" if none.
std::string_view own_zone_of(std::string_view domain) {
  for (std::string_view zone : kOwnZones) {
    bool below = domain.size() > zone.size() && domain.ends_with(zone) &&
                 domain[domain.size() - zone.size() - 1] == '.';
    if (domain == zone || below) return zone;
  }
  return "";
}

void read_domain(TableReader& rule, std::string& out) {
  auto read = rule.string("domain");
  if (!read) {
    if (rule.find("domain") == nullptr) rule.error(rule.at(), "domain", "is missing");
    return;
  }
  std::string domain = plain_domain(read->value);
  std::string_view own = own_zone_of(domain);
  if (!is_domain(domain))
    rule.error(read->at, "domain",
               fmt::format("expected a domain such as \"corp.example\", or \".\" for every name, "
                           "found \"{}\"",
                           read->value));
  else if (!own.empty())
    rule.error(read->at, "domain",
               fmt::format("names of {} are answered here, and never forwarded", own));
  else
    out = std::move(domain);
}

void read_servers(TableReader& rule, std::vector<IpEndpoint>& out) {
  const TomlEntry* entry = rule.find("servers");
  read_endpoints(rule, {"servers", kDnsPort, true}, out);
  if (entry == nullptr)
    rule.error(rule.at(), "servers", "is missing");
  else if (const auto* list = std::get_if<TomlArray>(&entry->value.value);
           list != nullptr && (list->empty() || list->size() > kMaxServers))
    rule.error(entry->value.at, "servers",
               fmt::format("expected 1..{} servers, found {}", kMaxServers, list->size()));
}

// False, and said under `key`: no organisation and network, as the registry names them.
bool is_network(TableReader& table, const char* key, const Read<std::string>& read) {
  std::string_view text = read.value;
  std::size_t slash = text.find('/');
  bool named = slash != std::string_view::npos && is_dns_label(text.substr(0, slash)) &&
               is_dns_label(text.substr(slash + 1));
  if (!named)
    table.error(
        read.at, key,
        fmt::format("expected \"org/network\", such as \"acme/default\", found \"{}\"", text));
  return named;
}

void read_networks(TableReader& rule, std::vector<std::string>& out) {
  for (const Read<std::string>& read : rule.strings("networks")) {
    if (!is_network(rule, "networks", read)) continue;
    if (std::find(out.begin(), out.end(), read.value) != out.end())
      rule.error(read.at, "networks", fmt::format("\"{}\" is there twice", read.value));
    else
      out.push_back(read.value);
  }
}

// Where a domain has a rule already: by domain and network ("": all).
using Places = std::map<std::pair<std::string, std::string>, std::size_t>;

void check_twice(TableReader& rule, const ForwardRuleConfig& read, Places& places) {
  if (read.domain.empty()) return;
  auto networks = read.networks;
  if (networks.empty()) networks.emplace_back();
  for (const auto& network : networks) {
    auto [place, fresh] = places.try_emplace({read.domain, network}, rule.at().line);
    if (fresh) continue;
    rule.error(rule.at(), "",
               fmt::format("\"{}\" has a rule for {} already, at line {}", read.domain,
                           network.empty() ? "every network" : network, place->second));
  }
}

void read_rules(TableReader& dns, std::vector<ForwardRuleConfig>& out) {
  Places places;
  for (TableReader& rule : dns.tables("forward_rules")) {
    if (out.size() == kMaxRules) {
      rule.error(rule.at(), "", fmt::format("expected at most {} rules", kMaxRules));
      return;
    }
    ForwardRuleConfig read;
    read_domain(rule, read.domain);
    read_servers(rule, read.servers);
    read_networks(rule, read.networks);
    rule.report_unknown_keys();
    check_twice(rule, read, places);
    out.push_back(std::move(read));
  }
}

}  // namespace

void read_dns(TableReader dns, DnsConfig& out) {
  read_endpoints(dns, {"upstreams", kDnsPort, true}, out.upstreams);
  read_endpoints(dns, {"listen", kDnsPort, false}, out.listen);
  if (auto id = dns.string("server_id")) {
    if (id->value.size() <= kMaxServerId)
      out.server_id = id->value;
    else
      dns.error(id->at, "server_id",
                fmt::format("expected at most {} bytes, found {}", kMaxServerId, id->value.size()));
  }
  auto network = dns.string("host_network");
  if (network && is_network(dns, "host_network", *network)) out.host_network = network->value;
  read_rules(dns, out.forward_rules);
  dns.report_unknown_keys();
}

}  // namespace sixpn::config
