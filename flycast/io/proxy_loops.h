// ProxyLoops: the loops of one FlycastService, each with a thread and the ProxyState of the
// connections that were given to it; the first one is the room's own, which accepts. What is asked
// of all of them at once waits for all of them: only the first one may ask, and none waits for it.
//
// Called on the first loop. Limits: kMaxProxyLoops.
#pragma once

#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <type_traits>
#include <vector>

#include "base/io/event_loop.h"
#include "base/result.h"
#include "flycast/io/commons.h"
#include "flycast/io/proxy_state.h"
#include "flycast/io/relay_loop.h"

namespace sixpn::flycast {

class ProxyLoops {
 public:
  ProxyLoops(EventLoop& first, FlycastOptions options, StartMachine start);
  ~ProxyLoops();  // stops
  ProxyLoops(const ProxyLoops&) = delete;
  ProxyLoops& operator=(const ProxyLoops&) = delete;

  // Starts the threads, those of relays too, in the network namespace of this one. Errors: no
  // descriptors, no threads.
  Result<void> start();
  // Resets all that is open, and ends the threads. Idempotent.
  void stop();

  [[nodiscard]] Commons& commons() { return commons_; }
  [[nodiscard]] ProxyState& first() { return *states_.front(); }

  // Calls `what` with each state on its own loop, all at once, and waits until it has returned
  // everywhere. What it returns: in the order of the loops.
  template <class What>
  auto gather(What what) {
    using Said = decltype(what(*states_.front()));
    std::vector<std::future<Said>> said;
    for (const auto& state : states_) {
      auto task = std::make_shared<std::packaged_task<Said()>>(
          [what, proxy = state.get()] { return what(*proxy); });
      said.push_back(task->get_future());
      if (is_elsewhere(*state))
        state->loop.post([task] { (*task)(); });
      else
        (*task)();
    }
    if constexpr (std::is_void_v<Said>) {
      for (auto& one : said) one.get();
    } else {
      std::vector<Said> all;
      for (auto& one : said) all.push_back(one.get());
      return all;
    }
  }
  // Calls it with each state on its own loop, and does not wait.
  void post_each(const std::function<void(ProxyState&)>& what);
  // Calls it once, with the state of the loop that has fewest open connections: it begins another.
  void give(std::function<void(ProxyState&)> begin);

  // For who watches them, while they run: those beside the first.
  [[nodiscard]] std::vector<EventLoop*> loops() const;
  [[nodiscard]] std::vector<RelayLoop*> relay_loops() const;

 private:
  // It has a thread of its own, which runs.
  [[nodiscard]] bool is_elsewhere(const ProxyState& state) const {
    return running_ && state.number != 0;
  }

  std::vector<std::unique_ptr<EventLoop>> loops_;  // beside the first
  Commons commons_;
  std::vector<std::unique_ptr<ProxyState>> states_;
  bool running_ = false;
};

}  // namespace sixpn::flycast
