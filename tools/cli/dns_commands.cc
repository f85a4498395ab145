#include "tools/cli/dns_commands.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tools/cli/api_client.h"
#include "tools/cli/api_target.h"
#include "tools/cli/json_view.h"
#include "tools/cli/stub_resolver.h"

namespace sixpn::cli {
namespace {

namespace fs = std::filesystem;

Error system_error(const std::string& what) {
  int code = errno;
  return Error(fmt::format("{}: {}", what, std::strerror(code)), code);
}

bool exists(std::string_view path) {
  struct stat found {};
  return lstat(std::string(path).c_str(), &found) == 0;
}

std::string read_text(std::string_view path) {
  std::ifstream file{std::string(path)};
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// In one step, readable for all.
Result<void> replace_file(std::string_view path, const std::string& text) {
  std::string final_path(path);
  std::string fresh = final_path + ".sixpn-new";
  {
    std::ofstream file(fresh, std::ios::trunc);
    file << text;
    file.flush();
    if (!file) return system_error("writing " + fresh);
  }
  chmod(fresh.c_str(), 0644);
  if (rename(fresh.c_str(), final_path.c_str()) == 0) return {};
  auto failed = system_error("replacing " + final_path);
  unlink(fresh.c_str());
  return failed;
}

// With this program's own output. Errors: not found, not successful.
Result<void> run(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t child = 0;
  if (int code = posix_spawnp(&child, argv[0], nullptr, nullptr, argv.data(), environ); code != 0)
    return Error(fmt::format("{}: {}", words[0], std::strerror(code)), code);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Error(fmt::format("`{}` failed", fmt::join(words, " ")));
}

// The unit's drop-in is read at the next start; a failure now only delays that.
void reload_units(CommandContext& context) {
  if (auto reloaded = run({"systemctl", "daemon-reload"}); !reloaded)
    context.err << "sixpn: " << reloaded.error().message
                << ": run `systemctl daemon-reload` before the next start of sixpnd\n";
}

// ---- install
// ------------------------------------------------------------------------------------

CommandResult install_in_resolved(CommandContext& context, const StubTarget& target) {
  for (const auto& command : resolved_commands(target))
    if (auto told = run(command); !told) return told.error();
  std::string text = unit_drop_in(target);
  if (read_text(kUnitDropIn) != text) {
    std::error_code failed;
    fs::create_directories(fs::path(kUnitFolder), failed);
    if (auto written = replace_file(kUnitDropIn, text); !written) return written.error();
    reload_units(context);
  }
  context.out << fmt::format(
      "systemd-resolved asks {} on link {} for internal, flycast and a.a.d.f.ip6.arpa,\n"
      "also after the next start of sixpnd ({})\n",
      to_string(target.server), target.interface, kUnitDropIn);
  return ExitCode::kOk;
}

// The file before stays what it was, the very inode or link, under another name.
CommandResult install_in_resolv_conf(CommandContext& context, const StubTarget& target) {
  std::string now = read_text(kResolvConf);
  if (is_our_resolv_conf(now) && exists(kResolvConfBefore)) {
    context.out << fmt::format("{} asks sixpn already\n", kResolvConf);
    return ExitCode::kOk;
  }
  if (!exists(kResolvConf)) return Error(fmt::format("there is no {}", kResolvConf));
  if (exists(kResolvConfBefore))
    return Error(
        fmt::format("{} is there, and {} is not ours: somebody replaced it since the "
                    "installation. Remove one of them",
                    kResolvConfBefore, kResolvConf));
  std::string path(kResolvConf), before(kResolvConfBefore);
  if (link(path.c_str(), before.c_str()) != 0) return system_error("keeping " + path);
  if (auto written = replace_file(kResolvConf, resolv_conf_with(target, now)); !written) {
    unlink(before.c_str());
    return written.error();
  }
  context.out << fmt::format(
      "{} asks {} first, then the servers that it named before; what it was is in {}\n",
      kResolvConf, to_string(target.server), kResolvConfBefore);
  return ExitCode::kOk;
}

// Errors: no agent; it shows its host no network.
Result<StubTarget> find_target(CommandContext& context) {
  auto status = ApiClient(context.socket_path).get(ApiTarget("/v1/status"));
  if (!status) return status.error();
  JsonView view(*status);
  auto server = parse_ip6(view["host"]["address"].text());
  std::string interface = view["dns"]["interface"].text();
  if (!server || interface.empty())
    return Error("the agent is older than this program and cannot answer its own host");
  if (view["dns"]["host_network"].text().empty())
    return Error(
        "which network shall this host see? Say so in agent.toml and restart the agent:\n"
        "    [dns]\n"
        "    host_network = \"organisation/network\"");
  return StubTarget{interface, *server};
}

// ---- uninstall
// ----------------------------------------------------------------------------------

Result<bool> remove_from_resolved(CommandContext& context) {
  auto interface = interface_in(read_text(kUnitDropIn));
  if (!interface) return false;
  if (unlink(std::string(kUnitDropIn).c_str()) != 0)
    return system_error(fmt::format("removing {}", kUnitDropIn));
  rmdir(std::string(kUnitFolder).c_str());  // unless there is more in it
  reload_units(context);
  // A link that is gone has taken its settings along.
  if (exists(kResolvedSocket))
    if (auto reverted = run({"resolvectl", "revert", *interface}); !reverted)
      context.err << "sixpn: " << reverted.error().message << "\n";
  context.out << fmt::format("systemd-resolved does not ask sixpn any more; {} is gone\n",
                             kUnitDropIn);
  return true;
}

Result<bool> bring_back_resolv_conf(CommandContext& context) {
  if (!exists(kResolvConfBefore)) return false;
  if (!is_our_resolv_conf(read_text(kResolvConf)))
    return Error(
        fmt::format("{} was replaced since the installation and is left as it is; what it "
                    "was before is in {}",
                    kResolvConf, kResolvConfBefore));
  if (rename(std::string(kResolvConfBefore).c_str(), std::string(kResolvConf).c_str()) != 0)
    return system_error(fmt::format("bringing back {}", kResolvConf));
  context.out << fmt::format("{} is what it was\n", kResolvConf);
  return true;
}

}  // namespace

CommandResult install_dns(CommandContext& context, const DnsInstallOptions& options) {
  auto target = find_target(context);
  if (!target) return target.error();
  if (exists(kResolvedSocket)) return install_in_resolved(context, *target);
  if (options.resolv_conf) return install_in_resolv_conf(context, *target);
  return Error(fmt::format(
      "systemd-resolved does not run here. Either point your own resolver at {} for internal, "
      "flycast "
      "and a.a.d.f.ip6.arpa, or let --resolv-conf write {} (`sixpn dns uninstall` brings it back)",
      to_string(target->server), kResolvConf));
}

CommandResult uninstall_dns(CommandContext& context) {
  auto resolved = remove_from_resolved(context);
  if (!resolved) return resolved.error();
  auto file = bring_back_resolv_conf(context);
  if (!file) return file.error();
  if (!*resolved && !*file) context.out << "nothing was installed\n";
  return ExitCode::kOk;
}

}  // namespace sixpn::cli
