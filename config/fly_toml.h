// FlyToml: the part of an application's fly.toml that sixpn acts on (reference: Fly's configuration
// page). Valid keys that sixpn does not act on yet are accepted and noted; unknown keys are
// mistakes. Pure: text in, values out. Called by the agent for `apps create` and `deploy`, and by
// `sixpn deploy` to find the app's name and to show mistakes before anything is asked.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "config/config_error.h"
#include "registry/core/record.h"

namespace sixpn::config {

struct FlyToml {
  std::string app;             // "" when the file names none
  std::string primary_region;  // "" when the file names none
  std::string kill_signal = "SIGINT";
  Duration kill_timeout = std::chrono::seconds(5);
  std::map<std::string, std::string> processes;  // group -> command; empty: one group "app"
  std::map<std::string, std::string> env;
  // [http_service] first, then [[services]] in file order. Ports that need what sixpn has not got
  // (certificates, PROXY protocol) are left out, and noted.
  std::vector<Service> services;
  // [checks.NAME], in file order.
  std::vector<AppCheck> checks;
  // "accepted, not used: ...", in the order of the file.
  std::vector<ConfigNote> notes;
  friend bool operator==(const FlyToml&, const FlyToml&) = default;
};

// `file_name` only names the text in errors.
ConfigResult<FlyToml> parse_fly_toml(std::string_view text, std::string_view file_name);
// Errors beside those of the text: missing, unreadable, not a regular file, over 1 MiB.
ConfigResult<FlyToml> load_fly_toml(const std::string& path);

}  // namespace sixpn::config
