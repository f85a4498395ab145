// What parsing a configuration file says: every mistake at once, each with its place and a sentence
// for the person who wrote the file. Pure values. Called by the agent at start and on reload, by
// `sixpn deploy`.
#pragma once

#include <cassert>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace sixpn::config {

// A mistake, or a note about something accepted but not acted on. Lines and columns count from 1; 0
// means that the file as a whole is meant (it is missing, unreadable).
struct ConfigError {
  std::string file;
  unsigned line = 0;
  unsigned column = 0;
  std::string message;  // "wireguard.listen_port: expected 1..65535, found 70000"
  friend bool operator==(const ConfigError&, const ConfigError&) = default;
};
using ConfigNote = ConfigError;
using ConfigErrors = std::vector<ConfigError>;

// "agent.toml:12: wireguard.listen_port: expected 1..65535, found 70000"
std::string to_string(const ConfigError& error);
// One per line, each ended by a newline.
std::string to_string(const ConfigErrors& errors);

// The configuration, or every mistake in it (never empty, in the order of the file).
template <class T>
class [[nodiscard]] ConfigResult {
 public:
  ConfigResult(T value) : state_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  ConfigResult(ConfigErrors errors)                    // NOLINT(google-explicit-constructor)
      : state_(std::move(errors)) {}

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  [[nodiscard]] const T& value() const& { return checked(*this); }
  [[nodiscard]] T&& value() && { return std::move(checked(*this)); }
  const T& operator*() const& { return value(); }
  const T* operator->() const { return &value(); }

  // Empty when there is a value.
  [[nodiscard]] ConfigErrors errors() const {
    const auto* errors = std::get_if<1>(&state_);
    return errors == nullptr ? ConfigErrors{} : *errors;
  }

 private:
  template <class Self>
  static auto& checked(Self& self) {
    auto* value = std::get_if<0>(&self.state_);
    assert(value != nullptr && "ConfigResult::value() on errors");
    return *value;
  }

  std::variant<T, ConfigErrors> state_;
};

// The word of `known` that `word` was probably meant to be: at most a third of its letters differ
// (an exchange of two neighbours counts once). "" when none is near.
std::string_view nearest_word(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace sixpn::config
