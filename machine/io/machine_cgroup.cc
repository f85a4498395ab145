#include "machine/io/machine_cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "machine/core/cgroup_paths.h"
#include "machine/io/atomic_file.h"

namespace sixpn::machine {
namespace {

constexpr std::size_t kMaxProcBytes = 1024 * 1024;
constexpr std::size_t kMaxControlBytes = 4096;
constexpr std::string_view kPrefix = "sixpn-machine-";

Result<CgroupMount> read_mount() {
  auto mounts = read_file("/proc/self/mountinfo", kMaxProcBytes);
  if (!mounts) return mounts.error();
  auto mount = find_cgroup_mount(*mounts);
  if (!mount) return Error("no cgroup v2 hierarchy is mounted");
  return *mount;
}

Result<std::string> read_folder(const CgroupMount& mount, const std::string& process) {
  auto groups = read_file("/proc/" + process + "/cgroup", kMaxProcBytes);
  if (!groups) return groups.error();
  auto path = find_cgroup_path(*groups);
  if (!path) return Error("process " + process + " is in no cgroup v2");
  return cgroup_folder(mount, *path);
}

// Kernels before 6.2 do not tell by the size of /proc/PID/fd.
std::size_t count_open_files(const std::string& folder) {
  struct stat known {};
  if (stat(folder.c_str(), &known) == 0 && known.st_size > 0)
    return static_cast<std::size_t>(known.st_size);
  std::size_t count = 0;
  std::error_code failed;  // it has ended meanwhile
  std::filesystem::directory_iterator files(folder, failed), end;
  for (; !failed && files != end && count < kMostFilesRead; files.increment(failed)) ++count;
  return count;
}

// The kernel's files take a write whole, and are not truncated.
Result<void> write_control(const std::string& path, std::string_view text) {
  Fd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return Error::from_errno("writing " + path);
  return {};
}

}  // namespace

Result<void> MachineCgroup::freeze() const {
  return write_control(path_ + "/cgroup.freeze", "1");
}
Result<void> MachineCgroup::thaw() const {
  return write_control(path_ + "/cgroup.freeze", "0");
}

bool MachineCgroup::is_frozen() const {
  auto events = read_file(path_ + "/cgroup.events", kMaxControlBytes);
  return events && events->find("frozen 1") != std::string::npos;
}

bool MachineCgroup::is_to_be_frozen() const {
  auto asked = read_file(path_ + "/cgroup.freeze", kMaxControlBytes);
  return asked && asked->starts_with("1");
}

std::optional<CpuUse> MachineCgroup::cpu_use() const {
  auto stat = read_file(path_ + "/cpu.stat", kMaxControlBytes);
  return stat ? parse_cpu_stat(*stat) : std::nullopt;
}

std::optional<PressureUse> MachineCgroup::pressure_use() const {
  auto total = [this](std::string_view resource) {
    auto text = read_file(fmt::format("{}/{}.pressure", path_, resource), kMaxControlBytes);
    return text ? parse_pressure(*text) : std::nullopt;
  };
  auto cpu = total("cpu"), memory = total("memory"), io = total("io");
  if (!cpu || !memory || !io) return std::nullopt;
  return PressureUse{*cpu, *memory, *io};
}

std::optional<ProcessUse> MachineCgroup::process_use() const {
  static const auto kPage = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  auto text = read_file(path_ + "/cgroup.procs", kMaxProcBytes);
  if (!text) return std::nullopt;
  ProcessUse use;
  for (std::string_view left = *text; !left.empty();) {
    if (use.processes == kMostProcessesRead) return std::nullopt;
    std::string_view id = left.substr(0, left.find('\n'));
    left.remove_prefix(std::min(id.size() + 1, left.size()));
    std::string folder = fmt::format("/proc/{}", id);
    auto statm = read_file(folder + "/statm", kMaxControlBytes);
    auto pages = statm ? parse_statm(*statm) : std::nullopt;
    if (!pages) continue;  // it has ended meanwhile
    ++use.processes;
    use.anonymous_bytes += *pages * kPage;
    use.open_files += count_open_files(folder + "/fd");
  }
  return use;
}

MachineCgroups::MachineCgroups() : folder_(Error("not looked for")) {
  auto mount = read_mount();
  if (!mount) {
    folder_ = mount.error();
    return;
  }
  folder_ = read_folder(*mount, "self");
}

std::string MachineCgroups::path_of(MachineId machine) const {
  return *folder_ + "/" + std::string(kPrefix) + to_string(machine);
}

Result<Fd> MachineCgroups::make(MachineId machine) const {
  if (!folder_) return folder_.error();
  std::string path = path_of(machine);
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
    return Error::from_errno("making the cgroup " + path);
  // As a machine that was killed while frozen left it.
  if (auto thawed = MachineCgroup(path).thaw(); !thawed) return thawed.error();
  Fd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return Error::from_errno("opening the cgroup " + path);
  return folder;
}

Result<MachineCgroup> MachineCgroups::find(MachineId machine, pid_t init) const {
  if (!folder_) return folder_.error();
  auto mount = read_mount();
  if (!mount) return mount.error();
  auto folder = read_folder(*mount, std::to_string(init));
  if (!folder) return folder.error();
  std::string own = "/" + std::string(kPrefix) + to_string(machine);
  if (!folder->ends_with(own)) return Error("it was started without a cgroup of its own");
  return MachineCgroup(std::move(*folder));
}

void MachineCgroups::remove(MachineId machine) const {
  if (folder_) rmdir(path_of(machine).c_str());
}

Result<std::unique_ptr<FreezeWatch>> FreezeWatch::watch(EventLoop& loop,
                                                        const MachineCgroup& cgroup,
                                                        std::function<void()> on_frozen) {
  Fd events(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  std::string file = cgroup.path() + "/cgroup.events";
  if (!events || inotify_add_watch(events.get(), file.c_str(), IN_MODIFY) < 0)
    return Error::from_errno("watching " + file);
  std::unique_ptr<FreezeWatch> made(
      new FreezeWatch(cgroup, std::move(events), std::move(on_frozen)));
  made->watch_.emplace(loop, made->events_.get(), [raw = made.get()] {
    raw->drain();
    raw->look();
  });
  return made;
}

FreezeWatch::FreezeWatch(MachineCgroup cgroup, Fd events, std::function<void()> on_frozen)
    : cgroup_(std::move(cgroup)), events_(std::move(events)), on_frozen_(std::move(on_frozen)) {}

void FreezeWatch::drain() const {
  alignas(inotify_event) char buffer[4096];
  while (read(events_.get(), buffer, sizeof buffer) > 0) {
  }
}

void FreezeWatch::look() {
  if (!on_frozen_ || !cgroup_.is_frozen()) return;
  std::exchange(on_frozen_, nullptr)();
}

}  // namespace sixpn::machine
