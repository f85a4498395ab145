// Small files written whole or not at all (temporary name, then rename), and read with a bound.
// Blocking; meant for files of a few kilobytes.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sixpn::machine {

enum class Durability {
  kProcess,  // survives the process: what only matters until the host reboots
  kDisk,     // survives a power cut (fsync of file and folder)
};

// Replaces `path`; on any error the old file stands. Errors: no space, read-only, no such folder.
Result<void> write_file_atomically(const std::string& path, std::string_view bytes,
                                   Durability durability);

// Errors: as open and read, and a file over `max_bytes`. Error::code is ENOENT when there is none.
Result<std::string> read_file(const std::string& path, std::size_t max_bytes);

// Makes names in `folder` durable. Best effort.
void sync_folder(const std::string& folder);

}  // namespace sixpn::machine
