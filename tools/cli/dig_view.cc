#include "tools/cli/dig_view.h"

#include <fmt/format.h>

#include "tools/cli/table.h"
#include "tools/cli/units.h"

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

// Tabs up to `column`, at least one, as dig aligns its sections.
void pad(std::string& line, std::size_t column) {
  constexpr std::size_t kTab = 8;
  std::size_t at = line.size();
  do {
    line += '\t';
    at += kTab - at % kTab;
  } while (at < column);
}

void append_records(std::string& text, std::string_view title,
                    const std::vector<std::string>& records) {
  constexpr std::size_t kTtlColumn = 24;
  if (records.empty()) return;
  text += fmt::format("\n;; {} SECTION:\n", title);
  for (const std::string& record : records) {
    std::string_view rest = record;
    std::string line = printable(std::string(take_field(rest)));
    pad(line, kTtlColumn);
    for (int fields = 0; fields < 3; ++fields)  // TTL, class, type
      line += printable(std::string(take_field(rest))) + "\t";
    text += line + printable(std::string(trim_front(rest))) + "\n";
  }
}

void append_question(std::string& text, JsonView dig) {
  constexpr std::size_t kClassColumn = 32;
  std::string line = ";" + printable(dig["name"].text());
  pad(line, kClassColumn);
  text += "\n;; QUESTION SECTION:\n" + line + "IN\t" + dig["type"].text() + "\n";
}

std::int64_t number(JsonView dig, std::string_view key) {
  return dig[key].integer().value_or(0);
}

// "network default of acme"
std::string network_text(JsonView dig) {
  return fmt::format("network {} of {}", printable(dig["network"].text()),
                     printable(dig["org"].text()));
}

// Of an asker on another host: what of the answer its own resolver may say otherwise.
std::string elsewhere_text(JsonView dig) {
  if (!dig["elsewhere"].flag()) return "";
  if (dig["forwarded"].flag())
    return fmt::format(";; ELSEWHERE: asked from this host; host {} asks by its own rules\n",
                       printable(dig["host"].text()));
  return fmt::format(";; ORDER: by the round trips of this host; host {} answers by its own\n",
                     printable(dig["host"].text()));
}

// "qr aa rd ra"
std::string flags_text(JsonView dig) {
  if (dig["forwarded"].flag()) return join(dig["flags"].texts(), " ");
  return dig["authoritative"].flag() ? "qr aa rd ra" : "qr rd ra";
}

std::string errors_text(JsonView dig) {
  std::vector<std::string> errors = dig["extended_errors"].texts();
  if (!dig["forwarded"].flag() && !dig["note"].text().empty()) errors = {dig["note"].text()};
  std::string text;
  for (const std::string& error : errors) text += fmt::format(";; EDE: {}\n", printable(error));
  return text;
}

// Whose answer it is.
std::string server_text(JsonView dig) {
  if (dig["forwarded"].flag()) {
    std::string how = dig["kept"].flag() ? "kept" : "refused here";
    if (!dig["kept"].flag() && !dig["refused"].flag())
      how = fmt::format("asked, {}", format_milliseconds(number(dig, "took_us")));
    return fmt::format("the resolver of this host, by {} ({})", printable(dig["rule"].text()), how);
  }
  std::string where = dig["network"].text().empty() ? "" : ", in " + network_text(dig);
  return fmt::format("the registry of this host, generation {}{}", number(dig, "generation"),
                     where);
}

// An agent from before foreign names were asked says no more.
bool is_only_forwarded(JsonView dig) {
  return dig["forwarded"].flag() && dig["rcode"].text().empty();
}

struct Data {
  std::string_view type;
  std::string_view written;
};

std::optional<Data> data_of(std::string_view record) {
  take_field(record);  // owner
  take_field(record);  // TTL
  take_field(record);  // class
  std::string_view type = take_field(record);
  record = trim_front(record);
  if (type.empty() || record.empty()) return std::nullopt;
  return Data{type, record};
}

// As it stands in the record, escaped: what strangers say does not reach a terminal as bytes.
std::optional<std::string> written_data(std::string_view record) {
  auto data = data_of(record);
  if (!data) return std::nullopt;
  return std::string(data->written);
}

}  // namespace

std::optional<std::string> record_data(std::string_view record) {
  auto data = data_of(record);
  if (!data) return std::nullopt;
  if (data->type == "TXT") return join_strings(data->written);
  return std::string(data->written);
}

std::string dig_text(JsonView dig) {
  std::vector<std::string> answers = dig["answers"].texts();
  std::vector<std::string> authority = dig["authority"].texts();
  std::vector<std::string> additional = dig["additional"].texts();
  if (is_only_forwarded(dig)) {
    std::string text = fmt::format(";; {}\n", printable(dig["note"].text()));
    append_question(text, dig);
    return text;
  }
  std::string text = fmt::format(
      ";; ->>HEADER<<- opcode: QUERY, status: {}\n"
      ";; flags: {}; QUERY: 1, ANSWER: {}, AUTHORITY: {}, ADDITIONAL: {}\n",
      printable(dig["rcode"].text()), printable(flags_text(dig)), answers.size(), authority.size(),
      additional.size());
  text += errors_text(dig);
  append_question(text, dig);
  append_records(text, "ANSWER", answers);
  append_records(text, "AUTHORITY", authority);
  append_records(text, "ADDITIONAL", additional);
  text += fmt::format("\n;; SERVER: {}\n", server_text(dig));
  text += elsewhere_text(dig);
  text += fmt::format(";; MSG SIZE: {}\n", number(dig, "bytes"));
  return text;
}

std::string explanation_text(JsonView dig) {
  std::string text = "\n;; EXPLANATION:\n";
  text += fmt::format(";; view: {}, as {} ({}) on host {} in {}\n", network_text(dig),
                      printable(dig["as"].text()), printable(dig["source"].text()),
                      printable(dig["host"].text()), printable(dig["region"].text()));
  if (!dig["rule"].text().empty())
    text += fmt::format(";; rule: {}\n", printable(dig["rule"].text()));
  if (dig["forwarded"].flag())
    text += fmt::format(";; servers: {}\n", printable(join(dig["servers"].texts(), ", ")));
  text += fmt::format(";; registry: generation {}, this network's last change in {}\n",
                      number(dig, "generation"), number(dig, "network_generation"));
  for (const std::string& record : dig["behind"].texts())
    text += fmt::format(";; {}\n", printable(record));
  std::size_t answers = dig["answers"].texts().size();
  if (answers > 0 && !dig["forwarded"].flag())
    text += fmt::format(";; over UDP: {} of {} records fit 512 bytes (no EDNS), {} fit 1232\n",
                        number(dig, "answers_in_512"), answers, number(dig, "answers_in_1232"));
  return text;
}

Result<std::string> dig_short(JsonView dig) {
  if (is_only_forwarded(dig)) return Error(fmt::format("lookup failed: {}", dig["note"].text()));
  if (dig["rcode"].text() != "NOERROR")
    return Error(fmt::format("lookup failed: {}", dig["rcode"].text()));
  std::string text;
  bool foreign = dig["forwarded"].flag();
  for (const std::string& record : dig["answers"].texts())
    if (auto content = foreign ? written_data(record) : record_data(record))
      text += printable(*content) + "\n";
  return text;
}

std::string reverse_name(const Ip6& ip) {
  constexpr std::size_t kIp4Bytes = 4;
  bool v4 = ip.is_v4_mapped();
  std::string name;
  for (std::size_t i = 0; i < (v4 ? kIp4Bytes : ip.bytes.size()); ++i) {
    auto byte = ip.bytes[ip.bytes.size() - 1 - i];
    name += v4 ? fmt::format("{}.", byte) : fmt::format("{:x}.{:x}.", byte & 0xf, byte >> 4);
  }
  return name + (v4 ? "in-addr.arpa" : "ip6.arpa");
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
