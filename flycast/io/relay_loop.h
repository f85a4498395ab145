// RelayLoop: a thread that moves the bytes of many relays (relay.h), by edge-triggered epoll. Not
// the room's event loop: who may connect, and what is counted, stays there; this one is told of two
// joined streams and tells when they have ended. Any thread may call it. Limits: the room's
// max_sessions bounds what it is given; relay.h, pipe_pool.h.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "flycast/io/relay.h"

namespace sixpn::flycast {

class RelayLoop {
 public:
  // On its own thread: these streams have ended and are closed.
  using OnEnded = std::function<void(std::vector<SessionId>)>;

  // What it counted since start.
  struct Counts {
    std::uint64_t bytes = 0;
    std::uint64_t idle_timeouts = 0;
    std::uint64_t silent_hops = 0;
  };

  // `hop_silence`: see RelayShared. Errors: no descriptors, no thread.
  static Result<std::unique_ptr<RelayLoop>> start(const std::string& name, Duration hop_silence,
                                                  OnEnded on_ended);
  ~RelayLoop();  // resets what is open; calls nobody
  RelayLoop(const RelayLoop&) = delete;
  RelayLoop& operator=(const RelayLoop&) = delete;

  void add(RelayStreams streams);
  [[nodiscard]] Counts counts() const;

 private:
  struct Impl;
  explicit RelayLoop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::flycast
