// EventLoop: one thread, one asio io_context. A room's io objects live on exactly one loop and are
// only touched from it; everything crosses loops by post() of immutable values. asio stays out of
// this header: a .cc that needs sockets includes <boost/asio.hpp> and uses context().
//
// Stop is idempotent: stop() ends run() after the handler that is running; what was posted later is
// destroyed unrun. Objects on the loop are destroyed after join(), in reverse order of start.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/time.h"

namespace boost::asio {
class io_context;
}

namespace sixpn {

class EventLoop {
 public:
  explicit EventLoop(std::string name);
  ~EventLoop();  // stops and joins
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs handlers on the calling thread until stop().
  void run();
  // Runs handlers on a thread of its own, named after the loop.
  void start_thread();
  // Any thread.
  void stop();
  void join();
  void post(std::function<void()> task);

  [[nodiscard]] bool on_loop_thread() const;
  [[nodiscard]] const std::string& name() const { return name_; }
  boost::asio::io_context& context();

 private:
  struct Impl;
  std::string name_;
  std::unique_ptr<Impl> impl_;
};

// A one-shot timer of a loop; arming again replaces the earlier time. Loop thread only.
class LoopTimer {
 public:
  LoopTimer(EventLoop& loop, std::function<void()> on_fire);
  ~LoopTimer();
  LoopTimer(const LoopTimer&) = delete;
  LoopTimer& operator=(const LoopTimer&) = delete;

  void arm_at(Instant when);  // kNever disarms
  void arm_after(Duration delay);
  void cancel();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Calls on_readable each time `fd` is readable, until destroyed. Does not own the descriptor, which
// must outlive it. Loop thread only.
class FdWatch {
 public:
  FdWatch(EventLoop& loop, int fd, std::function<void()> on_readable);
  ~FdWatch();
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn
