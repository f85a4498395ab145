// run_on: what a loop's own thread is to do, done and waited for.
//
// Called on any other thread, while the loop's runs: on its own it would wait for ever.
#pragma once

#include <future>
#include <type_traits>

#include "base/io/event_loop.h"

namespace sixpn {

// Returns what `task` returns.
template <class Task>
auto run_on(EventLoop& loop, Task task) {
  std::promise<decltype(task())> promise;
  auto result = promise.get_future();
  loop.post([&] {
    if constexpr (std::is_void_v<decltype(task())>) {
      task();
      promise.set_value();
    } else {
      promise.set_value(task());
    }
  });
  return result.get();
}

}  // namespace sixpn
