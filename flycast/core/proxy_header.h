// The PROXY protocol's header: what a machine is told, ahead of a connection's own bytes, of the
// client behind it, when the port's handlers contain "proxy_proto". Written only, never read. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/ip.h"

namespace sixpn::flycast {

// Version 1 (kProxyProtocolText, section 2.1 of HAProxy's proxy-protocol.txt) or 2
// (kProxyProtocolBinary, section 2.2: command PROXY, family TCP over IPv6, no TLVs). `client`: the
// source; `dialled`: the Flycast address and port. "" for version 0: none is wanted.
std::string encode_proxy_header(std::uint8_t version, const IpEndpoint& client,
                                const IpEndpoint& dialled);

}  // namespace sixpn::flycast
