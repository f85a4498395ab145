#include "base/io/watchdog.h"

#include <execinfo.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <ctime>
#include <deque>
#include <mutex>
#include <thread>

#include "base/io/clock.h"
#include "base/log.h"
#include "base/stall_detector.h"

namespace sixpn {
namespace {

constexpr int kMaxFrames = 64;
constexpr int kStackPatience = 2;  // seconds for a thread to write its stack
sem_t stack_written;

// In the stalled thread. backtrace() has been called before: its first call allocates.
void write_stack(int) {
  std::array<void*, kMaxFrames> frames{};
  int count = backtrace(frames.data(), kMaxFrames);
  backtrace_symbols_fd(frames.data(), count, STDERR_FILENO);
  sem_post(&stack_written);
}

void prepare_stacks() {
  std::array<void*, 1> frame{};
  backtrace(frame.data(), 1);
  sem_init(&stack_written, 0, 0);
  struct sigaction action {};
  action.sa_handler = write_stack;
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR2, &action, nullptr);
}

void print_stack(pthread_t thread) {
  if (pthread_kill(thread, SIGUSR2) != 0) return;
  timespec until{};
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += kStackPatience;
  sem_timedwait(&stack_written, &until);
}

long long seconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

}  // namespace

// Shared with the questions on the loops, which may outlive the watchdog.
struct Watchdog::Impl {
  struct Answer {
    std::atomic<std::uint64_t> number{0};
    std::atomic<pthread_t> thread{};
    std::atomic<bool> known{false};  // whether `thread` is set
  };

  Impl(std::vector<Watched> watched, const ServiceNotify& manager, Options given)
      : loops(std::move(watched)),
        notify(manager),
        options(std::move(given)),
        answers(loops.size()),
        detector(loops.size(), options.limit * (kWatchRound.count() / options.round.count())) {}

  // The detector's time: in tests a round stands for kWatchRound.
  [[nodiscard]] Instant scaled_now() const {
    return Instant((monotonic_now() - start) * (kWatchRound.count() / options.round.count()));
  }

  static void run(const std::shared_ptr<Impl>& self) {
    std::unique_lock lock(self->mutex);
    while (!self->stop) {
      lock.unlock();
      self->look(self);
      lock.lock();
      self->wake.wait_for(lock, self->options.round, [&] { return self->stop; });
    }
  }

  void look(const std::shared_ptr<Impl>& self) {
    std::vector<std::uint64_t> numbers;
    for (const auto& answer : answers) numbers.push_back(answer.number);
    auto round = detector.on_round(scaled_now(), numbers);
    for (std::size_t i : round.ask) {
      loops[i].post([self, i, number = detector.question(i)] {
        Answer& answer = self->answers[i];
        answer.thread = pthread_self();
        answer.known = true;
        answer.number = number;
      });
    }
    for (const auto& stall : round.noticed)
      log::warn("agent", "loop {} has not run for {} s", loops[stall.loop].name,
                seconds(stall.owed));
    for (const auto& stall : round.recovered)
      log::info("agent", "loop {} runs again, after {} s", loops[stall.loop].name,
                seconds(stall.owed));
    if (round.well) notify.tell("WATCHDOG=1");
    if (round.fatal) end(*round.fatal);
  }

  void end(const StallDetector::Stall& stall) {
    const std::string& name = loops[stall.loop].name;
    log::error("agent",
               "loop {} has not run for {} s: this agent ends itself, to be started anew; "
               "machines and the mesh stay up. Where it hangs:",
               name, seconds(stall.owed));
    if (answers[stall.loop].known) print_stack(answers[stall.loop].thread);
    if (!options.on_fatal) std::abort();
    options.on_fatal(name, stall.owed);
  }

  std::vector<Watched> loops;
  const ServiceNotify& notify;
  Options options;
  std::deque<Answer> answers;
  StallDetector detector;
  Instant start = monotonic_now();
  std::mutex mutex;
  std::condition_variable wake;
  bool stop = false;
  std::thread thread;
};

Watchdog::Watchdog(std::vector<Watched> loops, const ServiceNotify& notify, Options options)
    : impl_(std::make_shared<Impl>(std::move(loops), notify, std::move(options))) {
  prepare_stacks();
  impl_->thread = std::thread([impl = impl_] {
    pthread_setname_np(pthread_self(), "sixpn-watchdog");
    Impl::run(impl);
  });
}

Watchdog::~Watchdog() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
  }
  impl_->wake.notify_all();
  impl_->thread.join();
}

}  // namespace sixpn
