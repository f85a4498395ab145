#include "flycast/io/relay_loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/io/clock.h"
#include "base/log.h"

namespace sixpn::flycast {
namespace {

constexpr int kEventsPerTurn = 256;
constexpr Duration kSweepEvery = std::chrono::seconds(1);
// How often a relay that is ending is looked at: no event tells that all was acknowledged.
constexpr int kEndingCheckMs = 10;

}  // namespace

struct RelayLoop::Impl {
  // The thread's own.
  OnEnded on_ended;
  Fd epoll;
  RelayShared shared;
  std::unordered_map<SessionId, Relay> relays;
  std::vector<Relay*> turns;   // stopped only to be fair: go on in the next turn
  std::vector<Relay*> ending;  // wait for acknowledgements
  std::vector<SessionId> ended;
  Instant next_sweep{};
  // Shared with the callers.
  Fd wake;
  std::mutex mutex;
  std::vector<RelayStreams> added;  // under mutex
  std::atomic<bool> stopped = false;
  std::atomic<std::uint64_t> bytes = 0;
  std::atomic<std::uint64_t> idle_timeouts = 0;
  std::atomic<std::uint64_t> silent_hops = 0;
  std::thread thread;

  Result<void> open() {
    epoll = Fd(epoll_create1(EPOLL_CLOEXEC));
    wake = Fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.ptr = nullptr;
    if (!epoll || !wake || epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0)
      return Error::from_errno("a relay loop");
    return {};
  }

  // Signals are other threads' business; splice has no MSG_NOSIGNAL, so SIGPIPE too is blocked.
  void start_thread(const std::string& name) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread = std::thread([this, name] {
      pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
      run();
    });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void run() {
    std::array<epoll_event, kEventsPerTurn> events;
    while (!stopped) {
      int count = epoll_wait(epoll.get(), events.data(), kEventsPerTurn, patience());
      shared.now = monotonic_now();
      take_turns();
      for (int i = 0; i < count; ++i) {
        auto& event = events[static_cast<std::size_t>(i)];
        if (event.data.ptr == nullptr) continue;  // `wake`: see adopt_added
        auto& end = *static_cast<Relay::End*>(event.data.ptr);
        end.relay->on_events(end, event.events);
        note(*end.relay);
      }
      adopt_added();
      check_ending();
      sweep();
      publish();
      reap();
    }
  }

  [[nodiscard]] int patience() const {
    if (!turns.empty()) return 0;
    if (!ending.empty()) return kEndingCheckMs;
    return relays.empty() ? -1 : static_cast<int>(kSweepEvery / std::chrono::milliseconds(1));
  }

  // Puts a relay on the lists of what it waits for.
  void note(Relay& relay) {
    if (relay.has_ended()) {
      ended.push_back(relay.id());
      return;
    }
    if (relay.wants_turn() && !std::exchange(relay.is_on_turns, true)) turns.push_back(&relay);
    if (relay.is_ending() && !std::exchange(relay.is_on_ending, true)) ending.push_back(&relay);
  }

  void take_turns() {
    for (Relay* relay : std::exchange(turns, {})) {
      relay->is_on_turns = false;
      relay->move_some();
      note(*relay);
    }
  }

  void adopt_added() {
    std::vector<RelayStreams> streams;
    {
      std::lock_guard lock(mutex);
      streams.swap(added);
    }
    for (RelayStreams& one : streams) {
      SessionId id = one.id;
      Relay& relay = relays.try_emplace(id, std::move(one), shared).first->second;
      if (!relay.watch(epoll.get())) {
        log::warn("flycast", "a connection was reset: its sockets could not be watched");
        ended.push_back(id);
        continue;
      }
      relay.move_some();
      note(relay);
    }
  }

  void check_ending() {
    for (Relay* relay : std::exchange(ending, {})) {
      relay->is_on_ending = false;
      if (!relay->has_ended()) relay->check_ending();
      note(*relay);
    }
  }

  void sweep() {
    if (relays.empty() || shared.now < next_sweep) return;
    next_sweep = shared.now + kSweepEvery;
    for (auto& [id, relay] : relays) {
      if (relay.has_ended()) continue;
      relay.sweep();
      note(relay);
    }
  }

  void publish() {
    bytes.store(shared.bytes, std::memory_order_relaxed);
    idle_timeouts.store(shared.idle_timeouts, std::memory_order_relaxed);
    silent_hops.store(shared.silent_hops, std::memory_order_relaxed);
  }

  // Last in a turn, when no event can name what goes.
  void reap() {
    if (ended.empty()) return;
    auto has_ended = [](const Relay* relay) { return relay->has_ended(); };
    std::erase_if(turns, has_ended);
    std::erase_if(ending, has_ended);
    std::sort(ended.begin(), ended.end());
    ended.erase(std::unique(ended.begin(), ended.end()), ended.end());
    for (SessionId id : ended) relays.erase(id);
    on_ended(std::exchange(ended, {}));
  }

  void wake_up() {
    std::uint64_t one = 1;
    static_cast<void>(write(wake.get(), &one, sizeof one) == sizeof one);
  }
};

Result<std::unique_ptr<RelayLoop>> RelayLoop::start(const std::string& name, Duration hop_silence,
                                                    OnEnded on_ended) {
  auto impl = std::make_unique<Impl>();
  impl->shared.hop_silence = hop_silence;
  impl->on_ended = std::move(on_ended);
  if (auto opened = impl->open(); !opened) return std::move(opened).error();
  try {
    impl->start_thread(name);
  } catch (const std::system_error& failed) {
    return Error(std::string("a relay thread: ") + failed.what(), failed.code().value());
  }
  return std::unique_ptr<RelayLoop>(new RelayLoop(std::move(impl)));
}

RelayLoop::RelayLoop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

RelayLoop::~RelayLoop() {
  impl_->stopped = true;
  impl_->wake_up();
  impl_->thread.join();
}

void RelayLoop::add(RelayStreams streams) {
  bool was_empty = false;
  {
    std::lock_guard lock(impl_->mutex);
    was_empty = impl_->added.empty();
    impl_->added.push_back(std::move(streams));
  }
  if (was_empty) impl_->wake_up();
}

RelayLoop::Counts RelayLoop::counts() const {
  return {impl_->bytes, impl_->idle_timeouts, impl_->silent_hops};
}

}  // namespace sixpn::flycast
