// What every fuzz target is made of: a promise that must hold, and a reader that turns the input
// into choices.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace sixpn::fuzz {

// Stops the program, with the place in the message: libFuzzer keeps the input, ctest fails.
#define SIXPN_PROMISE(holds)                                                           \
  do {                                                                                 \
    if (!(holds)) {                                                                    \
      std::fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #holds); \
      std::abort();                                                                    \
    }                                                                                  \
  } while (false)

// The input as a sequence of choices; zeros when it is used up.
class Choices {
 public:
  explicit Choices(std::string_view bytes) : rest_(bytes) {}
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    auto first = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return first;
  }
  std::uint16_t u16() { return static_cast<std::uint16_t>(byte() << 8 | byte()); }
  // 0..bound-1.
  std::size_t below(std::size_t bound) { return bound <= 256 ? byte() % bound : u16() % bound; }
  std::string_view take(std::size_t size) {
    auto taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace sixpn::fuzz
