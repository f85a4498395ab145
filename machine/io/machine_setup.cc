#include "machine/io/machine_setup.h"

#include <filesystem>

#include "base/log.h"
#include "machine/core/environment.h"
#include "machine/io/network_namespace.h"
#include "machine/io/user_lookup.h"

namespace sixpn::machine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRoom = "machine";

}  // namespace

MachineSetup::MachineSetup(const MachineService::Options& options)
    : options_(options), store_(fs::absolute(options.state_dir).string()) {}

Result<std::string> MachineSetup::identify_foreign(const std::string& netns_path) const {
  auto identity = namespace_identity(netns_path);
  if (!identity) return identity;
  auto own = namespace_identity("/proc/thread-self/ns/net");
  if (own && *own == *identity)
    return Error(netns_path + " is the host's own network namespace, which cannot be a machine");
  return identity;
}

Result<void> MachineSetup::prepare(const MachineFile& file, bool first) {
  if (auto saved = first ? store_.create(file) : store_.save(file); !saved) return saved;
  store_.clear_run(file.id);
  if (file.kind == MachineKind::kAttached) return {};
  if (auto made = ensure_namespace(file); !made) return made;
  link_etc_files(file.id);
  return {};
}

// What is left of a name without a namespace (a host that keeps /run over a reboot) is in the way.
Result<void> MachineSetup::ensure_namespace(const MachineFile& file) const {
  if (has_namespace(file)) return {};
  auto name = to_string(file.id);
  if (auto removed = remove_named_namespace(options_.netns_dir, name); !removed) return removed;
  return make_named_namespace(options_.netns_dir, name);
}

// Only for `ip netns exec`: a machine's own processes do not need it, so failing is no failure.
void MachineSetup::link_etc_files(MachineId id) const {
  std::error_code failed;
  auto folder = fs::path(options_.etc_netns_dir) / to_string(id);
  fs::create_directories(folder, failed);
  for (const char* name : {"resolv.conf", "hosts"}) {
    fs::remove(folder / name, failed);
    fs::create_symlink(fs::path(store_.folder(id)) / name, folder / name, failed);
    if (failed)
      log::warn(kRoom, "{} cannot be made, `ip netns exec` will show the host's: {}",
                (folder / name).string(), failed.message());
  }
}

Result<ShimSpec> MachineSetup::make_shim_spec(const MachineFile& file) const {
  auto user = find_user(file.process.user);
  if (!user) return user.error();
  ShimSpec spec;
  spec.hostname = to_string(file.id);
  spec.netns_path = file.netns_path;
  spec.folder = store_.folder(file.id);
  spec.resolv_conf = make_resolv_conf(file.process.resolver);
  spec.hosts = make_hosts(file);
  spec.log_path = store_.log_path(file.id);
  spec.cwd = file.process.cwd;
  spec.uid = user->uid;
  spec.gid = user->gid;
  spec.groups = user->groups;
  spec.command = file.process.command;
  spec.env = make_environment(file, options_.region, user->home);
  return spec;
}

void MachineSetup::remove(const MachineFile& file) {
  if (file.kind == MachineKind::kRun) remove_namespace(file.id);
  if (auto removed = store_.remove(file.id); !removed)
    log::error(kRoom, "{}", removed.error().message);
}

void MachineSetup::remove_namespace(MachineId id) {
  std::error_code ignored;
  fs::remove_all(fs::path(options_.etc_netns_dir) / to_string(id), ignored);
  if (auto removed = remove_named_namespace(options_.netns_dir, to_string(id)); !removed)
    log::error(kRoom, "{}", removed.error().message);
}

bool MachineSetup::has_namespace(const MachineFile& file) const {
  auto identity = namespace_identity(file.netns_path);
  if (!identity) return false;
  return file.kind == MachineKind::kRun || *identity == file.netns_identity;
}

Result<void> MachineSetup::restore_name(MachineId id, std::int32_t pid) const {
  auto name = to_string(id);
  if (auto removed = remove_named_namespace(options_.netns_dir, name); !removed) return removed;
  return name_namespace("/proc/" + std::to_string(pid) + "/ns/net", options_.netns_dir, name);
}

bool MachineSetup::is_name_taken(MachineId id) const {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(netns_path(id), ignored)) ||
         fs::exists(fs::symlink_status(store_.folder(id), ignored));
}

std::string MachineSetup::netns_path(MachineId id) const {
  return options_.netns_dir + "/" + to_string(id);
}

}  // namespace sixpn::machine
