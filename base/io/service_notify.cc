#include "base/io/service_notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace sixpn {

ServiceNotify ServiceNotify::from_environment() {
  ServiceNotify notify;
  const char* given = std::getenv("NOTIFY_SOCKET");
  std::string path = given == nullptr ? "" : given;
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
  sockaddr_un to{};
  if (path.empty() || path.size() >= sizeof to.sun_path) return notify;
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), path.size());
  if (path.front() == '@') to.sun_path[0] = '\0';  // the abstract name space
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket || connect(socket.get(), reinterpret_cast<sockaddr*>(&to), size) != 0) return notify;
  notify.socket_ = std::move(socket);
  return notify;
}

ServiceNotify ServiceNotify::over(Fd socket) {
  ServiceNotify notify;
  notify.socket_ = std::move(socket);
  return notify;
}

void ServiceNotify::tell(std::string_view state) const {
  if (socket_) static_cast<void>(::send(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL));
}

}  // namespace sixpn
