#include "mesh/io/netlink.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>

#include <algorithm>
#include <map>

#include "mesh/io/netlink_attributes.h"

namespace sixpn::mesh {
namespace {

std::string link_kind(const nlattr* link_info) {
  std::string kind;
  for_each_nested(link_info, [&](int type, const nlattr* attribute) {
    if (type == IFLA_INFO_KIND) kind = text_of(attribute);
  });
  return kind;
}

Link read_link(const nlmsghdr* message) {
  const auto* header = header_of<ifinfomsg>(message);
  if (header == nullptr) return {};
  Link link{.index = header->ifi_index, .up = (header->ifi_flags & IFF_UP) != 0};
  for_each_attribute(message, sizeof(ifinfomsg), [&](int type, const nlattr* attribute) {
    if (type == IFLA_IFNAME) link.name = text_of(attribute);
    if (type == IFLA_MTU) link.mtu = static_cast<int>(u32_of(attribute));
    if (type == IFLA_LINK) link.peer_index = static_cast<int>(u32_of(attribute));
    if (type == IFLA_LINKINFO) link.kind = link_kind(attribute);
  });
  return link;
}

// Success when the kernel says that it is already so.
Result<void> accept_code(Result<void> result, std::initializer_list<int> harmless) {
  if (!result && std::ranges::find(harmless, result.error().code) != harmless.end()) return {};
  return result;
}

std::uint8_t route_type(RouteKind kind) {
  if (kind == RouteKind::kLocal) return RTN_LOCAL;
  return kind == RouteKind::kUnreachable ? RTN_UNREACHABLE : RTN_UNICAST;
}

std::optional<RouteKind> route_kind(std::uint8_t type) {
  if (type == RTN_LOCAL) return RouteKind::kLocal;
  if (type == RTN_UNREACHABLE) return RouteKind::kUnreachable;
  if (type == RTN_UNICAST) return RouteKind::kUnicast;
  return std::nullopt;
}

void put_route(NetlinkMessage& message, const Route& route, int interface) {
  auto& header = message.header<rtmsg>();
  header.rtm_family = AF_INET6;
  header.rtm_dst_len = static_cast<std::uint8_t>(route.destination.length);
  header.rtm_table = RT_TABLE_UNSPEC;  // RTA_TABLE says it
  header.rtm_protocol = kRouteProtocol;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = route_type(route.kind);
  message.put(RTA_DST, route.destination.ip);
  message.put(RTA_TABLE, route.table);
  message.put(RTA_PRIORITY, route.metric);
  message.put(RTA_OIF, static_cast<std::uint32_t>(interface));
}

void put_rule(NetlinkMessage& message, const Rule& rule) {
  auto& header = message.header<fib_rule_hdr>();
  header.family = AF_INET6;
  header.action = FR_ACT_TO_TBL;
  message.put(FRA_FWMARK, rule.mark);
  message.put(FRA_TABLE, rule.table);
  message.put(FRA_PRIORITY, rule.priority);
  message.put_byte(FRA_PROTOCOL, kRouteProtocol);
}

}  // namespace

Result<Netlink> Netlink::open() {
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return std::move(socket).error();
  return Netlink(std::move(*socket));
}

Result<Netlink> Netlink::open_in(const std::string& netns_path) {
  auto socket = NetlinkSocket::open_in(netns_path);
  if (!socket) return std::move(socket).error();
  return Netlink(std::move(*socket));
}

// ---- links
// -----------------------------------------------------------------------------------------

Result<std::vector<Link>> Netlink::links() {
  NetlinkMessage message(RTM_GETLINK, NLM_F_DUMP);
  message.header<ifinfomsg>().ifi_family = AF_UNSPEC;
  message.put(IFLA_EXT_MASK, std::uint32_t{RTEXT_FILTER_SKIP_STATS});
  std::vector<Link> links;
  auto done = socket_.dump(
      message, "listing interfaces", [&] { links.clear(); },
      [&](const nlmsghdr* answer) { links.push_back(read_link(answer)); });
  if (!done) return std::move(done).error();
  return links;
}

Result<std::optional<Link>> Netlink::find_link(const std::string& name) {
  NetlinkMessage message(RTM_GETLINK, 0);
  message.header<ifinfomsg>().ifi_family = AF_UNSPEC;
  message.put(IFLA_IFNAME, name);
  message.put(IFLA_EXT_MASK, std::uint32_t{RTEXT_FILTER_SKIP_STATS});
  std::optional<Link> link;
  auto done = socket_.query(message, "looking for interface " + name,
                            [&](const nlmsghdr* answer) { link = read_link(answer); });
  if (!done && done.error().code != ENODEV) return std::move(done).error();
  return link;
}

Result<int> Netlink::index_of(const std::string& name) {
  auto link = find_link(name);
  if (!link) return std::move(link).error();
  if (!*link) return Error("there is no interface " + name, ENODEV);
  return (*link)->index;
}

Result<void> Netlink::create_link(const std::string& name, const std::string& kind) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.header<ifinfomsg>();
  message.put(IFLA_IFNAME, name);
  message.nest(IFLA_LINKINFO, [&] { message.put(IFLA_INFO_KIND, kind); });
  return accept_code(socket_.request(message, "creating interface " + name), {EEXIST});
}

Result<void> Netlink::create_veth(const std::string& name, const std::string& peer_name,
                                  int netns_fd, int mtu) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.header<ifinfomsg>();
  message.put(IFLA_IFNAME, name);
  message.put(IFLA_MTU, static_cast<std::uint32_t>(mtu));
  message.nest(IFLA_LINKINFO, [&] {
    message.put(IFLA_INFO_KIND, std::string("veth"));
    message.nest(IFLA_INFO_DATA, [&] {
      message.nest(VETH_INFO_PEER, [&] {
        message.header<ifinfomsg>();
        message.put(IFLA_IFNAME, peer_name);
        message.put(IFLA_MTU, static_cast<std::uint32_t>(mtu));
        message.put(IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns_fd));
      });
    });
  });
  return socket_.request(message, "creating veth " + name);
}

Result<void> Netlink::delete_link(const std::string& name) {
  NetlinkMessage message(RTM_DELLINK, 0);
  message.header<ifinfomsg>();
  message.put(IFLA_IFNAME, name);
  return accept_code(socket_.request(message, "deleting interface " + name), {ENODEV});
}

Result<void> Netlink::stop_address_generation(int index, const std::string& name) {
  NetlinkMessage message(RTM_NEWLINK, 0);
  message.header<ifinfomsg>().ifi_index = index;
  message.nest(IFLA_AF_SPEC, [&] {
    message.nest(AF_INET6,
                 [&] { message.put_byte(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE); });
  });
  return socket_.request(message, "configuring interface " + name);
}

Result<void> Netlink::set_link_up(const std::string& name, int mtu) {
  auto index = index_of(name);
  if (!index) return std::move(index).error();
  // A request of its own: in one, the kernel brings the link up first, which makes the address.
  if (auto stopped = stop_address_generation(*index, name); !stopped) return stopped;
  NetlinkMessage message(RTM_NEWLINK, 0);
  auto& header = message.header<ifinfomsg>();
  header.ifi_index = *index;
  header.ifi_change = IFF_UP;
  header.ifi_flags = IFF_UP;
  if (mtu != 0) message.put(IFLA_MTU, static_cast<std::uint32_t>(mtu));
  return socket_.request(message, "bringing up interface " + name);
}

Result<bool> Netlink::supports_link_kind(const std::string& kind) {
  // An impossible MTU: EINVAL proves that the kind was found, and no link is made (NetBird's
  // probe).
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.header<ifinfomsg>();
  message.put(IFLA_IFNAME, std::string("sixpn-probe"));
  message.put(IFLA_MTU, std::uint32_t{0xffffffff});
  message.nest(IFLA_LINKINFO, [&] { message.put(IFLA_INFO_KIND, kind); });
  auto answer = socket_.request(message, "probing for " + kind);
  if (answer) return Error("the kernel made an interface with an impossible MTU");
  if (answer.error().code == EINVAL) return true;
  if (answer.error().code == EOPNOTSUPP) return false;
  return std::move(answer).error();
}

// ---- addresses
// -------------------------------------------------------------------------------------

Result<std::vector<InterfaceAddress>> Netlink::addresses() {
  auto all_links = links();
  if (!all_links) return std::move(all_links).error();
  std::map<int, std::string> names;
  for (const auto& link : *all_links) names[link.index] = link.name;
  NetlinkMessage message(RTM_GETADDR, NLM_F_DUMP);
  message.header<ifaddrmsg>().ifa_family = AF_INET6;
  std::vector<InterfaceAddress> addresses;
  auto done = socket_.dump(
      message, "listing addresses", [&] { addresses.clear(); },
      [&](const nlmsghdr* answer) {
        const auto* header = header_of<ifaddrmsg>(answer);
        if (header == nullptr) return;
        for_each_attribute(answer, sizeof(ifaddrmsg), [&](int type, const nlattr* attribute) {
          auto ip = type == IFA_ADDRESS ? ip6_of(attribute) : std::nullopt;
          if (ip)
            addresses.push_back(
                {names[static_cast<int>(header->ifa_index)], *ip, header->ifa_prefixlen});
        });
      });
  if (!done) return std::move(done).error();
  return addresses;
}

Result<bool> Netlink::has_joined(const std::string& interface, const Ip6& group) {
  auto index = index_of(interface);
  if (!index) return std::move(index).error();
  NetlinkMessage message(RTM_GETMULTICAST, NLM_F_DUMP);
  message.header<ifaddrmsg>().ifa_family = AF_INET6;
  bool joined = false;
  auto done = socket_.dump(
      message, "listing multicast groups", [&] { joined = false; },
      [&](const nlmsghdr* answer) {
        const auto* header = header_of<ifaddrmsg>(answer);
        if (header == nullptr || static_cast<int>(header->ifa_index) != *index) return;
        for_each_attribute(answer, sizeof(ifaddrmsg), [&](int type, const nlattr* attribute) {
          if (type == IFA_MULTICAST && ip6_of(attribute) == group) joined = true;
        });
      });
  if (!done) return std::move(done).error();
  return joined;
}

Result<void> Netlink::add_address(const InterfaceAddress& address) {
  auto index = index_of(address.interface);
  if (!index) return std::move(index).error();
  NetlinkMessage message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
  auto& header = message.header<ifaddrmsg>();
  header.ifa_family = AF_INET6;
  header.ifa_prefixlen = static_cast<std::uint8_t>(address.length);
  header.ifa_index = static_cast<std::uint32_t>(*index);
  message.put(IFA_LOCAL, address.ip);
  message.put(IFA_ADDRESS, address.ip);
  message.put(IFA_FLAGS, static_cast<std::uint32_t>(IFA_F_NODAD));
  return socket_.request(message, "adding address " + to_string(address));
}

Result<void> Netlink::remove_address(const InterfaceAddress& address) {
  auto index = index_of(address.interface);
  if (!index) return accept_code(std::move(index).error(), {ENODEV});
  NetlinkMessage message(RTM_DELADDR, 0);
  auto& header = message.header<ifaddrmsg>();
  header.ifa_family = AF_INET6;
  header.ifa_prefixlen = static_cast<std::uint8_t>(address.length);
  header.ifa_index = static_cast<std::uint32_t>(*index);
  message.put(IFA_LOCAL, address.ip);
  return accept_code(socket_.request(message, "removing address " + to_string(address)),
                     {EADDRNOTAVAIL, ENODEV});
}

// ---- routes
// ----------------------------------------------------------------------------------------

Result<std::vector<Route>> Netlink::routes() {
  auto all_links = links();
  if (!all_links) return std::move(all_links).error();
  std::map<int, std::string> names;
  for (const auto& link : *all_links) names[link.index] = link.name;
  NetlinkMessage message(RTM_GETROUTE, NLM_F_DUMP);
  auto& filter = message.header<rtmsg>();
  filter.rtm_family = AF_INET6;
  filter.rtm_protocol = kRouteProtocol;
  std::vector<Route> routes;
  auto done = socket_.dump(
      message, "listing routes", [&] { routes.clear(); },
      [&](const nlmsghdr* answer) {
        const auto* header = header_of<rtmsg>(answer);
        if (header == nullptr) return;
        auto kind = route_kind(header->rtm_type);
        if (header->rtm_protocol != kRouteProtocol || !kind) return;
        Route route{.kind = *kind, .table = header->rtm_table, .metric = 0};
        Ip6 destination;
        for_each_attribute(answer, sizeof(rtmsg), [&](int type, const nlattr* attribute) {
          if (type == RTA_DST) destination = ip6_of(attribute).value_or(Ip6{});
          if (type == RTA_TABLE) route.table = u32_of(attribute);
          if (type == RTA_PRIORITY) route.metric = u32_of(attribute);
          if (type == RTA_OIF) route.interface = names[static_cast<int>(u32_of(attribute))];
        });
        route.destination = make_prefix(destination, header->rtm_dst_len);
        routes.push_back(std::move(route));
      });
  if (!done) return std::move(done).error();
  return routes;
}

Result<void> Netlink::add_route(const Route& route, const std::optional<Ip6>& via) {
  auto index = index_of(route.interface);
  if (!index) return std::move(index).error();
  NetlinkMessage message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
  put_route(message, route, *index);
  if (via) message.put(RTA_GATEWAY, *via);
  return socket_.request(message, "adding route " + to_string(route));
}

Result<void> Netlink::remove_route(const Route& route) {
  auto index = index_of(route.interface);
  if (!index) return accept_code(std::move(index).error(), {ENODEV});
  NetlinkMessage message(RTM_DELROUTE, 0);
  put_route(message, route, *index);
  return accept_code(socket_.request(message, "removing route " + to_string(route)),
                     {ESRCH, ENODEV});
}

// ---- rules
// -----------------------------------------------------------------------------------------

Result<std::vector<Rule>> Netlink::rules() {
  NetlinkMessage message(RTM_GETRULE, NLM_F_DUMP);
  message.header<fib_rule_hdr>().family = AF_INET6;
  std::vector<Rule> rules;
  auto done = socket_.dump(
      message, "listing rules", [&] { rules.clear(); },
      [&](const nlmsghdr* answer) {
        const auto* header = header_of<fib_rule_hdr>(answer);
        if (header == nullptr) return;
        Rule rule{.table = header->table};
        for_each_attribute(answer, sizeof(fib_rule_hdr), [&](int type, const nlattr* attribute) {
          if (type == FRA_FWMARK) rule.mark = u32_of(attribute);
          if (type == FRA_TABLE) rule.table = u32_of(attribute);
          if (type == FRA_PRIORITY) rule.priority = u32_of(attribute);
        });
        if (rule.table == kTproxyTable) rules.push_back(rule);
      });
  if (!done) return std::move(done).error();
  return rules;
}

Result<void> Netlink::add_rule(const Rule& rule) {
  NetlinkMessage message(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
  put_rule(message, rule);
  return accept_code(socket_.request(message, "adding rule " + to_string(rule)), {EEXIST});
}

Result<void> Netlink::remove_rule(const Rule& rule) {
  NetlinkMessage message(RTM_DELRULE, 0);
  put_rule(message, rule);
  return accept_code(socket_.request(message, "removing rule " + to_string(rule)), {ENOENT});
}

}  // namespace sixpn::mesh
