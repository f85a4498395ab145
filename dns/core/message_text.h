// A reply from upstream as text, section by section as dig prints it, for `sixpn dig`. The bytes
// are a stranger's: they are walked with bounds checks (wire_reader.h, wire_name.h), never given to
// the library that renders our own (render.h). Pure; any loop, and the fuzzer. Costs what the text
// is long, and that is bounded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sixpn::dns {

struct MessageText {
  std::string rcode;               // "NXDOMAIN", with the bits of OPT: "BADVERS"; "RCODE12"
  std::vector<std::string> flags;  // "qr", "aa", "tc", "rd", "ra", "ad", "cd", those that are set
  std::string question;            // "example.org.\tIN\tA"
  // "example.org.\t300\tIN\tA\t192.0.2.1"; OPT is not among them.
  std::vector<std::string> answers, authority, additional;
  std::vector<std::string> extended_errors;  // RFC 8914: "22 (No Reachable Authority): (why)"
};

// Names that point at names make a message's text longer than the message.
inline constexpr std::size_t kMostMessageText = std::size_t{1} << 20;

// Errors: no reply with one question; malformed, and where; more than kMostMessageText of text.
Result<MessageText> describe_message(std::string_view message);

}  // namespace sixpn::dns
