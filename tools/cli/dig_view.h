// DNS answers as text, like dig: the long form with its sections, the short form for scripts. Pure:
// JSON of docs/api.md in, text out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "tools/cli/json_view.h"

namespace sixpn::cli {

// The sections as dig prints them.
std::string dig_text(JsonView dig);

// What is behind the answer: who asks and where, the rule of the name, the registry's generation,
// the records that were used or left out, and what of it fits UDP.
std::string explanation_text(JsonView dig);

// One answer per line: an address, or the strings of a TXT record joined without separators, as
// Fly's `dig --short` prints them. Errors: any rcode but NOERROR ("lookup failed: NXDOMAIN").
Result<std::string> dig_short(JsonView dig);

// The name whose PTR says who has an address: below ip6.arpa (RFC 3596 section 2.5), or
// in-addr.arpa.
std::string reverse_name(const Ip6& ip);

// The addresses of the AAAA records of an answer section, in order.
std::vector<Ip6> dig_addresses(JsonView dig);

// The data of a record in presentation form ("web.internal. 5 IN AAAA fdaa::1" gives "fdaa::1"),
// the strings of a TXT record unquoted and joined (RFC 1035 section 5.1). Nothing for anything
// else.
std::optional<std::string> record_data(std::string_view record);

}  // namespace sixpn::cli
