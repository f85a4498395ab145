#include "base/duration_text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

namespace sixpn {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;  // microseconds
};

constexpr std::array<Unit, 6> kUnits{{{"d", 86'400'000'000},
                                      {"h", 3'600'000'000},
                                      {"m", 60'000'000},
                                      {"s", 1'000'000},
                                      {"ms", 1'000},
                                      {"us", 1}}};

std::optional<std::uint64_t> factor_of(std::string_view name) {
  for (const Unit& unit : kUnits)
    if (unit.name == name) return unit.factor;
  return std::nullopt;
}

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Takes the characters that `matches` accepts off the front of `text`.
template <class Predicate>
std::string_view take_while(std::string_view& text, Predicate matches) {
  std::size_t n = 0;
  while (n < text.size() && matches(text[n])) ++n;
  std::string_view taken = text.substr(0, n);
  text.remove_prefix(n);
  return taken;
}

std::optional<std::uint64_t> parse_whole(std::string_view digits) {
  std::uint64_t value = 0;
  auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || failure != std::errc{} || end != digits.data() + digits.size())
    return std::nullopt;
  return value;
}

// a * b, and then + c, where they fit in the signed 64 bits of a Duration.
std::optional<std::uint64_t> multiply_add(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (c > kMax || (a != 0 && b > (kMax - c) / a)) return std::nullopt;
  return a * b + c;
}

// The microseconds of ".25" of a unit; digits below a microsecond are cut off.
std::uint64_t fraction_of(std::string_view digits, std::uint64_t factor) {
  std::uint64_t micros = 0;
  std::uint64_t place = factor;
  for (char digit : digits) {
    place /= 10;
    micros += static_cast<std::uint64_t>(digit - '0') * place;
  }
  return micros;
}

// One "1.5h" off the front of `text`, in microseconds.
std::optional<std::uint64_t> take_duration_part(std::string_view& text) {
  std::optional<std::uint64_t> whole = parse_whole(take_while(text, is_digit));
  std::string_view fraction;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    fraction = take_while(text, is_digit);
    if (fraction.empty()) return std::nullopt;
  }
  auto is_unit = [](char c) { return !is_digit(c) && c != '.'; };
  std::optional<std::uint64_t> factor = factor_of(take_while(text, is_unit));
  if (!whole || !factor) return std::nullopt;
  return multiply_add(*whole, *factor, fraction_of(fraction, *factor));
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t total = 0;
  while (!text.empty()) {
    std::optional<std::uint64_t> part = take_duration_part(text);
    if (!part) return std::nullopt;
    std::optional<std::uint64_t> sum = multiply_add(total, 1, *part);
    if (!sum) return std::nullopt;
    total = *sum;
  }
  return Duration(static_cast<Duration::rep>(total));
}

std::string to_string(Duration duration) {
  auto left = static_cast<std::uint64_t>(duration.count() < 0 ? 0 : duration.count());
  std::string text;
  for (const Unit& unit : kUnits) {
    if (left < unit.factor) continue;
    text += fmt::format("{}{}", left / unit.factor, unit.name);
    left %= unit.factor;
  }
  return text.empty() ? "0s" : text;
}

}  // namespace sixpn
