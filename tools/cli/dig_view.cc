#include "tools/cli/dig_view.h"

#include <fmt/format.h>

#include "tools/cli/table.h"

namespace sixpn::cli {

namespace {

constexpr bool is_space(char c) {
  return c == ' ' || c == '\t';
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view trim_front(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  return text;
}

// Takes one field off the front of a record.
std::string_view take_field(std::string_view& record) {
  record = trim_front(record);
  std::size_t n = 0;
  while (n < record.size() && !is_space(record[n])) ++n;
  std::string_view field = record.substr(0, n);
  record.remove_prefix(n);
  return field;
}

// The character after a backslash, or the three digits of \ddd.
char take_escaped(std::string_view& text) {
  if (text.size() >= 3 && is_digit(text[0]) && is_digit(text[1]) && is_digit(text[2])) {
    int value = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
    text.remove_prefix(3);
    return static_cast<char>(value);
  }
  char c = text.front();
  text.remove_prefix(1);
  return c;
}

// The quoted strings of a TXT record, joined.
std::string join_strings(std::string_view text) {
  std::string joined;
  bool quoted = false;
  while (!text.empty()) {
    char c = text.front();
    text.remove_prefix(1);
    if (c == '"')
      quoted = !quoted;
    else if (c == '\\' && !text.empty())
      joined += take_escaped(text);
    else if (quoted || !is_space(c))
      joined += c;
  }
  return joined;
}

void append_records(std::string& text, std::string_view title,
                    const std::vector<std::string>& records) {
  if (records.empty()) return;
  text += fmt::format("\n;; {} SECTION:\n", title);
  for (const std::string& record : records) {
    std::string line = record;
    for (char& c : line)
      if (c == '\t') c = ' ';
    text += printable(line) + "\n";
  }
}

// "in network default of acme, registry generation 7"
std::string where(JsonView dig) {
  std::string generation =
      fmt::format("registry generation {}", dig["generation"].integer().value_or(0));
  if (dig["network"].text().empty()) return generation;
  return fmt::format("in network {} of {}, {}", dig["network"].text(), dig["org"].text(),
                     generation);
}

}  // namespace

std::optional<std::string> record_data(std::string_view record) {
  take_field(record);  // owner
  take_field(record);  // TTL
  take_field(record);  // class
  std::string_view type = take_field(record);
  record = trim_front(record);
  if (type.empty() || record.empty()) return std::nullopt;
  if (type == "TXT") return join_strings(record);
  return std::string(record);
}

std::string dig_text(JsonView dig) {
  std::vector<std::string> answers = dig["answers"].texts();
  std::vector<std::string> authority = dig["authority"].texts();
  std::string status = dig["forwarded"].flag() ? "not ours" : dig["rcode"].text();
  std::string text = fmt::format(";; status: {}, answers: {}, authority: {}\n;; {}\n", status,
                                 answers.size(), authority.size(), where(dig));
  if (!dig["note"].text().empty()) text += fmt::format(";; {}\n", printable(dig["note"].text()));
  text += fmt::format("\n;; QUESTION SECTION:\n;{} IN {}\n", printable(dig["name"].text()),
                      dig["type"].text());
  append_records(text, "ANSWER", answers);
  append_records(text, "AUTHORITY", authority);
  return text;
}

Result<std::string> dig_short(JsonView dig) {
  if (dig["forwarded"].flag()) return Error(fmt::format("lookup failed: {}", dig["note"].text()));
  if (dig["rcode"].text() != "NOERROR")
    return Error(fmt::format("lookup failed: {}", dig["rcode"].text()));
  std::string text;
  for (const std::string& record : dig["answers"].texts())
    if (auto content = record_data(record)) text += printable(*content) + "\n";
  return text;
}

std::vector<Ip6> dig_addresses(JsonView dig) {
  std::vector<Ip6> addresses;
  for (const std::string& record : dig["answers"].texts()) {
    auto content = record_data(record);
    auto ip = content ? parse_ip6(*content) : std::nullopt;
    if (ip) addresses.push_back(*ip);
  }
  return addresses;
}

}  // namespace sixpn::cli
