#include "flycast/io/relay_loop.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <functional>
#include <iterator>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace sixpn::flycast {

struct RelayLoop::Impl {
  // What callers have given and the thread has not taken yet.
  struct Inbox {
    std::vector<RelayStreams> streams;
    std::vector<RelayPoller::Loose> relays;
    std::vector<SessionId> lost;
    std::vector<std::function<void()>> tasks;
    [[nodiscard]] bool empty() const {
      return streams.empty() && relays.empty() && lost.empty() && tasks.empty();
    }
  };

  explicit Impl(Duration hop_silence) : poller(hop_silence, PipePool::kMaxPipes) {}

  std::string name;
  // The thread's own.
  OnEnded on_ended;
  OnSilent on_silent;
  RelayPoller poller;
  // Shared with the callers.
  Fd wake;
  std::mutex mutex;
  Inbox inbox;  // under mutex
  std::atomic<bool> stopped = false;
  std::atomic<std::uint64_t> bytes = 0;
  std::atomic<std::uint64_t> idle_timeouts = 0;
  std::atomic<std::uint64_t> silent_hops = 0;
  std::thread thread;

  Result<void> open() {
    if (auto opened = poller.open(); !opened) return std::move(opened).error();
    wake = Fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!wake || !poller.watch(wake.get())) return Error::from_errno("a relay loop");
    return {};
  }

  // Signals are other threads' business, but for the watchdog's, which asks for the stack; splice
  // has no MSG_NOSIGNAL, so SIGPIPE too is blocked.
  void start_thread() {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigdelset(&all, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread = std::thread([this] {
      pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
      run();
    });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void run() {
    while (!stopped) {
      poller.turn(poller.patience_ms());
      adopt_added();
      publish();
      if (auto silent = poller.take_silent(); !silent.empty()) on_silent(std::move(silent));
      if (auto ended = poller.take_ended(); !ended.empty()) on_ended(std::move(ended));
    }
  }

  void adopt_added() {
    Inbox added;
    {
      std::lock_guard lock(mutex);
      std::swap(added, inbox);
    }
    for (const auto& task : added.tasks) task();
    for (RelayStreams& one : added.streams) poller.add(std::move(one));
    for (RelayPoller::Loose& one : added.relays) poller.add(std::move(one));
    poller.lose_hops(added.lost);
  }

  void publish() {
    RelayCounts counts = poller.counts();
    bytes.store(counts.bytes, std::memory_order_relaxed);
    idle_timeouts.store(counts.idle_timeouts, std::memory_order_relaxed);
    silent_hops.store(counts.silent_hops, std::memory_order_relaxed);
  }

  template <class Put>
  void give(Put put) {
    bool was_empty = false;
    {
      std::lock_guard lock(mutex);
      was_empty = inbox.empty();
      put(inbox);
    }
    if (was_empty) wake_up();
  }

  void wake_up() {
    std::uint64_t one = 1;
    static_cast<void>(write(wake.get(), &one, sizeof one) == sizeof one);
  }
};

Result<std::unique_ptr<RelayLoop>> RelayLoop::start(const std::string& name, Duration hop_silence,
                                                    OnEnded on_ended, OnSilent on_silent) {
  auto impl = std::make_unique<Impl>(hop_silence);
  impl->name = name;
  impl->on_ended = std::move(on_ended);
  impl->on_silent = std::move(on_silent);
  if (auto opened = impl->open(); !opened) return std::move(opened).error();
  try {
    impl->start_thread();
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
  impl_->give([&](Impl::Inbox& inbox) { inbox.streams.push_back(std::move(streams)); });
}

void RelayLoop::add(std::vector<RelayPoller::Loose> relays) {
  impl_->give([&](Impl::Inbox& inbox) {
    std::move(relays.begin(), relays.end(), std::back_inserter(inbox.relays));
  });
}

void RelayLoop::lose_hops(std::vector<SessionId> relays) {
  impl_->give([&](Impl::Inbox& inbox) {
    inbox.lost.insert(inbox.lost.end(), relays.begin(), relays.end());
  });
}

void RelayLoop::post(std::function<void()> task) {
  impl_->give([&](Impl::Inbox& inbox) { inbox.tasks.push_back(std::move(task)); });
}

const std::string& RelayLoop::name() const {
  return impl_->name;
}

RelayCounts RelayLoop::counts() const {
  return {impl_->bytes, impl_->idle_timeouts, impl_->silent_hops};
}

}  // namespace sixpn::flycast
