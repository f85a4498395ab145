#include "mesh/core/firewall_rules.h"

#include "mesh/core/nft_json.h"
#include "registry/core/address.h"

namespace sixpn::mesh {
namespace {

using boost::json::array;
using boost::json::value;
using nft::accept;
using nft::concat;
using nft::daddr;
using nft::field;
using nft::from;
using nft::in_set;
using nft::is_protocol;
using nft::is_syn;
using nft::is_tcp;
using nft::kAnyMachine;
using nft::match;
using nft::meta;
using nft::prefix;
using nft::saddr;
using nft::set_mark;
using nft::text;

value anonymous_set(array members) {
  return {{"set", std::move(members)}};
}

value in_no_set(const value& left, const char* set) {
  return match(left, text(std::string("@") + set), "!=");
}

// "source and destination are such a pair": the shape of most of our sets.
value pair_in(const char* set) {
  return in_set(concat(saddr(), daddr()), set);
}
// The WireGuard devices, both.
value tunnels(const FirewallStructure& s) {
  return anonymous_set({text(s.wireguard_interface), text(s.spare_interface)});
}
value from_tunnel(const FirewallStructure& s) {
  return match(meta("iifname"), tunnels(s));
}
value to_tunnel(const FirewallStructure& s) {
  return match(meta("oifname"), tunnels(s));
}
value to(const std::string& interface) {
  return match(meta("oifname"), text(interface));
}
value is_icmp() {
  return is_protocol(58);
}
value icmp(array types) {
  return match(field("icmpv6", "type"), anonymous_set(std::move(types)));
}
value echo_request() {
  return match(field("icmpv6", "type"), "echo-request");
}
value neighbour_discovery() {
  return icmp({"nd-neighbor-solicit", "nd-neighbor-advert"});
}
value errors_and_echo_replies() {
  return icmp({"destination-unreachable", "packet-too-big", "time-exceeded", "parameter-problem",
               "echo-reply"});
}
value link_local_source() {
  return anonymous_set({"::", prefix(make_prefix(kGatewayAddress, 10))});
}
value link_local_or_multicast() {
  return anonymous_set({prefix(make_prefix(kGatewayAddress, 10)),
                        prefix({Ip6::from_words({0xff00, 0, 0, 0, 0, 0, 0, 0}), 8})});
}

// A socket that is connected, or listens on exactly this address: never a daemon of the host that
// listens on [::].
value own_socket() {
  return match({{"socket", {{"key", "wildcard"}}}}, 0);
}

value drop_verdict() {
  return {{"drop", nullptr}};
}
value reset() {
  return {{"reject", {{"type", "tcp reset"}}}};
}
value unreachable() {
  return {{"reject", {{"type", "icmpv6"}, {"expr", "addr-unreachable"}}}};
}
value jump(const char* chain) {
  return {{"jump", {{"target", chain}}}};
}
value count(const char* counter) {
  return {{"counter", counter}};
}

class RuleList {
 public:
  void add(const char* chain, array expressions) {
    rules_.push_back({chain, std::move(expressions)});
  }
  void drop(const char* chain, const char* counter, array matches = {}) {
    matches.push_back(count(counter));
    matches.push_back(drop_verdict());
    add(chain, std::move(matches));
  }
  std::vector<FirewallRule> take() && { return std::move(rules_); }

 private:
  std::vector<FirewallRule> rules_;
};

const Prefix6 kInfrastructure = network_prefix(kInfrastructureNetwork);

void add_prerouting(const FirewallStructure& s, RuleList& rules) {
  rules.add("prerouting", {from("lo"), accept()});
  rules.add("prerouting", {from(kAnyMachine), jump("from_machine")});
  rules.add("prerouting", {from_tunnel(s), jump("from_mesh")});
  rules.drop("prerouting", "outside", {match(saddr(), prefix(kMeshPrefix))});
  rules.drop("prerouting", "outside", {match(daddr(), prefix(kMeshPrefix))});
}

void add_from_machine(RuleList& rules) {
  const char* chain = "from_machine";
  rules.drop(chain, "not_ipv6", {match(meta("nfproto"), "ipv6", "!=")});
  rules.add(chain, {match(saddr(), link_local_source()), neighbour_discovery(), accept()});
  rules.drop(chain, "link_local", {match(saddr(), link_local_source())});
  rules.drop(
      chain, "spoofed",
      {match(concat(meta("iifname"), saddr()), text(std::string("@") + kMachineSources), "!=")});
  rules.add(chain, {match(daddr(), link_local_or_multicast()), neighbour_discovery(), accept()});
  rules.drop(chain, "link_local", {match(daddr(), link_local_or_multicast())});
  rules.add(chain, {match(daddr(), text(to_string(kResolverAddress))), accept()});
  rules.add(chain, {pair_in(kSameNetwork), accept()});
  rules.drop(chain, "infrastructure", {match(daddr(), prefix(kInfrastructure))});
  rules.drop(chain, "cross_network");
}

void add_from_mesh(const FirewallStructure& s, RuleList& rules) {
  const char* chain = "from_mesh";
  rules.drop(chain, "mesh_spoofed", {in_set(saddr(), kLocalSources)});
  rules.add(chain, {match(saddr(), prefix(kInfrastructure)),
                    match(daddr(), text(to_string(s.host_address))), accept()});
  rules.add(chain, {pair_in(kSameNetwork), accept()});
  rules.drop(chain, "mesh_refused");
}

// Calls of Flycast addresses. An open connection is known by its socket, also when its port is no
// service any more. A SYN is never taken for part of one: from a port that was in use lately it
// would find the old connection, in TIME_WAIT, where only tproxy knows the way to the listener.
void add_tproxy(RuleList& rules) {
  const char* chain = "flycast";
  value transparent = match({{"socket", {{"key", "transparent"}}}}, 1);
  value tproxy = {{"tproxy", {{"family", "ip6"}, {"addr", "::1"}, {"port", kTproxyPort}}}};
  value service = concat(daddr(), field("tcp", "dport"));
  // Marked by the service map (service_map.h): the kernel hands these to a machine itself.
  rules.add("tproxy", {from(kAnyMachine), match(meta("mark"), kServiceMark), accept()});
  rules.add("tproxy", {from(kAnyMachine), is_tcp(), is_syn("!="), transparent,
                       set_mark(kTproxyMark), accept()});
  rules.add("tproxy", {from(kAnyMachine), is_tcp(), pair_in(kFlycast), jump(chain)});
  for (const value& known :
       {in_set(service, kFlycastPorts), in_set(service, kFlycastRanges), pair_in(kFlycastOpen)})
    rules.add(chain, {known, is_tcp(), tproxy, set_mark(kTproxyMark), accept()});
}

// What is asked at fdaa:N:N::3 goes to one socket, however many networks there are. Where no agent
// runs, it is answered as by any host whose port is closed.
void add_resolver_tproxy(RuleList& rules) {
  value tproxy = {
      {"tproxy",
       {{"family", "ip6"}, {"addr", text(to_string(kResolverTproxyAddress))}, {"port", 53}}}};
  // Most questions are for fdaa::3, which is bound: they are not to pay for looking into the set.
  value elsewhere = match(daddr(), text(to_string(kResolverAddress)), "!=");
  for (const char* protocol : {"udp", "tcp"})
    rules.add("tproxy", {from(kAnyMachine), match(field(protocol, "dport"), 53), elsewhere,
                         pair_in(kPeerResolvers), tproxy, accept()});
}

// What the proxy does not take of Flycast addresses: pings are answered, TCP is refused (also while
// no agent runs), and an address that nobody allocated is not there.
void add_flycast_to_host(RuleList& rules, const char* chain) {
  value allocated = in_set(daddr(), kFlycastAddresses);
  for (const value& known : {allocated, pair_in(kFlycastOpen)}) {
    rules.add(chain, {pair_in(kFlycast), known, echo_request(), accept()});
    rules.add(chain, {pair_in(kFlycast), known, is_tcp(), reset()});
  }
  value not_open = in_no_set(concat(saddr(), daddr()), kFlycastOpen);
  rules.add(chain,
            {pair_in(kFlycast), not_open, in_no_set(daddr(), kFlycastAddresses), unreachable()});
}

void add_machine_to_host(RuleList& rules) {
  const char* chain = "machine_to_host";
  value resolver = match(daddr(), text(to_string(kResolverAddress)));
  rules.add("input", {from(kAnyMachine), jump(chain)});
  rules.add(chain, {is_tcp(), match(meta("mark"), kTproxyMark), accept()});
  for (const value& asked : {resolver, pair_in(kPeerResolvers)}) {
    rules.add(chain, {asked, match(field("udp", "dport"), 53), accept()});
    rules.add(chain, {asked, match(field("tcp", "dport"), 53), accept()});
  }
  rules.add(chain, {neighbour_discovery(), accept()});
  rules.add(chain, {errors_and_echo_replies(), accept()});
  rules.add(chain, {echo_request(), resolver, accept()});
  rules.add(chain, {echo_request(), pair_in(kPeerResolvers), accept()});
  rules.add(chain, {echo_request(), pair_in(kHostProxies), accept()});
  rules.add(chain, {pair_in(kHostProxies), is_tcp(), own_socket(), accept()});
  // The service map took it, and was replaced before it came to the translation. Not refused: sent
  // again, it is translated.
  rules.drop(chain, "input_refused", {match(meta("mark"), kServiceMark)});
  add_flycast_to_host(rules, chain);
  rules.drop(chain, "input_refused");
}

void add_mesh_to_host(const FirewallStructure& s, RuleList& rules) {
  const char* chain = "mesh_to_host";
  value between_hosts = match(saddr(), prefix(kInfrastructure));
  value to_us = match(daddr(), text(to_string(s.host_address)));
  rules.add("input", {from_tunnel(s), jump(chain)});
  rules.add(chain, {between_hosts, to_us, match(field("udp", "dport"), kGossipPort), accept()});
  rules.add(chain, {between_hosts, to_us,
                    match(field("tcp", "dport"), anonymous_set({kGossipPort, kFlycastHopPort})),
                    accept()});
  rules.add(chain, {between_hosts, to_us, is_tcp(), own_socket(), accept()});
  rules.add(chain, {between_hosts, to_us, is_icmp(), accept()});
  rules.add(chain, {pair_in(kHostProxies), errors_and_echo_replies(), accept()});
  rules.add(chain, {pair_in(kHostProxies), is_tcp(), own_socket(), accept()});
  rules.drop(chain, "mesh_refused");
}

void add_forward(const FirewallStructure& s, RuleList& rules) {
  const char* chain = "forward_mesh";
  const std::string machine = kAnyMachine;
  rules.add("forward", {from(machine), jump(chain)});
  rules.add("forward", {to(machine), jump(chain)});
  rules.add("forward", {from_tunnel(s), jump(chain)});
  rules.add("forward", {to_tunnel(s), jump(chain)});
  rules.drop("forward", "outside", {match(saddr(), prefix(kMeshPrefix))});
  rules.drop("forward", "outside", {match(daddr(), prefix(kMeshPrefix))});
  rules.add(chain, {from(machine), to(machine), pair_in(kSameNetwork), accept()});
  rules.add(chain, {from(machine), to_tunnel(s), pair_in(kSameNetwork), accept()});
  rules.add(chain, {from_tunnel(s), to(machine), pair_in(kSameNetwork), accept()});
  rules.drop(chain, "forward_refused");
}

void add_postrouting(const FirewallStructure& s, RuleList& rules) {
  rules.add("postrouting", {to("lo"), accept()});
  rules.add("postrouting", {to(kAnyMachine), accept()});
  rules.add("postrouting", {to_tunnel(s), accept()});
  rules.drop("postrouting", "leaked", {match(daddr(), prefix(kMeshPrefix))});
}

}  // namespace

std::vector<FirewallChain> firewall_chains() {
  // Priorities: raw, so that nothing sees a spoofed packet first; mangle, where tproxy must be.
  return {{"from_machine", "", 0},
          {"from_mesh", "", 0},
          {"machine_to_host", "", 0},
          {"mesh_to_host", "", 0},
          {"forward_mesh", "", 0},
          {"flycast", "", 0},
          {"prerouting", "prerouting", -300},
          {"tproxy", "prerouting", -150},
          {"input", "input", 0},
          {"forward", "forward", 0},
          {"postrouting", "postrouting", 0}};
}

std::vector<std::string> firewall_counters() {
  return {"outside",        "not_ipv6",        "link_local",   "spoofed",
          "infrastructure", "cross_network",   "mesh_spoofed", "mesh_refused",
          "input_refused",  "forward_refused", "leaked"};
}

std::vector<FirewallRule> firewall_rules(const FirewallStructure& structure) {
  RuleList rules;
  add_prerouting(structure, rules);
  add_from_machine(rules);
  add_from_mesh(structure, rules);
  add_tproxy(rules);
  add_resolver_tproxy(rules);
  add_machine_to_host(rules);
  add_mesh_to_host(structure, rules);
  add_forward(structure, rules);
  add_postrouting(structure, rules);
  return std::move(rules).take();
}

}  // namespace sixpn::mesh
