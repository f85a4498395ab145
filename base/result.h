// Result<T>: a value or an Error, shaped like C++23's std::expected, which the toolchain of Debian
// 12 does not offer to C++20. Used for failures that a caller can act on or report; expected
// outcomes are enums or variants instead. An Error is a sentence for a person; it gains context on
// its way up:
//   return std::move(r).error().within("reading /etc/sixpn/agent.toml");
#pragma once

#include <cassert>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace sixpn {

// What went wrong, in words. `code` is an errno value where one caused it, else 0.
struct [[nodiscard]] Error {
  std::string message;
  int code = 0;

  explicit Error(std::string text, int errno_code = 0)
      : message(std::move(text)), code(errno_code) {}

  // Prefixes the sentence with what was being done: "context: message".
  Error within(std::string_view context) && {
    return Error(std::string(context) + ": " + message, code);
  }

  // An Error from a failed system call: "what: No such file or directory".
  static Error from_errno(std::string_view what, int errno_code = errno) {
    return Error(std::string(what) + ": " + errno_text(errno_code), errno_code);
  }

  static std::string errno_text(int errno_code) {
    char buffer[128];
    return strerror_r(errno_code, buffer, sizeof buffer);
  }

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return checked(*this); }
  const T& value() const& { return checked(*this); }
  T&& value() && { return std::move(checked(*this)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& { return *std::get_if<1>(&state_); }
  Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

  // The same result, its error (if any) prefixed with `context`.
  Result within(std::string_view context) && {
    if (has_value()) return std::move(*this);
    return std::move(*this).error().within(context);
  }

 private:
  template <class Self>
  static auto& checked(Self& self) {
    auto* value = std::get_if<0>(&self.state_);
    assert(value != nullptr && "Result::value() on an error");
    return *value;
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const { return !error_; }
  explicit operator bool() const { return has_value(); }
  const Error& error() const& { return *error_; }
  Error&& error() && { return std::move(*error_); }

  Result within(std::string_view context) && {
    if (has_value()) return {};
    return std::move(*this).error().within(context);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace sixpn
