// ApiTarget: the path and query of a request to the agent, percent-encoded (RFC 3986). Pure.
#pragma once

#include <string>
#include <string_view>

namespace sixpn::cli {

class ApiTarget {
 public:
  // `path` is literal: "/v1/apps".
  explicit ApiTarget(std::string_view path) : text_(path) {}

  // Appends "/" and an encoded segment. Call before query().
  ApiTarget& segment(std::string_view text);
  // Appends key=value; an empty value is left out.
  ApiTarget& query(std::string_view key, std::string_view value);

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool has_query_ = false;
};

}  // namespace sixpn::cli
