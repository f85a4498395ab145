#include "mesh/io/netlink_monitor.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>

#include "mesh/core/firewall.h"
#include "mesh/core/service_map.h"
#include "mesh/io/netlink_attributes.h"

namespace sixpn::mesh {
namespace {

using Kind = KernelEvent::Kind;

constexpr int kReceiveBuffer = 4 << 20;
// In every nf_tables message about an object of a table, the first attribute names the table.
constexpr int kTableNameAttribute = 1;

bool is_about_our_table(const nlmsghdr* message) {
  if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES) return false;
  const auto* header = header_of<nfgenmsg>(message);
  if (header == nullptr || header->nfgen_family != NFPROTO_INET) return false;
  if ((message->nlmsg_type & 0xff) == NFT_MSG_NEWGEN) return false;
  std::string table = text_of(find_attribute<nfgenmsg>(message, kTableNameAttribute));
  return table == kFirewallTable || table == kServiceTable;
}

// Reads what is waiting, at most kMaxReads buffers of it (the rest wakes the loop again). True when
// something was lost.
bool drain(NetlinkSocket& socket, const std::function<void(const nlmsghdr*)>& on_message) {
  constexpr int kMaxReads = 256;
  bool lost = false;
  for (int i = 0; i < kMaxReads; ++i) {
    auto more = socket.receive(on_message);
    if (!more) lost = true;
    if (more ? !*more : more.error().code != ENOBUFS) break;
  }
  return lost;
}

KernelEvent address_gone(const nlmsghdr* message, const std::map<int, std::string>& names) {
  const auto* header = header_of<ifaddrmsg>(message);
  auto name = names.find(static_cast<int>(header->ifa_index));
  return {Kind::kAddressGone,
          name == names.end() ? "" : name->second,
          {ip6_of(find_attribute<ifaddrmsg>(message, IFA_ADDRESS)).value_or(Ip6{}),
           header->ifa_prefixlen}};
}

KernelEvent route_gone(const nlmsghdr* message, const std::map<int, std::string>& names) {
  const auto* header = header_of<rtmsg>(message);
  const nlattr* interface = find_attribute<rtmsg>(message, RTA_OIF);
  auto name = names.find(static_cast<int>(u32_of(interface)));
  return {Kind::kRouteGone, name == names.end() ? "" : name->second,
          make_prefix(ip6_of(find_attribute<rtmsg>(message, RTA_DST)).value_or(Ip6{}),
                      header->rtm_dst_len)};
}

}  // namespace

Result<NetlinkMonitor> NetlinkMonitor::open() {
  auto routing = NetlinkSocket::open(NETLINK_ROUTE);
  if (!routing) return std::move(routing).error();
  routing->enlarge_receive_buffer(kReceiveBuffer);
  for (unsigned group : {RTNLGRP_LINK, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE})
    if (auto joined = routing->join(group); !joined) return std::move(joined).error();
  auto firewall = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!firewall) return std::move(firewall).error();
  firewall->enlarge_receive_buffer(kReceiveBuffer);
  if (auto joined = firewall->join(NFNLGRP_NFTABLES); !joined) return std::move(joined).error();
  return NetlinkMonitor(std::move(*routing), std::move(*firewall));
}

void NetlinkMonitor::on_link(const nlmsghdr* message, std::vector<KernelEvent>& events) {
  const auto* header = header_of<ifinfomsg>(message);
  if (header == nullptr) return;
  std::string name = text_of(find_attribute<ifinfomsg>(message, IFLA_IFNAME));
  if (message->nlmsg_type == RTM_DELLINK) {
    names_.erase(header->ifi_index);
    events.push_back({Kind::kLinkGone, name, {}});
    return;
  }
  names_[header->ifi_index] = name;
  // An interface that is made is down at first: only its last state counts.
  std::erase(events, KernelEvent{Kind::kLinkDown, name, {}});
  if ((header->ifi_flags & IFF_UP) == 0) events.push_back({Kind::kLinkDown, name, {}});
}

void NetlinkMonitor::on_routing_message(const nlmsghdr* message, std::vector<KernelEvent>& events) {
  switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      on_link(message, events);
      break;
    case RTM_DELADDR:
      if (header_of<ifaddrmsg>(message)) events.push_back(address_gone(message, names_));
      break;
    case RTM_DELROUTE:
      if (const auto* header = header_of<rtmsg>(message);
          header != nullptr && header->rtm_protocol == kRouteProtocol)
        events.push_back(route_gone(message, names_));
      break;
    case RTM_DELRULE: {
      const nlattr* table = find_attribute<fib_rule_hdr>(message, FRA_TABLE);
      if (u32_of(table) == kTproxyTable) events.push_back({Kind::kRuleGone, "", {}});
      break;
    }
    default:
      break;
  }
}

std::vector<KernelEvent> NetlinkMonitor::read_routing() {
  std::vector<KernelEvent> events;
  bool overflow =
      drain(routing_, [&](const nlmsghdr* message) { on_routing_message(message, events); });
  if (overflow) events.push_back({Kind::kOverflow, "", {}});
  return events;
}

std::vector<KernelEvent> NetlinkMonitor::read_firewall() {
  std::vector<KernelEvent> events;
  bool touched = false;
  bool overflow = drain(firewall_, [&](const nlmsghdr* message) {
    touched = touched || is_about_our_table(message);
  });
  if (touched) events.push_back({Kind::kFirewallTouched, "", {}});
  if (overflow) events.push_back({Kind::kOverflow, "", {}});
  return events;
}

void NetlinkMonitor::skip_firewall() {
  // An overflow meanwhile is caught by the periodic observation.
  static_cast<void>(read_firewall());
}

void NetlinkMonitor::set_links(const std::vector<Link>& links) {
  names_.clear();
  for (const auto& link : links) names_[link.index] = link.name;
}

}  // namespace sixpn::mesh
