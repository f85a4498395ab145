// One key, or other short bytes, per private file: a line of base64. What the identity folder is
// made of. Blocks on the disk; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "registry/core/keys.h"

namespace sixpn::mesh {

// A string that held a secret, wiped when it goes.
struct WipedText {
  std::string text;
  explicit WipedText(std::string content) : text(std::move(content)) {}
  WipedText(const WipedText&) = delete;
  WipedText& operator=(const WipedText&) = delete;
  ~WipedText();
};

// Errors: as read_private_file; not a line of base64; for keys, not 32 bytes. With the path.
Result<std::string> read_line(const std::string& path);
Result<Secret> read_secret(const std::string& path);
Result<PublicKey> read_public_key(const std::string& path);

// Never replaces. Errors: as create_private_file.
Result<void> write_line(const std::string& path, std::string_view bytes);

}  // namespace sixpn::mesh
