#include "machine/core/check_http.h"

#include <fmt/format.h>

#include <algorithm>

namespace sixpn::machine {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::size_t kStatusLineStart = 12;  // "HTTP/1.1 200"

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_field(std::string_view name, std::string_view wanted) {
  return std::equal(name.begin(), name.end(), wanted.begin(), wanted.end(),
                    [](char a, char b) { return lower(a) == b; });
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The three digits of "HTTP/1.x nnn" at the start, followed by a blank or the end of the line.
std::optional<int> status_of(std::string_view head) {
  if (head.size() < kStatusLineStart || !head.starts_with("HTTP/1.") || !is_digit(head[7]) ||
      head[8] != ' ' || !std::all_of(head.begin() + 9, head.begin() + 12, is_digit))
    return std::nullopt;
  if (head.size() > kStatusLineStart && head[12] != ' ' && head[12] != '\r') return std::nullopt;
  int status = (head[9] - '0') * 100 + (head[10] - '0') * 10 + (head[11] - '0');
  return status >= 100 ? std::optional(status) : std::nullopt;
}

Verdict failure(std::string why) {
  return {false, std::move(why)};
}

// "503 Service Unavailable", and the body behind it.
std::string describe(std::string_view head, std::string_view body) {
  auto line = head.substr(9, head.find('\r') - 9);
  if (body.empty()) return std::string(line);
  return fmt::format("{}: {}", line, body);
}

}  // namespace

std::string encode_check_request(const ServiceCheck& check, const IpEndpoint& machine) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\n", check.method.empty() ? "GET" : check.method,
                                 check.path.empty() ? "/" : check.path);
  auto names = [&](std::string_view wanted) {
    return std::any_of(check.headers.begin(), check.headers.end(),
                       [&](const HeaderField& field) { return is_field(field.name, wanted); });
  };
  if (!names("host")) text += fmt::format("Host: {}\r\n", to_string(machine));
  if (!names("user-agent")) text += "User-Agent: sixpn-check\r\n";
  for (const HeaderField& field : check.headers)
    if (!is_field(field.name, "connection"))
      text += fmt::format("{}: {}\r\n", field.name, field.value);
  return text + "Connection: close\r\n\r\n";
}

std::optional<Verdict> judge_check_answer(std::string_view bytes, bool ended) {
  for (;;) {
    // Whoever speaks something else is told apart by its first bytes.
    constexpr std::string_view kProtocol = "HTTP/1.";
    auto begin = bytes.substr(0, kProtocol.size());
    if (!kProtocol.starts_with(begin)) return failure("the answer is not HTTP/1");
    auto end = bytes.find(kHeadEnd);
    if (end == std::string_view::npos) {
      if (ended && bytes.empty()) return failure("the connection ended without an answer");
      if (ended) return failure("the answer ended in its head");
      if (bytes.size() >= kMaxCheckAnswer) return failure("the answer's head is too long");
      return std::nullopt;
    }
    auto head = bytes.substr(0, end + 2);
    auto body = bytes.substr(end + kHeadEnd.size());
    auto status = status_of(head);
    if (!status) return failure("the answer's first line is malformed");
    if (*status < 200) {  // an interim one: the real one follows
      bytes = body;
      continue;
    }
    if (*status < 300) return Verdict{true, describe(head, {})};
    if (!ended && bytes.size() < kMaxCheckAnswer) return std::nullopt;
    return failure(describe(head, body));
  }
}

}  // namespace sixpn::machine
