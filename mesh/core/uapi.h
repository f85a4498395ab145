// The text protocol of userspace WireGuard's control socket (wireguard.com/xplatform, wireguard-go
// device/uapi.go): requests encoded, replies parsed. Strict about what it knows, deaf to keys that
// a newer daemon may add. Pure text; the socket is mesh/io/wireguard_userspace.cc.
//
// Requests with a private key are secrets: the caller wipes them.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mesh/core/wireguard.h"

namespace sixpn::mesh {

// About 150,000 peers. A reply over this is refused.
inline constexpr std::size_t kMaxUapiReply = 64 << 20;

inline constexpr std::string_view kUapiGet = "get=1\n\n";
std::string encode_uapi(const ConfigureDevice& change);
std::string encode_uapi(std::span<const PeerStep> steps);

// A reply ends with an empty line.
bool is_complete_uapi_reply(std::string_view text);
// Errors: malformed lines, a peer listed twice, an errno that is not 0.
Result<WireguardState> parse_uapi_get(std::string_view reply);
Result<void> parse_uapi_set(std::string_view reply);

}  // namespace sixpn::mesh
