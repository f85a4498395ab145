// What `sixpn dns install` writes and runs so that the host's own resolver asks sixpn for the names
// of the mesh: as text and words. With systemd-resolved a link's routing domains, which a drop-in
// of the agent's unit sets again after each start; without it, and only when asked,
// /etc/resolv.conf. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace sixpn::cli {

inline constexpr std::string_view kResolvConf = "/etc/resolv.conf";
inline constexpr std::string_view kResolvConfBefore = "/etc/resolv.conf.before-sixpn";
inline constexpr std::string_view kUnitFolder = "/etc/systemd/system/sixpnd.service.d";
inline constexpr std::string_view kUnitDropIn = "/etc/systemd/system/sixpnd.service.d/dns.conf";
// There while systemd-resolved runs.
inline constexpr std::string_view kResolvedSocket = "/run/systemd/resolve/io.systemd.Resolve";

struct StubTarget {
  std::string interface;  // of the mesh
  Ip6 server;             // the host's own address
};

// The programs that tell systemd-resolved, in order.
std::vector<std::vector<std::string>> resolved_commands(const StubTarget& target);
std::string unit_drop_in(const StubTarget& target);
// The interface in a drop-in of ours; nothing: it is not ours.
std::optional<std::string> interface_in(std::string_view drop_in);

// The server first, then everything that was there.
std::string resolv_conf_with(const StubTarget& target, std::string_view before);
bool is_our_resolv_conf(std::string_view text);

}  // namespace sixpn::cli
