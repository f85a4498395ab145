// SVCB and HTTPS records as bytes and as text (RFC 9460 sections 2.2 and 2.1): what the library
// that renders all other records has no words for. Pure.
#pragma once

#include <string>

#include "dns/core/answer.h"

namespace sixpn::dns {

// The parameters in wire form: keys in ascending order, and only what is said.
std::string svcb_params(const Svcb& svcb);
// `1 . alpn="http/1.1" port=80 ipv6hint=fdaa::1`
std::string svcb_text(const Svcb& svcb);

}  // namespace sixpn::dns
