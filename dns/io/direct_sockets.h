// DirectSockets: a worker's own UDP sockets to the upstream resolvers. A query leaves by one of
// kPorts sockets of its upstream, drawn at random, under an id drawn at random; a socket is
// connected (the kernel takes nothing from anybody else), has a port of the kernel's choice, and is
// replaced (upstream_sockets.h). A datagram belongs to a question by socket and id; whether it
// answers it, its owner says. It knows nothing else of DNS.
//
// Not for TCP, and not for upstreams that misbehave: who sends kMostStrays datagrams that answer
// nothing to one socket is not asked from here for kFloodPause, and its socket is closed, so that
// the kernel refuses the rest. A reply to a question that was forgotten is none of these: anybody
// can ask for names whose servers are dead, and so have a good upstream reply too late.
//
// Owned by DirectForward, on its worker's loop. Limits: kReadsPerTurn datagrams a turn, for
// whatever upstream sends must not hold up the worker; sockets that were replaced stay while a
// question waits there; how many wait is the owner's to bound.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/io/event_loop.h"
#include "base/ip.h"
#include "base/time.h"

namespace sixpn::dns {

class DirectSockets {
 public:
  static constexpr int kMostStrays = 64;
  static constexpr Duration kFloodPause = std::chrono::seconds(30);

  // What the owner knows a question by.
  using Token = std::uint32_t;
  // Where a question waits.
  struct Ticket {
    std::uint64_t socket = 0;
    std::uint16_t id = 0;
  };
  enum class Lost {
    kFailed,   // nobody is there, as the kernel was told
    kFlooded,  // its socket was closed for strays: whether an answer was on its way is not known
  };
  struct Events {
    // False: it is no answer to that question, which goes on waiting.
    std::function<bool(Token, std::string_view message)> on_reply;
    // Nothing will come any more.
    std::function<void(Token, Lost)> on_lost;
    // After a turn's replies.
    std::function<void()> after_turn;
  };

  DirectSockets(EventLoop& loop, const std::vector<IpEndpoint>& upstreams, Events events);
  ~DirectSockets();
  DirectSockets(const DirectSockets&) = delete;
  DirectSockets& operator=(const DirectSockets&) = delete;

  // `query` gets its id. False: it cannot be asked from here now. Calls nothing back.
  bool send(std::size_t upstream, std::string& query, Token token, Instant now, Ticket& ticket);
  // The question waits no more.
  void forget(const Ticket& ticket);
  // Closes what is done with, and tells of questions whose socket has failed. To be called every
  // now and then while questions wait.
  void on_tick();
  [[nodiscard]] std::uint64_t strays() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::dns
