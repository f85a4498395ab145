// ShimSpec: all that the shim needs to start one machine's command, and its form as bytes (pairs of
// NUL-terminated strings). Agent and shim share this file; both come from one build. Pure, std
// only: the shim is a small static program.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sixpn::machine {

struct ShimSpec {
  std::string hostname;
  std::string netns_path;
  std::string
      folder;  // the machine's: <folder>/exit.json is written, <folder>/etc is a mount point
  std::string resolv_conf;  // contents
  std::string hosts;        // contents
  std::string log_path;
  std::string cwd;  // "" is /
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;
  std::vector<std::string> command;
  std::vector<std::string> env;  // "KEY=value"
  friend bool operator==(const ShimSpec&, const ShimSpec&) = default;
};

std::string encode(const ShimSpec& spec);
// Errors: other version, cut short, unknown member, bad number, no command.
Result<ShimSpec> decode_shim_spec(std::string_view bytes);

}  // namespace sixpn::machine
