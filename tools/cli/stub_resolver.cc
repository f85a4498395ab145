#include "tools/cli/stub_resolver.h"

#include <fmt/format.h>

namespace sixpn::cli {
namespace {

// The first line of what we write, by which we know it again.
constexpr std::string_view kMark = "# Written by `sixpn dns install`; `sixpn dns uninstall` ";
constexpr std::string_view kDnsCommand = "resolvectl dns ";

std::string joined(const std::vector<std::string>& words) {
  std::string line;
  for (const auto& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

}  // namespace

// "~": a routing domain, which no short name is completed with. Without default-route no other name
// is asked there.
std::vector<std::vector<std::string>> resolved_commands(const StubTarget& target) {
  return {{"resolvectl", "dns", target.interface, to_string(target.server)},
          {"resolvectl", "domain", target.interface, "~internal", "~flycast", "~a.a.d.f.ip6.arpa"},
          {"resolvectl", "default-route", target.interface, "no"}};
}

std::string unit_drop_in(const StubTarget& target) {
  std::string text = fmt::format(
      "{}removes it.\n# The device may be new after a start, and systemd-resolved then knows "
      "nothing "
      "of it.\n[Service]\n",
      kMark);
  for (const auto& command : resolved_commands(target))
    text += fmt::format("ExecStartPost=-{}\n", joined(command));
  return text;
}

std::optional<std::string> interface_in(std::string_view drop_in) {
  auto command = drop_in.find(kDnsCommand);
  if (!drop_in.starts_with(kMark) || command == std::string_view::npos) return std::nullopt;
  auto rest = drop_in.substr(command + kDnsCommand.size());
  return std::string(rest.substr(0, rest.find(' ')));
}

std::string resolv_conf_with(const StubTarget& target, std::string_view before) {
  return fmt::format("{}brings back {}.\nnameserver {}\n{}", kMark, kResolvConfBefore,
                     to_string(target.server), before);
}

bool is_our_resolv_conf(std::string_view text) {
  return text.starts_with(kMark);
}

}  // namespace sixpn::cli
