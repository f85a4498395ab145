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

// How the agent and a shim that it starts talk: one SOCK_SEQPACKET pair, open until the command is
// executed. shim: kShimInit (from the machine's init, so that the kernel vouches for its pid by
// SCM_CREDENTIALS), then kShimReady (from the process that becomes the command), at any time
// kShimError and a sentence. Agent: kShimGo. End of file without an error after kShimGo means
// executed; an end of file before it shuts the gate for ever.
inline constexpr int kShimControlFd = 3;
inline constexpr int kShimSpecFd = 4;    // the encoded ShimSpec, a memfd
inline constexpr int kShimCgroupFd = 5;  // the folder of the machine's cgroup; not open: none
inline constexpr std::string_view kShimInit = "init";
inline constexpr std::string_view kShimReady = "ready";
inline constexpr std::string_view kShimGo = "go";
inline constexpr std::string_view kShimError = "error ";

// Files in the machine's folder that the shim writes or mounts on.
inline constexpr std::string_view kExitFileName = "exit.json";
inline constexpr std::string_view kEtcMountPoint = "etc";

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
