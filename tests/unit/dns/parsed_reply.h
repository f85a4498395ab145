// A reply as an independent reader (ldns) sees it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sixpn::dns::testing {

struct ParsedReply {
  std::uint16_t id = 0;
  int rcode = 0;  // with the extended bits of OPT
  bool response = false, authoritative = false, truncated = false, recursion_desired = false;
  bool recursion_available = false, authentic = false, checking_disabled = false;
  int opcode = 0;
  std::string question;  // "WeB.internal. IN AAAA"
  std::vector<std::string> answers, authority, additional;
  bool edns = false;
  int edns_size = 0, edns_version = 0;
  bool dnssec_ok = false;
  std::string edns_options;  // raw
};

// Nothing when ldns finds it malformed.
std::optional<ParsedReply> parse_reply(std::string_view message);

}  // namespace sixpn::dns::testing
