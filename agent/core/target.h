// A request target of the admin API taken apart: path segments and query, percent-decoded (RFC
// 3986).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sixpn::agent {

struct Target {
  std::vector<std::string> path;             // "/v1/apps/web" -> {"v1", "apps", "web"}
  std::map<std::string, std::string> query;  // the last one wins

  [[nodiscard]] std::string get(const std::string& key) const {
    auto found = query.find(key);
    return found == query.end() ? "" : found->second;
  }
};

// Errors: not starting with '/', a broken percent escape.
Result<Target> parse_target(std::string_view text);

// True when `path` has the shape of `pattern`, where "*" stands for any one segment: "v1/apps/*".
bool matches(const std::vector<std::string>& path, std::string_view pattern);

}  // namespace sixpn::agent
