// RelayLoop: a thread that moves the bytes of many relays (relay_poller.h). Not the room's event
// loop: who may connect, and what is counted, stays there; this one is told of two joined streams
// and tells when they have ended. Any thread may call it. Limits: relay_poller.h.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "flycast/io/relay_poller.h"

namespace sixpn::flycast {

class RelayLoop {
 public:
  // On its own thread: these streams have ended and are closed.
  using OnEnded = std::function<void(std::vector<SessionId>)>;
  // Likewise, and again every kSilenceLook: their machine, of this host, acknowledges nothing.
  using OnSilent = std::function<void(std::vector<SessionId>)>;

  // `hop_silence`: see RelayShared. Errors: no descriptors, no thread.
  static Result<std::unique_ptr<RelayLoop>> start(const std::string& name, Duration hop_silence,
                                                  OnEnded on_ended, OnSilent on_silent);
  ~RelayLoop();  // resets what is open; calls nobody
  RelayLoop(const RelayLoop&) = delete;
  RelayLoop& operator=(const RelayLoop&) = delete;

  void add(RelayStreams streams);
  // Begun elsewhere.
  void add(std::vector<RelayPoller::Loose> relays);
  // As RelayPoller's, of relays that were added before.
  void lose_hops(std::vector<SessionId> relays);
  // Runs it on the thread, in its next turn: a sign of life.
  void post(std::function<void()> task);
  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] RelayCounts counts() const;

 private:
  struct Impl;
  explicit RelayLoop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::flycast
