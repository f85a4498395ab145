// What to tell whoever gave a region that is none. Pure; wherever regions come in: invitations,
// agent.toml, fly.toml, requests and the records of other hosts.
#pragma once

#include <string_view>

namespace sixpn {

// Taken in front of an app: a region of this name could not be asked for there.
inline constexpr std::string_view kNoRegion = "vms";

// Of text that is_region() (record.h) refuses: what was expected instead.
constexpr std::string_view expected_region(std::string_view refused) {
  if (refused == kNoRegion)
    return "a name other than vms, which is a name of every app (vms.<app>.internal)";
  return "three letters such as \"iad\"";
}

}  // namespace sixpn
