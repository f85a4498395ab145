#include "flycast/core/http1_syntax.h"

#include <algorithm>
#include <array>

#include "flycast/core/http1_limits.h"

namespace sixpn::flycast {
namespace {

enum CharClass : std::uint8_t {
  kToken = 1,    // RFC 9110 tchar
  kRegName = 2,  // of a host: unreserved, percent, sub-delims without the comma
  kText = 4,     // may stand in a line: visible, blank, obs-text
};

constexpr bool is_alnum(unsigned c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = 0; c < 256; ++c) {
    if (is_alnum(c)) classes[c] |= kToken | kRegName;
    if (c == '\t' || (c >= ' ' && c != 0x7f)) classes[c] |= kText;
  }
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) classes[static_cast<unsigned>(c)] |= kToken;
  for (char c : std::string_view("-._~%!$&'()*+;=")) classes[static_cast<unsigned>(c)] |= kRegName;
  return classes;
}

constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

bool is_of(char c, CharClass wanted) {
  return (kClasses[static_cast<unsigned char>(c)] & wanted) != 0;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_ip_literal_char(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
}

}  // namespace

bool is_token_char(char c) {
  return is_of(c, kToken);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::optional<std::string_view> next_member(std::string_view& rest) {
  while (!rest.empty()) {
    std::size_t comma = rest.find(',');
    std::string_view member = trimmed(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    if (!member.empty()) return member;
  }
  return std::nullopt;
}

bool lists(const HeaderList& fields, std::string_view name, std::string_view member) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!same_name(fields[i].name, name)) continue;
    std::string_view rest = fields[i].value;
    while (auto each = next_member(rest))
      if (same_name(*each, member)) return true;
  }
  return false;
}

std::optional<std::uint64_t> parse_length(std::string_view text) {
  if (text.empty() || text.size() > 19 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  std::uint64_t value = 0;
  for (char c : text) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (value > kMaxBodyBytes) return std::nullopt;
  return value;
}

bool is_authority(std::string_view text) {
  std::size_t host_end = 0;
  if (!text.empty() && text[0] == '[') {
    host_end = text.find(']');
    if (host_end == std::string_view::npos || host_end < 3) return false;
    if (!std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(host_end),
                     is_ip_literal_char))
      return false;
    ++host_end;
  } else {
    while (host_end < text.size() && is_of(text[host_end], kRegName)) ++host_end;
    if (host_end == 0) return false;
  }
  std::string_view port = text.substr(host_end);
  if (port.empty()) return true;
  if (port[0] != ':' || port.size() > 6) return false;
  return std::all_of(port.begin() + 1, port.end(), is_digit);
}

HttpFault parse_field_line(std::string_view line, HeaderList& fields) {
  if (line[0] == ' ' || line[0] == '\t') return {400, "a folded field line"};
  std::size_t colon = 0;
  while (colon < line.size() && is_of(line[colon], kToken)) ++colon;
  if (colon == line.size()) return {400, "a field line without a colon"};
  if (line[colon] == ' ' || line[colon] == '\t') return {400, "a blank in or after a field's name"};
  if (line[colon] != ':') return {400, "a character that no field's name may hold"};
  if (colon == 0) return {400, "a field without a name"};
  fields.add(line.substr(0, colon), trimmed(line.substr(colon + 1)));
  return {};
}

SectionScanner::State SectionScanner::refuse(int status, std::string_view why) {
  fault_ = {status, why};
  return State::kFault;
}

SectionScanner::State SectionScanner::end_line() {
  bool empty = at_ - line_start_ == 2;
  line_start_ = at_;
  if (empty) {
    done_ = true;
    return State::kDone;
  }
  if (++lines_ > limits_.lines) return refuse(431, "too many fields");
  return State::kMore;
}

// Most of a section: to its next other character, or to where a limit is.
void SectionScanner::skip_text(std::string_view section) {
  std::size_t end = std::min(section.size(), limits_.bytes);
  if (limits_.first_line != 0 && lines_ == 0) end = std::min(end, limits_.first_line);
  while (at_ < end && is_of(section[at_], kText)) ++at_;
}

SectionScanner::State SectionScanner::scan(std::string_view section) {
  if (fault_) return State::kFault;
  if (done_) return State::kDone;
  while (at_ < section.size()) {
    if (!after_cr_) skip_text(section);
    if (at_ == section.size()) break;
    if (at_ == limits_.bytes) return refuse(431, "its fields are too large");
    if (limits_.first_line != 0 && lines_ == 0 && at_ == limits_.first_line)
      return refuse(414, "its first line is too long");
    char c = section[at_];
    if (after_cr_) {
      if (c != '\n') return refuse(400, "a bare CR");
      after_cr_ = false;
      ++at_;
      if (State state = end_line(); state != State::kMore) return state;
      continue;
    }
    if (c == '\r') {
      after_cr_ = true;
      ++at_;
    } else if (c == '\n') {
      return refuse(400, "a bare LF");
    } else {
      return refuse(400, "a control character");
    }
  }
  return State::kMore;
}

std::string_view take_line(std::string_view& section) {
  std::size_t end = section.find('\r');
  std::string_view line = section.substr(0, end);
  section.remove_prefix(end + 2);
  return line;
}

}  // namespace sixpn::flycast
