// Listener: accepts from a listening socket and passes each connection on. Out of descriptors or
// memory, it rests for a moment instead of spinning; connections wait in the kernel's backlog
// meanwhile. Loop thread.
#pragma once

#include <functional>
#include <optional>

#include "base/fd.h"
#include "base/io/event_loop.h"

namespace sixpn::flycast {

class Listener {
 public:
  using OnAccept = std::function<void(Fd stream)>;
  // on_failure: accept() failed with this errno and the listener rests.
  using OnFailure = std::function<void(int error)>;

  Listener(EventLoop& loop, Fd socket, OnAccept on_accept, OnFailure on_failure);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Accepts no more, and gives the socket away: what comes waits in its queue.
  Fd release();
  // Accepts what waits in the kernel's queue, some 64 at most, without waiting for the loop.
  void accept_some();

 private:
  void watch();

  EventLoop& loop_;
  Fd socket_;
  OnAccept on_accept_;
  OnFailure on_failure_;
  std::optional<FdWatch> watch_;
  LoopTimer rest_;
};

}  // namespace sixpn::flycast
