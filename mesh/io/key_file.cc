#include "mesh/io/key_file.h"

#include <fmt/format.h>

#include <cstring>

#include "base/encoding.h"
#include "mesh/io/private_file.h"

namespace sixpn::mesh {

WipedText::~WipedText() {
  explicit_bzero(text.data(), text.size());
}

Result<std::string> read_line(const std::string& path) {
  auto content = read_private_file(path);
  if (!content) return std::move(content).error();
  WipedText line(std::move(*content));
  if (!line.text.empty() && line.text.back() == '\n') line.text.pop_back();
  auto bytes = parse_base64(line.text);
  if (!bytes) return Error(path + " is damaged: it should hold one line of base64");
  return std::move(*bytes);
}

Result<Secret> read_secret(const std::string& path) {
  auto bytes = read_line(path);
  if (!bytes) return std::move(bytes).error();
  WipedText content(std::move(*bytes));
  auto secret = Secret::from_bytes(content.text);
  if (!secret)
    return Error(
        fmt::format("{} is damaged: its key has {} bytes, not 32", path, content.text.size()));
  return *secret;
}

Result<PublicKey> read_public_key(const std::string& path) {
  auto bytes = read_line(path);
  if (!bytes) return std::move(bytes).error();
  auto key = to_array<32>(*bytes);
  if (!key)
    return Error(fmt::format("{} is damaged: its key has {} bytes, not 32", path, bytes->size()));
  return *key;
}

Result<void> write_line(const std::string& path, std::string_view bytes) {
  WipedText line(to_base64(bytes) + "\n");
  return create_private_file(path, line.text);
}

}  // namespace sixpn::mesh
