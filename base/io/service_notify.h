// ServiceNotify: what this process tells the service manager that started it, by the protocol of
// sd_notify(3): one datagram of VARIABLE=VALUE lines to the socket in $NOTIFY_SOCKET. Does nothing
// when nobody asked for it. Any thread; never blocks.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"

namespace sixpn {

class ServiceNotify {
 public:
  // Takes NOTIFY_SOCKET and WATCHDOG_* out of the environment: they are not meant for children.
  // Call before threads start.
  static ServiceNotify from_environment();

  // To whoever reads the other end of a connected datagram socket, and passes it on.
  static ServiceNotify over(Fd socket);

  [[nodiscard]] bool asked() const { return static_cast<bool>(socket_); }
  // "READY=1", "STOPPING=1", "WATCHDOG=1". A manager that does not listen is no error.
  void tell(std::string_view state) const;

 private:
  Fd socket_;  // connected
};

}  // namespace sixpn
