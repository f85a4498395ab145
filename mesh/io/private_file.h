// Files that hold secrets: created 0600, whole and synced or not at all; refused on reading when
// anyone else could have read or changed them. Not a store: callers know names and contents. Blocks
// on the disk; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace sixpn::mesh {

inline constexpr std::size_t kMaxPrivateFileBytes = 64 * 1024;

// True for anything at `path`, also a dangling link.
bool path_exists(const std::string& path);

// Errors: not a folder of mode 0700 that this user owns, with what was found and the command that
// mends it.
Result<void> check_private_folder(const std::string& path);

// Errors: as above for a regular file of mode 0600, unreadable, over kMaxPrivateFileBytes.
Result<std::string> read_private_file(const std::string& path);

// Never replaces: an existing `path` is an error (EEXIST) and stays as it is.
Result<void> create_private_file(const std::string& path, std::string_view content);

// A new, empty folder of mode 0700.
Result<void> create_private_folder(const std::string& path);

// Makes what was renamed into or removed from a folder last over a power cut.
Result<void> sync_folder(const std::string& path);

// Holds an exclusive lock on `path` (made if need be) until the result is destroyed. Errors:
// another process holds it (EWOULDBLOCK).
Result<Fd> lock_file(const std::string& path);

}  // namespace sixpn::mesh
