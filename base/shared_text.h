// SharedText: an immutable text that the process holds once, however many have it (interned). For
// names that thousands of records repeat: eight bytes where it is used instead of 32 and often an
// allocation. Equal texts are the same object, so comparing for equality looks at no character.
//
// Making one looks it up in a table under a lock, copying one counts a reference: both on any
// thread. What nobody has any more is let go of. The empty text costs nothing.
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace sixpn {

class SharedText;

// Any other text.
template <class T>
concept PlainText = std::convertible_to<const T&, std::string_view> && !std::same_as<T, SharedText>;

class SharedText {
 public:
  SharedText() = default;
  SharedText(const PlainText auto& text) : held_(hold(text)) {}  // NOLINT: as a string
  SharedText(const SharedText& other) noexcept;
  SharedText(SharedText&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  SharedText& operator=(SharedText other) noexcept {
    std::swap(held_, other.held_);
    return *this;
  }
  ~SharedText();

  [[nodiscard]] const std::string& str() const;
  operator const std::string&() const { return str(); }  // NOLINT: as a string
  operator std::string_view() const { return str(); }    // NOLINT: as a string

  // How many different texts the process holds.
  [[nodiscard]] static std::size_t count();

  [[nodiscard]] bool empty() const { return held_ == nullptr; }
  [[nodiscard]] std::size_t size() const { return str().size(); }

  friend bool operator==(const SharedText& a, const SharedText& b) { return a.held_ == b.held_; }
  friend bool operator==(const SharedText& a, const PlainText auto& b) {
    return a.str() == std::string_view(b);
  }
  friend auto operator<=>(const SharedText& a, const SharedText& b) { return a.str() <=> b.str(); }
  friend auto operator<=>(const SharedText& a, const PlainText auto& b) {
    return std::string_view(a) <=> std::string_view(b);
  }
  friend std::string operator+(const SharedText& a, const PlainText auto& b) { return a.str() + b; }
  friend std::string operator+(const PlainText auto& a, const SharedText& b) { return a + b.str(); }
  friend std::ostream& operator<<(std::ostream& out, const SharedText& text) {
    return out << text.str();
  }

 private:
  struct Held;  // a text of the table, and how many have it
  static Held* hold(std::string_view text);

  Held* held_ = nullptr;  // null: the empty text
};

}  // namespace sixpn
