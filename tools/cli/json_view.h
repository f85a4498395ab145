// JsonView: reads an answer of the agent without trust. What is missing or of another type reads as
// empty, so that this program and an agent of another version understand each other as far as
// possible. Also prints JSON as `--json` shows it. Pure; a view must not outlive the value it looks
// at.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sixpn::cli {

class JsonView {
 public:
  explicit JsonView(const boost::json::value& value) : value_(&value) {}

  // A member of an object; an absent one reads as null.
  JsonView operator[](std::string_view key) const;
  // The elements of an array, in order.
  [[nodiscard]] std::vector<JsonView> items() const;
  // The members of an object, in order.
  [[nodiscard]] std::vector<std::pair<std::string, JsonView>> members() const;

  [[nodiscard]] bool is_null() const;
  [[nodiscard]] std::string text() const;  // "" for anything but a string
  [[nodiscard]] std::optional<std::int64_t> integer() const;
  [[nodiscard]] bool flag() const;  // true only for true
  // The strings of an array.
  [[nodiscard]] std::vector<std::string> texts() const;

 private:
  const boost::json::value* value_;
};

// Indented by four spaces, as Fly's tools print it, with a newline at the end.
std::string pretty(const boost::json::value& value);

// An object of strings, for request bodies.
boost::json::object to_json(const std::vector<std::pair<std::string, std::string>>& pairs);

}  // namespace sixpn::cli
