#include "machine/core/shim_spec.h"

#include <charconv>
#include <optional>

namespace sixpn::machine {
namespace {

constexpr std::string_view kMagic = "sixpn-shim 1";

// The next NUL-terminated string of `rest`, taken off it.
std::optional<std::string_view> take(std::string_view& rest) {
  auto end = rest.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  auto text = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return text;
}

bool read_number(std::string_view text, std::uint32_t& number) {
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failed == std::errc() && end == text.data() + text.size();
}

bool set_number(ShimSpec& spec, std::string_view name, std::string_view value) {
  if (name == "uid") return read_number(value, spec.uid);
  if (name == "gid") return read_number(value, spec.gid);
  return name == "group" && read_number(value, spec.groups.emplace_back());
}

std::string* find_text(ShimSpec& spec, std::string_view name) {
  if (name == "hostname") return &spec.hostname;
  if (name == "netns") return &spec.netns_path;
  if (name == "folder") return &spec.folder;
  if (name == "resolv.conf") return &spec.resolv_conf;
  if (name == "hosts") return &spec.hosts;
  if (name == "log") return &spec.log_path;
  if (name == "cwd") return &spec.cwd;
  if (name == "arg") return &spec.command.emplace_back();
  if (name == "env") return &spec.env.emplace_back();
  return nullptr;
}

}  // namespace

std::string encode(const ShimSpec& spec) {
  std::string bytes(kMagic);
  bytes += '\0';
  auto put = [&bytes](std::string_view name, std::string_view value) {
    bytes.append(name).push_back('\0');
    bytes.append(value).push_back('\0');
  };
  put("hostname", spec.hostname);
  put("netns", spec.netns_path);
  put("folder", spec.folder);
  put("resolv.conf", spec.resolv_conf);
  put("hosts", spec.hosts);
  put("log", spec.log_path);
  put("cwd", spec.cwd);
  put("uid", std::to_string(spec.uid));
  put("gid", std::to_string(spec.gid));
  for (auto group : spec.groups) put("group", std::to_string(group));
  for (const auto& argument : spec.command) put("arg", argument);
  for (const auto& variable : spec.env) put("env", variable);
  return bytes;
}

Result<ShimSpec> decode_shim_spec(std::string_view bytes) {
  if (take(bytes) != kMagic) return Error("not a machine for this version of sixpn-shim");
  ShimSpec spec;
  while (!bytes.empty()) {
    auto name = take(bytes);
    auto value = take(bytes);
    if (!name || !value) return Error("the machine's description is cut short");
    if (auto* text = find_text(spec, *name))
      *text = *value;
    else if (!set_number(spec, *name, *value))
      return Error("the machine's description has a bad " + std::string(*name));
  }
  if (spec.command.empty()) return Error("the machine's description has no command");
  return spec;
}

}  // namespace sixpn::machine
