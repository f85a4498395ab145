// The grammar of HTTP/1 that messages and bodies share: characters, tokens, lists, sections of
// fields (RFC 9110 section 5, RFC 9112 section 5). Strict: what two readers could take for two
// things is a fault, not repaired. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "flycast/core/header_list.h"

namespace sixpn::flycast {

// Why a message is refused. `status` is for the client (400, 414, 431, 501, 505, ...); a fault in a
// machine's response is 502 whatever it says. `why` is a literal: "a space before the colon".
struct HttpFault {
  int status = 0;
  std::string_view why;
  explicit operator bool() const { return status != 0; }
  friend bool operator==(const HttpFault&, const HttpFault&) = default;
};

bool is_token_char(char c);                       // RFC 9110 section 5.6.2
bool is_token(std::string_view text);             // and not empty
std::string_view trimmed(std::string_view text);  // of spaces and tabs

// The members of a comma-separated list, one call each: takes it off `rest`, trimmed; empty members
// are skipped; nothing at the end (RFC 9110 section 5.6.1).
std::optional<std::string_view> next_member(std::string_view& rest);
// Whether `name`'s fields together name `member`, without case.
bool lists(const HeaderList& fields, std::string_view name, std::string_view member);

// Decimal digits and nothing else, no leading zero, at most kMaxBodyBytes.
std::optional<std::uint64_t> parse_length(std::string_view text);
// host [ ":" port ], no user, not empty (RFC 9110 section 4.2.1). A list is none.
bool is_authority(std::string_view text);

// One line "name: value" without its line end, added to `fields`.
HttpFault parse_field_line(std::string_view line, HeaderList& fields);

// Finds the end of a head or trailer section in bytes that come in pieces of any size: lines that
// end in CRLF, up to an empty one. Refuses at the first byte that no section may hold (a bare CR or
// LF, NUL, other controls), so that the outcome does not depend on how the bytes were cut.
class SectionScanner {
 public:
  struct Limits {
    std::size_t bytes = 0;       // of the section, its empty line included
    std::size_t first_line = 0;  // 0: no limit of its own
    std::size_t lines = 0;       // besides the empty one
  };
  enum class State : std::uint8_t { kMore, kDone, kFault };

  explicit SectionScanner(const Limits& limits) : limits_(limits) {}

  // `section` is all of the section so far, the same bytes as before and more. Done: size() of
  // them are the section. What lies beyond it is not looked at.
  State scan(std::string_view section);
  [[nodiscard]] std::size_t size() const { return at_; }
  [[nodiscard]] const HttpFault& fault() const { return fault_; }

 private:
  State refuse(int status, std::string_view why);
  State end_line();
  void skip_text(std::string_view section);

  Limits limits_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
  std::size_t lines_ = 0;
  bool after_cr_ = false;
  bool done_ = false;
  HttpFault fault_;
};

// Takes the first line off `section`, without its CRLF. The section is one that was scanned.
std::string_view take_line(std::string_view& section);

}  // namespace sixpn::flycast
