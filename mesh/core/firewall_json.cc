#include "mesh/core/firewall_json.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <optional>

#include "base/encoding.h"
#include "mesh/core/firewall_rules.h"
#include "mesh/core/nft_json.h"
#include "registry/core/keys.h"

namespace sixpn::mesh {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;
using nft::add;
using nft::kFamily;

object in_table() {
  return nft::in_table(kFirewallTable);
}

std::string short_hash(std::string_view text) {
  return to_hex(as_bytes(hash(text)).substr(0, 8));
}

// ---- elements
// --------------------------------------------------------------------------------------

// "8000-8010"; no interface's name, for those begin with a letter.
std::optional<array> parse_ports(std::string_view text) {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  const char* end = text.data() + text.size();
  auto dash = std::from_chars(text.data(), end, first);
  if (dash.ec != std::errc() || dash.ptr == end || *dash.ptr != '-') return std::nullopt;
  auto rest = std::from_chars(dash.ptr + 1, end, last);
  if (rest.ec != std::errc() || rest.ptr != end) return std::nullopt;
  return array{first, last};
}

value encode_field(const std::string& text) {
  if (auto ports = parse_ports(text)) return {{"range", std::move(*ports)}};
  auto prefix = parse_prefix6(text);
  if (text.find('/') == std::string::npos || !prefix) return value(text);
  return {{"prefix", {{"addr", to_string(prefix->ip)}, {"len", prefix->length}}}};
}

value encode_key(const SetElement& element) {
  if (element.key.size() == 1) return encode_field(element.key.front());
  array fields;
  for (const auto& field : element.key) fields.push_back(encode_field(field));
  return {{"concat", std::move(fields)}};
}

array encode_elements(const std::set<SetElement>& elements, std::string_view set) {
  array out;
  for (const auto& element : elements)
    if (element.set == set) out.push_back(encode_key(element));
  return out;
}

value element_command(const char* verb, const SetElement& element) {
  object body = in_table();
  body["name"] = element.set;
  body["elem"] = array{encode_key(element)};
  return {{verb, {{"element", std::move(body)}}}};
}

// ---- structure
// -------------------------------------------------------------------------------------

struct SetType {
  const char* name;
  std::vector<const char*> fields;
  bool intervals;
};

const std::vector<SetType>& set_types() {
  static const std::vector<SetType> kTypes = {
      {kMachineSources, {"ifname", "ipv6_addr"}, false},
      {kSameNetwork, {"ipv6_addr", "ipv6_addr"}, true},
      {kFlycast, {"ipv6_addr", "ipv6_addr"}, true},
      {kFlycastOpen, {"ipv6_addr", "ipv6_addr"}, true},
      {kFlycastAddresses, {"ipv6_addr"}, false},
      {kFlycastPorts, {"ipv6_addr", "inet_service"}, false},
      {kFlycastRanges, {"ipv6_addr", "inet_service"}, true},
      {kHostProxies, {"ipv6_addr", "ipv6_addr"}, true},
      {kPeerResolvers, {"ipv6_addr", "ipv6_addr"}, true},
      {kLocalSources, {"ipv6_addr"}, false},
  };
  return kTypes;
}

object encode_set(const SetType& type) {
  object body = in_table();
  body["name"] = type.name;
  if (type.fields.size() == 1) {
    body["type"] = type.fields.front();
  } else {
    body["type"] = array(type.fields.begin(), type.fields.end());
  }
  if (type.intervals) body["flags"] = array{"interval"};
  return body;
}

object encode_chain(const FirewallChain& chain) {
  object body = in_table();
  body["name"] = chain.name;
  if (chain.hook.empty()) return body;
  body["type"] = "filter";
  body["hook"] = chain.hook;
  body["prio"] = chain.priority;
  body["policy"] = "accept";
  return body;
}

object encode_rule(FirewallRule rule) {
  object body = in_table();
  body["chain"] = rule.chain;
  body["expr"] = std::move(rule.expressions);
  return body;
}

// Counters, sets and chains, then rules: everything but elements and the fingerprint.
array encode_structure(const FirewallStructure& structure) {
  array commands;
  for (const auto& name : firewall_counters()) {
    object body = in_table();
    body["name"] = name;
    commands.push_back(add("counter", std::move(body)));
  }
  for (const auto& type : set_types()) commands.push_back(add("set", encode_set(type)));
  for (const auto& chain : firewall_chains()) commands.push_back(add("chain", encode_chain(chain)));
  for (auto& rule : firewall_rules(structure))
    commands.push_back(add("rule", encode_rule(std::move(rule))));
  return commands;
}

void put_elements(const Firewall& firewall, array& commands) {
  for (auto& command : commands) {
    auto* set = command.at("add").as_object().if_contains("set");
    if (set == nullptr) continue;
    auto name = set->at("name").as_string();
    array elements = encode_elements(firewall.elements, {name.data(), name.size()});
    if (!elements.empty()) set->as_object()["elem"] = std::move(elements);
  }
}

void put_fingerprint(const std::string& fingerprint, array& commands) {
  for (auto& command : commands) {
    auto* rule = command.at("add").as_object().if_contains("rule");
    if (rule == nullptr) continue;
    rule->as_object()["comment"] = fingerprint;
    return;
  }
}

// ---- reading back
// ----------------------------------------------------------------------------------

std::string text_of(const value* v) {
  return v != nullptr && v->is_string() ? std::string(v->get_string()) : std::string();
}

std::string decode_ports(const value& range) {
  if (!range.is_array() || range.get_array().size() != 2) return boost::json::serialize(range);
  const array& ends = range.get_array();
  return boost::json::serialize(ends[0]) + "-" + boost::json::serialize(ends[1]);
}

std::string decode_field(const value& v) {
  if (v.is_string()) {
    std::string text(v.get_string());
    auto ip = parse_ip6(text);
    return ip ? to_string(*ip) : text;
  }
  if (const value* range = v.is_object() ? v.get_object().if_contains("range") : nullptr)
    return decode_ports(*range);
  const value* prefix = v.is_object() ? v.get_object().if_contains("prefix") : nullptr;
  if (prefix == nullptr || !prefix->is_object()) return boost::json::serialize(v);
  const object& p = prefix->get_object();
  const value* length = p.if_contains("len");
  std::string digits = length != nullptr ? boost::json::serialize(*length) : "";
  return text_of(p.if_contains("addr")) + "/" + digits;
}

SetElement decode_element(const std::string& set, const value& v) {
  const value* concat = v.is_object() ? v.get_object().if_contains("concat") : nullptr;
  if (concat == nullptr || !concat->is_array()) return {set, {decode_field(v)}};
  SetElement element{set, {}};
  for (const auto& field : concat->get_array()) element.key.push_back(decode_field(field));
  return element;
}

void read_set(const object& set, FirewallListing& listing) {
  const value* elements = set.if_contains("elem");
  if (elements == nullptr || !elements->is_array()) return;
  std::string name = text_of(set.if_contains("name"));
  for (const auto& element : elements->get_array())
    listing.elements.insert(decode_element(name, element));
}

std::uint64_t number_of(const value* v) {
  if (v == nullptr || !v->is_number()) return 0;
  boost::system::error_code error;
  auto number = v->to_number<std::uint64_t>(error);
  return error ? 0 : number;
}

void read_counter(const object& counter, FirewallListing& listing) {
  listing.counters[text_of(counter.if_contains("name"))] = {
      number_of(counter.if_contains("packets")), number_of(counter.if_contains("bytes"))};
}

void read_rule(const object& rule, FirewallListing& listing) {
  std::string comment = text_of(rule.if_contains("comment"));
  if (listing.fingerprint.empty()) listing.fingerprint = comment;
}

// A chain or rule without its handle, which differs each time it is made.
std::string structure_text(object body) {
  body.erase("handle");
  return boost::json::serialize(body) + "\n";
}

Result<array> parse_listing(std::string_view json) {
  boost::system::error_code failed;
  value document = boost::json::parse({json.data(), json.size()}, failed);
  if (failed) return Error("nft's answer is not JSON: " + failed.message());
  value* items = document.is_object() ? document.get_object().if_contains("nftables") : nullptr;
  if (items == nullptr || !items->is_array()) return Error("nft's answer is not a listing");
  return std::move(items->get_array());
}

}  // namespace

std::string firewall_fingerprint(const FirewallStructure& structure) {
  return "sixpn " + short_hash(boost::json::serialize(encode_structure(structure)));
}

std::string firewall_document(const Firewall& firewall) {
  array commands = encode_structure(firewall.structure);
  put_elements(firewall, commands);
  put_fingerprint(firewall_fingerprint(firewall.structure), commands);
  array all = nft::anew(kFirewallTable);
  for (auto& command : commands) all.push_back(std::move(command));
  return nft::document(std::move(all));
}

std::string firewall_update_document(const UpdateFirewall& update) {
  array commands;
  for (const auto& element : update.remove) commands.push_back(element_command("delete", element));
  for (const auto& element : update.add) commands.push_back(element_command("add", element));
  return nft::document(std::move(commands));
}

std::string firewall_removal_document() {
  return nft::document(nft::removal(kFirewallTable));
}

Result<FirewallListing> parse_firewall_listing(std::string_view json) {
  auto items = parse_listing(json);
  if (!items) return std::move(items).error();
  FirewallListing listing;
  std::string structure;
  for (const auto& item : *items) {
    if (!item.is_object() || item.get_object().empty()) continue;
    const auto& [kind, body] = *item.get_object().begin();
    if (!body.is_object()) continue;
    if (kind == "set") read_set(body.get_object(), listing);
    if (kind == "counter") read_counter(body.get_object(), listing);
    if (kind == "rule") read_rule(body.get_object(), listing);
    if (kind == "rule" || kind == "chain") structure += structure_text(body.get_object());
  }
  listing.structure = short_hash(structure);
  return listing;
}

Result<std::vector<std::string>> parse_dropping_chains(std::string_view json) {
  auto items = parse_listing(json);
  if (!items) return std::move(items).error();
  std::vector<std::string> chains;
  for (const auto& item : *items) {
    const value* found = item.is_object() ? item.get_object().if_contains("chain") : nullptr;
    if (found == nullptr || !found->is_object()) continue;
    const object& chain = found->get_object();
    std::string family = text_of(chain.if_contains("family"));
    std::string hook = text_of(chain.if_contains("hook"));
    std::string name = text_of(chain.if_contains("table"));
    bool ours = family == kFamily && name == kFirewallTable;
    bool sees_ipv6 = family == "inet" || family == "ip6";
    if (ours || !sees_ipv6 || text_of(chain.if_contains("policy")) != "drop") continue;
    if (hook == "forward" || hook == "input")
      chains.push_back(family + " " + name + " " + text_of(chain.if_contains("name")));
  }
  return chains;
}

}  // namespace sixpn::mesh
