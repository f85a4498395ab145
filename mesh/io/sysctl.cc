#include "mesh/io/sysctl.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "base/fd.h"

namespace sixpn::mesh {
namespace {

constexpr const char* kRoot = "/proc/sys/";
constexpr const char* kAcceptAlways = "2";  // also when forwarding

Result<void> keep_router_advertisements(const std::string& interface) {
  const std::string directory = "net/ipv6/conf/" + interface;
  auto accept = read_sysctl(directory + "/accept_ra");
  auto forwarding = read_sysctl(directory + "/forwarding");
  if (!accept || !forwarding) return {};  // the interface went away meanwhile
  if (*accept != "1" || *forwarding != "0") return {};
  return write_sysctl(directory + "/accept_ra", kAcceptAlways);
}

}  // namespace

Result<std::string> read_sysctl(const std::string& key) {
  Fd file(::open((kRoot + key).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Error::from_errno("reading " + (kRoot + key));
  char text[256];
  ssize_t got = ::read(file.get(), text, sizeof text);
  if (got < 0) return Error::from_errno("reading " + (kRoot + key));
  std::string value(text, static_cast<std::size_t>(got));
  while (value.ends_with('\n')) value.pop_back();
  return value;
}

Result<void> write_sysctl(const std::string& key, const std::string& value) {
  Fd file(::open((kRoot + key).c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return Error::from_errno("writing " + (kRoot + key));
  if (::write(file.get(), value.data(), value.size()) < 0)
    return Error::from_errno("writing " + (kRoot + key));
  return {};
}

Result<void> enable_forwarding() {
  std::error_code failed;
  std::filesystem::directory_iterator entries(std::string(kRoot) + "net/ipv6/conf", failed);
  if (failed) return Error("IPv6 is not available: " + failed.message(), failed.value());
  for (auto at = begin(entries); at != end(entries); at.increment(failed)) {
    if (failed) break;
    std::string interface = at->path().filename();
    if (interface == "all" || interface == "default") continue;
    if (auto kept = keep_router_advertisements(interface); !kept) return kept;
  }
  return write_sysctl("net/ipv6/conf/all/forwarding", "1");
}

}  // namespace sixpn::mesh
