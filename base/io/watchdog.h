// Watchdog: notices a loop that no longer runs its tasks, says which and for how long, and ends the
// process before a half-dead agent does harm: machines, WireGuard and routes outlive it, and the
// service manager starts a new one. On a thread of its own, so that no stalled loop stalls it.
//
// The process ends by SIGABRT (status 134 to a shell), after a line in the log and the stack of the
// stalled thread on standard error. The whole process being stopped or suspended is no stall. Fed
// by this thread, the service manager's own watchdog covers this one's death.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/io/event_loop.h"
#include "base/io/service_notify.h"
#include "base/time.h"

namespace sixpn {

inline constexpr Duration kDefaultStallLimit = std::chrono::seconds(30);

// What is watched: an event loop, or another thread that runs tasks it is given in its turns.
struct Watched {
  using Post = std::function<void(std::function<void()> task)>;  // from any thread

  Watched(EventLoop* loop)  // NOLINT(google-explicit-constructor): most are event loops
      : name(loop->name()),
        post([loop](std::function<void()> task) { loop->post(std::move(task)); }) {}
  Watched(std::string its_name, Post its_post)
      : name(std::move(its_name)), post(std::move(its_post)) {}

  std::string name;
  Post post;
};

class Watchdog {
 public:
  struct Options {
    Duration limit = kDefaultStallLimit;  // a loop that owes an answer for longer; zero: only told
    Duration round = std::chrono::seconds(1);  // shorter in tests, where time runs with it
    // What to do about a loop over the limit; abort() unless given.
    std::function<void(const std::string& loop, Duration owed)> on_fatal;
  };

  // The loops must run, and outlive this. Destroy it before they are stopped.
  Watchdog(std::vector<Watched> loops, const ServiceNotify& notify, Options options);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn
