// HttpPoller: tells the HTTP streams of a loop what their sockets are ready for. One epoll
// instance, edge-triggered, that the loop watches as a single descriptor: a stream is registered
// once in its life, where a wait of the loop's own costs a system call each and memory per
// descriptor (decisions/0112). Loop thread. Limits: kEventsPerTurn before others get their turn.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <optional>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "base/result.h"

namespace sixpn::flycast {

class HttpPoller {
 public:
  // Whoever is told. It must call forget() before it goes.
  class Listener {
   public:
    // EPOLLIN and its like. May destroy this or any other listener.
    virtual void on_events(std::uint32_t events) = 0;

   protected:
    ~Listener() = default;
  };
  static constexpr std::size_t kEventsPerTurn = 64;

  explicit HttpPoller(EventLoop& loop);
  HttpPoller(const HttpPoller&) = delete;
  HttpPoller& operator=(const HttpPoller&) = delete;

  // Tells of bytes and ends of `fd`, from now on. False: the kernel refused.
  bool add(int fd, Listener& listener);
  // Of room to write, too.
  void add_writable(int fd, Listener& listener);
  void remove(int fd);
  // What was noticed of it and not told yet is dropped.
  void forget(const Listener& listener);

 private:
  void tell();

  Fd epoll_;
  std::array<epoll_event, kEventsPerTurn> events_{};
  std::size_t noticed_ = 0;  // of events_
  std::size_t told_ = 0;
  std::optional<FdWatch> watch_;
};

}  // namespace sixpn::flycast
