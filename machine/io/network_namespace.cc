#include "machine/io/network_namespace.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "base/fd.h"

namespace sixpn::machine {
namespace {

// Two agents, or an agent and `ip netns add`, must not both stack a mount on the folder: ip locks
// it too.
Result<void> make_folder_shared(const std::string& folder) {
  if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
    return Error::from_errno("making " + folder);
  Fd lock(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock || flock(lock.get(), LOCK_EX) != 0) return Error::from_errno("locking " + folder);
  const char* path = folder.c_str();
  if (mount("", path, "none", MS_SHARED | MS_REC, nullptr) == 0) return {};
  if (errno != EINVAL) return Error::from_errno("sharing " + folder);
  // Not a mount point yet.
  if (mount(path, path, "none", MS_BIND | MS_REC, nullptr) != 0 ||
      mount("", path, "none", MS_SHARED | MS_REC, nullptr) != 0)
    return Error::from_errno("making " + folder + " a mount point");
  return {};
}

Result<void> bind_name(const std::string& source, const std::string& path) {
  if (mount(source.c_str(), path.c_str(), "none", MS_BIND, nullptr) != 0)
    return Error::from_errno("naming the namespace " + path);
  return {};
}

// Runs `bind(path)` on a fresh file; takes the file away again if that fails.
template <class Bind>
Result<void> with_name(const std::string& folder, const std::string& name, Bind bind) {
  if (auto shared = make_folder_shared(folder); !shared) return shared;
  std::string path = folder + "/" + name;
  Fd file(open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0));
  if (!file) return Error::from_errno("making network namespace " + path);
  auto bound = bind(path);
  if (!bound) unlink(path.c_str());
  return bound;
}

}  // namespace

Result<void> make_named_namespace(const std::string& folder, const std::string& name) {
  return with_name(folder, name, [](const std::string& path) {
    Result<void> outcome;
    // A thread of its own: it leaves for the new namespace and never has to come back.
    std::thread([&] {
      if (unshare(CLONE_NEWNET) != 0)
        outcome = Error::from_errno("making a network namespace");
      else
        outcome = bind_name("/proc/thread-self/ns/net", path);
    }).join();
    return outcome;
  });
}

Result<void> name_namespace(const std::string& source, const std::string& folder,
                            const std::string& name) {
  return with_name(folder, name, [&](const std::string& path) { return bind_name(source, path); });
}

Result<void> remove_named_namespace(const std::string& folder, const std::string& name) {
  std::string path = folder + "/" + name;
  umount2(path.c_str(), MNT_DETACH);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return Error::from_errno("removing " + path);
  return {};
}

Result<std::string> namespace_identity(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return Error::from_errno("network namespace " + path);
  if (ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET)
    return Error(path + ": not a network namespace");
  struct stat found {};
  if (fstat(fd.get(), &found) != 0) return Error::from_errno("network namespace " + path);
  return std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino);
}

}  // namespace sixpn::machine
