#include "mesh/io/connection_tracking.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include <algorithm>
#include <optional>
#include <string>

#include "mesh/io/netlink_attributes.h"
#include "mesh/io/netlink_socket.h"
#include "registry/core/address.h"

namespace sixpn::mesh {
namespace {

constexpr std::uint16_t type_of(int message) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | message);
}

const nlattr* nested(const nlattr* nest, int wanted) {
  const nlattr* found = nullptr;
  if (nest == nullptr) return found;
  for_each_nested(nest, [&](int type, const nlattr* attribute) {
    if (type == wanted) found = attribute;
  });
  return found;
}

std::optional<Ip6> address_of(const nlattr* tuple, int which) {
  return ip6_of(nested(nested(tuple, CTA_TUPLE_IP), which));
}

// The original tuple of a connection that was handed to a machine which does not run; as the
// kernel's attribute, byte for byte.
std::optional<std::string> stale_tuple(const nlmsghdr* message, const std::vector<Ip6>& running) {
  const nlattr* status = find_attribute<nfgenmsg>(message, CTA_STATUS);
  if (status == nullptr || (ntohl(u32_of(status)) & IPS_DST_NAT) == 0) return std::nullopt;
  const nlattr* original = find_attribute<nfgenmsg>(message, CTA_TUPLE_ORIG);
  auto dialled = address_of(original, CTA_IP_V6_DST);
  auto machine = address_of(find_attribute<nfgenmsg>(message, CTA_TUPLE_REPLY), CTA_IP_V6_SRC);
  if (!dialled || !machine || classify(*dialled) != AddressKind::kFlycast) return std::nullopt;
  if (std::binary_search(running.begin(), running.end(), *machine)) return std::nullopt;
  return std::string(static_cast<const char*>(mnl_attr_get_payload(original)),
                     mnl_attr_get_payload_len(original));
}

void put_family(NetlinkMessage& message) {
  auto& header = message.header<nfgenmsg>();
  header.nfgen_family = AF_INET6;
  header.version = NFNETLINK_V0;
}

}  // namespace

Result<std::size_t> forget_connections(const std::vector<Ip6>& running) {
  auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket) return std::move(socket).error();
  std::vector<std::string> stale;
  NetlinkMessage list(type_of(IPCTNL_MSG_CT_GET), NLM_F_DUMP);
  put_family(list);
  auto listed = socket->dump(
      list, "listing tracked connections", [&] { stale.clear(); },
      [&](const nlmsghdr* message) {
        if (auto tuple = stale_tuple(message, running)) stale.push_back(std::move(*tuple));
      });
  if (!listed) return std::move(listed).error();
  for (const std::string& tuple : stale) {
    NetlinkMessage removal(type_of(IPCTNL_MSG_CT_DELETE), 0);
    put_family(removal);
    removal.put_bytes(CTA_TUPLE_ORIG | NLA_F_NESTED, tuple.data(), tuple.size());
    auto removed = socket->request(removal, "forgetting a connection");
    // It may have ended meanwhile.
    if (!removed && removed.error().code != ENOENT) return std::move(removed).error();
  }
  return stale.size();
}

}  // namespace sixpn::mesh
