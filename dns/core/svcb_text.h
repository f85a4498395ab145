// The parameters of SVCB and HTTPS records from upstream as text (RFC 9460 section 2.1), as dig
// prints them, from bytes that nobody vouches for; svcb.h has our own. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sixpn::dns {

// `alpn="h2,h3" port=8443 ipv4hint=192.0.2.1 key65="x"`. Nothing when they are malformed: cut, not
// in ascending order, a value that is none of its key.
std::optional<std::string> svcb_params_text(std::string_view params);

// Of 4 and of 16 bytes.
std::string ip4_text(std::string_view bytes);
std::string ip6_text(std::string_view bytes);

}  // namespace sixpn::dns
