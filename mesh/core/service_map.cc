#include "mesh/core/service_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>

#include "base/encoding.h"
#include "mesh/core/nft_json.h"
#include "mesh/core/state.h"
#include "registry/core/keys.h"

namespace sixpn::mesh {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

// After connection tracking (-200), before the proxy takes connections (-150).
constexpr int kMarkPriority = -160;
// Where the kernel translates addresses, whatever a chain says.
constexpr int kChoosePriority = -100;
value port_range(const KernelService& service) {
  if (service.first == service.last) return service.first;
  return {{"range", {service.first, service.last}}};
}

value dialled(const KernelService& service) {
  return nft::concat(nft::text(to_string(service.address)), port_range(service));
}

value address_and_port() {
  return nft::concat(nft::daddr(), nft::field("tcp", "dport"));
}

// Of a connection that was handed to a machine.
value is_translated() {
  return nft::match({{"ct", {{"key", "status"}}}}, "dnat", "in");
}

object named(const char* name) {
  object body = nft::in_table(kServiceTable);
  body["name"] = name;
  return body;
}

value set(const char* kind, const char* name, array type, array elements, bool intervals) {
  object body = named(name);
  body["type"] = std::move(type);
  if (intervals) body["flags"] = array{"interval"};
  if (std::string_view(kind) == "map") body["map"] = "verdict";
  if (!elements.empty()) body["elem"] = std::move(elements);
  return nft::add(kind, std::move(body));
}

value chain(const std::string& name) {
  return nft::add("chain", named(name.c_str()));
}

value base_chain(const char* name, const char* type, int priority) {
  object body = named(name);
  body["type"] = type;
  body["hook"] = "prerouting";
  body["prio"] = priority;
  body["policy"] = "accept";
  return nft::add("chain", std::move(body));
}

value rule(const std::string& chain, array expressions) {
  return nft::rule(kServiceTable, chain, std::move(expressions));
}

std::string chain_of(std::size_t service) {
  return fmt::format("s{}", service);
}

// One of the machines at random, each as often.
value to_machines(const KernelService& service) {
  object target{{"family", "ip6"}, {"port", service.internal_port}};
  if (service.machines.size() == 1) {
    target["addr"] = nft::text(to_string(service.machines.front()));
  } else {
    array numbered;
    for (std::size_t i = 0; i < service.machines.size(); ++i)
      numbered.push_back(array{i, nft::text(to_string(service.machines[i]))});
    value draw{{"numgen", {{"mode", "random"}, {"mod", service.machines.size()}, {"offset", 0}}}};
    target["addr"] = {{"map", {{"key", draw}, {"data", {{"set", std::move(numbered)}}}}}};
  }
  return {{"dnat", std::move(target)}};
}

array encode_sets(const ServiceMap& map) {
  array own;
  array taken;
  array targets;
  for (const auto& [machine, address] : map.own)
    own.push_back(nft::concat(nft::text(to_string(machine)), nft::text(to_string(address))));
  for (std::size_t i = 0; i < map.kernel.services.size(); ++i) {
    value key = dialled(map.kernel.services[i]);
    taken.push_back(key);
    targets.push_back(array{key, {{"goto", {{"target", chain_of(i)}}}}});
  }
  array type{"ipv6_addr", "inet_service"};
  return {set("set", "own", {"ipv6_addr", "ipv6_addr"}, std::move(own), false),
          set("set", "taken", type, std::move(taken), true),
          set("map", "services", type, std::move(targets), true)};
}

// What packets meet. A connection's first packet is marked here when the map has its port, later
// ones when it was handed to a machine then: so each keeps the way that it began with, whatever
// becomes of the map.
array encode_rules(const std::string& fingerprint) {
  value from_machine = nft::from(nft::kAnyMachine);
  value handed =
      rule("mark", {from_machine, is_translated(), nft::set_mark(kServiceMark), nft::accept()});
  if (!fingerprint.empty()) handed.at("add").at("rule").as_object()["comment"] = fingerprint;
  value not_own = nft::match(nft::concat(nft::saddr(), nft::daddr()), "@own", "!=");
  value vmap{{"vmap", {{"key", address_and_port()}, {"data", "@services"}}}};
  return {handed,
          rule("mark", {from_machine, nft::is_syn(), not_own,
                        nft::in_set(address_and_port(), "taken"), nft::set_mark(kServiceMark)}),
          rule("choose", {nft::match(nft::meta("mark"), kServiceMark), vmap})};
}

array encode(const ServiceMap& map, const std::string& fingerprint) {
  array commands;
  for (std::size_t i = 0; i < map.kernel.services.size(); ++i) {
    commands.push_back(chain(chain_of(i)));
    commands.push_back(rule(chain_of(i), {nft::is_tcp(), to_machines(map.kernel.services[i])}));
  }
  for (auto& command : encode_sets(map)) commands.push_back(std::move(command));
  commands.push_back(base_chain("mark", "filter", kMarkPriority));
  commands.push_back(base_chain("choose", "nat", kChoosePriority));
  for (auto& command : encode_rules(fingerprint)) commands.push_back(std::move(command));
  return commands;
}

std::string short_hash(std::string_view text) {
  return to_hex(as_bytes(hash(text)).substr(0, 8));
}

}  // namespace

ServiceMap make_service_map(KernelServices kernel, const std::vector<Attachment>& attachments) {
  ServiceMap map{std::move(kernel), {}};
  for (const KernelService& service : map.kernel.services)
    for (const Attachment& attachment : attachments)
      if (std::binary_search(service.machines.begin(), service.machines.end(), attachment.address))
        map.own.emplace_back(attachment.address, service.address);
  std::sort(map.own.begin(), map.own.end());
  map.own.erase(std::unique(map.own.begin(), map.own.end()), map.own.end());
  return map;
}

std::string service_map_fingerprint(const ServiceMap& map) {
  if (!map.wanted()) return "";
  std::string all = boost::json::serialize(encode(map, ""));
  for (const Ip6& machine : map.kernel.running) all += " " + to_string(machine);
  return "sixpn " + short_hash(all);
}

std::string service_map_document(const ServiceMap& map) {
  if (!map.wanted()) return nft::document(nft::removal(kServiceTable));
  array commands = nft::anew(kServiceTable);
  for (auto& command : encode(map, service_map_fingerprint(map)))
    commands.push_back(std::move(command));
  return nft::document(std::move(commands));
}

Result<ServiceMapListing> parse_service_map_listing(std::string_view json) {
  boost::system::error_code failed;
  value document = boost::json::parse({json.data(), json.size()}, failed);
  if (failed) return Error("nft's answer is not JSON: " + failed.message());
  value* items = document.is_object() ? document.get_object().if_contains("nftables") : nullptr;
  if (items == nullptr || !items->is_array()) return Error("nft's answer is not a listing");
  ServiceMapListing listing;
  std::string all;
  for (auto& item : items->get_array()) {
    if (!item.is_object() || item.get_object().empty()) continue;
    auto& [kind, body] = *item.get_object().begin();
    if (!body.is_object() || kind == "metainfo") continue;
    body.get_object().erase("handle");  // differs each time that it is made
    all += boost::json::serialize(body) + "\n";
    const value* comment = body.get_object().if_contains("comment");
    if (kind == "rule" && comment != nullptr && comment->is_string())
      listing.fingerprint = std::string(comment->get_string());
  }
  listing.print = short_hash(all);
  return listing;
}

}  // namespace sixpn::mesh
