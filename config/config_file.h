// Reads a configuration file whole. The only part of this room that touches the disk.
#pragma once

#include <string>

#include "config/config_error.h"

namespace sixpn::config {

inline constexpr std::size_t kMaxConfigBytes = 1024 * 1024;

// Errors: missing, unreadable, a directory or other special file, over kMaxConfigBytes.
ConfigResult<std::string> read_config_file(const std::string& path);

}  // namespace sixpn::config
