// Error codes: how the proxy names what went wrong with a request, as Fly's proxy does (fly.md
// 4.4): two letters for the family, two digits. The code stands in the log line and, where there is
// a response, in its header kErrorHeader and its body. Values; no I/O.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sixpn::flycast {

inline constexpr std::string_view kErrorHeader = "fly-error";

// The proxy itself, the machine's end (upstream, connection), TLS, the machine's life, replays, the
// edge, routing, limits.
// clang-format off
enum class ErrorCode : std::uint8_t {
  kPP01, kPU01, kPU02, kPU03, kPU04,
  kPC01, kPC02, kPC03, kPC04, kPC05, kPC06, kPC07, kPC08,
  kPT01, kPT02, kPT03, kPT04, kPT05, kPT06, kPT07, kPT08, kPT09,
  kPM01, kPM02, kPM03, kPM04, kPM05, kPM06, kPM07, kPM08, kPM09, kPM10, kPM11,
  kPA01, kPA02, kPA03, kPA04, kPA05,
  kPE01, kPE02,
  kPR01, kPR02, kPR03, kPR04, kPR05,
  kPL01, kPL02,
};
// clang-format on

struct ErrorEntry {
  ErrorCode code{};
  std::string_view name;  // "PC01"
  int status = 0;  // of the response; 0: there is none, the connection ended in its handshake
  std::string_view text;  // a sentence without a full stop
};

// All, in the order of the enum.
std::span<const ErrorEntry> error_codes();
const ErrorEntry& entry_of(ErrorCode code);

// What a failed connect to a machine's port is called: refused, reset, aborted, timed out, other.
ErrorCode code_of_connect(int errno_value);

// "PC01: the machine refused ... (why)"; the brackets where `why` says more.
std::string error_text(ErrorCode code, std::string_view why);
// That and a line's end: the body of a response.
std::string error_body(ErrorCode code, std::string_view why);

}  // namespace sixpn::flycast
