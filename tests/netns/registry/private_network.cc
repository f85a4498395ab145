#include "tests/netns/registry/private_network.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "registry/core/address.h"

namespace sixpn::test {
namespace {

bool run(const std::string& command) {
  return std::system(command.c_str()) == 0;
}

bool enter() {
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
    std::perror("making a network namespace");
    return false;
  }
  // Mounts made here must not show outside.
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    std::perror("making mounts private");
    return false;
  }
  return run("ip link set lo up");
}

}  // namespace

bool enter_private_network() {
  static const bool entered = enter();
  return entered;
}

void add_host_address(HostId host) {
  run("ip -6 address replace " + to_string(host_address(host)) + "/128 dev lo nodad");
}

bool mount_small_disk(const std::string& path, const std::string& size) {
  return ::mount("tmpfs", path.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
}

bool resize_disk(const std::string& path, const std::string& size) {
  return ::mount("tmpfs", path.c_str(), "tmpfs", MS_REMOUNT, ("size=" + size).c_str()) == 0;
}

bool unmount_disk(const std::string& path) {
  return ::umount2(path.c_str(), MNT_DETACH) == 0;
}

}  // namespace sixpn::test
