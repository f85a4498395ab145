#include "machine/io/shim_mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

namespace sixpn::machine {
namespace {

constexpr unsigned long kPlainMount = MS_NOSUID | MS_NODEV | MS_NOEXEC;

Result<void> write_file(const std::string& path, const std::string& text) {
  Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return Error::from_errno("writing " + path);
  return {};
}

// The files that differ from the host's, in a small file system of the machine's own.
Result<void> make_etc_layer(const ShimSpec& spec, const std::string& layer) {
  if (mount("sixpn-etc", layer.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64m") != 0)
    return Error::from_errno("mounting " + layer);
  if (mkdir((layer + "/upper").c_str(), 0755) != 0 || mkdir((layer + "/work").c_str(), 0755) != 0)
    return Error::from_errno("making folders in " + layer);
  if (auto done = write_file(layer + "/upper/resolv.conf", spec.resolv_conf); !done) return done;
  return write_file(layer + "/upper/hosts", spec.hosts);
}

// Without overlayfs: over the files themselves. Lost again when the host replaces its own file.
Result<void> bind_etc_files(const std::string& layer) {
  for (const std::string name : {"resolv.conf", "hosts"}) {
    std::string path = "/etc/" + name;
    if (mount((layer + "/upper/" + name).c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0)
      return Error::from_errno("mounting over " + path);
  }
  return {};
}

// An overlay of /etc and not a bind mount of each file: those vanish from every running machine the
// moment the host replaces its resolv.conf by rename, as DHCP clients do (docs/decisions/0041).
Result<void> make_etc(const ShimSpec& spec) {
  std::string layer = spec.folder + "/" + std::string(kEtcMountPoint);
  if (auto made = make_etc_layer(spec, layer); !made) return made;
  // Relative names: the options of overlayfs give ',' and ':' in a path a meaning.
  if (chdir(layer.c_str()) != 0) return Error::from_errno("entering " + layer);
  bool overlaid = mount("sixpn-etc", "/etc", "overlay", MS_NOSUID | MS_NODEV,
                        "lowerdir=/etc,upperdir=upper,workdir=work") == 0;
  if (chdir("/") != 0) return Error::from_errno("entering /");
  if (!overlaid)
    if (auto bound = bind_etc_files(layer); !bound) return bound;
  umount2(layer.c_str(), MNT_DETACH);
  return {};
}

// A fresh sysfs shows the machine's own interfaces. Best effort; control groups stay visible.
void make_sys() {
  Fd cgroups(open("/sys/fs/cgroup", O_PATH | O_CLOEXEC));
  if (mount("sysfs", "/sys", "sysfs", kPlainMount, nullptr) != 0 || !cgroups) return;
  auto source = "/proc/self/fd/" + std::to_string(cgroups.get());
  mount(source.c_str(), "/sys/fs/cgroup", nullptr, MS_BIND | MS_REC, nullptr);
}

}  // namespace

Result<void> enter_namespaces(const ShimSpec& spec) {
  Fd netns(open(spec.netns_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!netns) return Error::from_errno("opening network namespace " + spec.netns_path);
  if (setns(netns.get(), CLONE_NEWNET) != 0)
    return Error::from_errno("entering network namespace " + spec.netns_path);
  if (unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID) != 0)
    return Error::from_errno("making namespaces");
  return {};
}

Result<void> make_machine_view(const ShimSpec& spec) {
  if (sethostname(spec.hostname.data(), spec.hostname.size()) != 0)
    return Error::from_errno("setting the host name");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
    return Error::from_errno("making mounts private");
  if (auto done = make_etc(spec); !done) return done;
  if (mount("proc", "/proc", "proc", kPlainMount, nullptr) != 0)
    return Error::from_errno("mounting /proc");
  make_sys();
  return {};
}

}  // namespace sixpn::machine
