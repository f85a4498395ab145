#include "machine/core/environment.h"

#include <map>

#include "registry/core/address.h"

namespace sixpn::machine {

std::vector<std::string> make_environment(const MachineFile& machine, const std::string& region,
                                          const std::string& home) {
  auto id = to_string(machine.id);
  std::map<std::string, std::string> env{
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, {"HOME", home}};
  if (!machine.placement.primary_region.empty())
    env["PRIMARY_REGION"] = machine.placement.primary_region;
  for (const auto& [key, value] : machine.process.env) env[key] = value;
  env["FLY_APP_NAME"] = machine.placement.app;
  env["FLY_MACHINE_ID"] = id;
  env["FLY_ALLOC_ID"] = id;
  env["FLY_REGION"] = region;
  env["FLY_PRIVATE_IP"] = to_string(machine.address);
  env["FLY_PROCESS_GROUP"] = machine.placement.group;
  env["FLY_MACHINE_VERSION"] = machine.version;

  std::vector<std::string> lines;
  lines.reserve(env.size());
  for (const auto& [key, value] : env) lines.push_back(key + "=" + value);
  return lines;
}

std::string make_resolv_conf(const ResolverConfig& resolver) {
  std::string text;
  for (const auto& server : resolver.nameservers) text += "nameserver " + to_string(server) + "\n";
  if (text.empty()) text = "nameserver " + to_string(kResolverAddress) + "\n";
  auto line = [&text](std::string_view keyword, const std::vector<std::string>& words) {
    if (words.empty()) return;
    text += keyword;
    for (const auto& word : words) text += " " + word;
    text += "\n";
  };
  line("search", resolver.searches);
  line("options", resolver.options);
  return text;
}

std::string make_hosts(const MachineFile& machine) {
  return "127.0.0.1\tlocalhost\n"
         "::1\tlocalhost ip6-localhost ip6-loopback\n" +
         to_string(machine.address) + "\tfly-local-6pn " + to_string(machine.id) + "\n";
}

}  // namespace sixpn::machine
