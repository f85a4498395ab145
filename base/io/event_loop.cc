#include "base/io/event_loop.h"

#include <pthread.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>

#include "base/io/clock.h"

namespace sixpn {

namespace asio = boost::asio;

struct EventLoop::Impl {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::atomic<std::thread::id> thread_id;
  std::thread thread;
};

EventLoop::EventLoop(std::string name) : name_(std::move(name)), impl_(std::make_unique<Impl>()) {}

EventLoop::~EventLoop() {
  stop();
  join();
}

void EventLoop::run() {
  impl_->thread_id = std::this_thread::get_id();
  impl_->context.run();
}

void EventLoop::start_thread() {
  impl_->thread = std::thread([this] {
    pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
    run();
  });
}

void EventLoop::stop() {
  impl_->context.stop();
}

void EventLoop::join() {
  if (impl_->thread.joinable()) impl_->thread.join();
}

void EventLoop::post(std::function<void()> task) {
  asio::post(impl_->context, std::move(task));
}

bool EventLoop::on_loop_thread() const {
  return impl_->thread_id == std::this_thread::get_id();
}

asio::io_context& EventLoop::context() {
  return impl_->context;
}

// Arming costs two system calls, and most timers are put off again and again before they are due.
// So what is already armed for an earlier moment stays, and looks then how much is left.
struct LoopTimer::Impl : std::enable_shared_from_this<LoopTimer::Impl> {
  Impl(EventLoop& loop, std::function<void()> fire)
      : timer(loop.context()), on_fire(std::move(fire)) {}

  void arm(Instant when) {
    due = when;
    if (when < wakes) wait_until(when);
  }

  void wait_until(Instant when) {
    wakes = when;
    timer.expires_at(std::chrono::steady_clock::time_point(
        std::chrono::duration_cast<std::chrono::steady_clock::duration>(when.time_since_epoch())));
    timer.async_wait(
        [weak = weak_from_this(), mine = ++generation](const boost::system::error_code& failed) {
          auto self = weak.lock();
          if (failed || !self || self->generation != mine) return;
          self->on_wake();
        });
  }

  void on_wake() {
    wakes = kNever;
    if (due == kNever) return;
    if (due > monotonic_now()) return wait_until(due);
    due = kNever;
    on_fire();
  }

  asio::steady_timer timer;
  std::function<void()> on_fire;
  Instant due = kNever;
  Instant wakes = kNever;  // what `timer` waits for: never later than `due`
  std::uint64_t generation = 0;
};

LoopTimer::LoopTimer(EventLoop& loop, std::function<void()> on_fire)
    : impl_(std::make_shared<Impl>(loop, std::move(on_fire))) {}

LoopTimer::~LoopTimer() {
  cancel();
}

void LoopTimer::arm_at(Instant when) {
  impl_->arm(when);
}

void LoopTimer::arm_after(Duration delay) {
  impl_->arm(monotonic_now() + delay);
}

void LoopTimer::cancel() {
  impl_->arm(kNever);
}

struct FdWatch::Impl : std::enable_shared_from_this<FdWatch::Impl> {
  Impl(EventLoop& loop, int fd, std::function<void()> readable)
      : descriptor(loop.context(), fd), on_readable(std::move(readable)) {}

  void wait() {
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                          [weak = weak_from_this()](const boost::system::error_code& failed) {
                            auto self = weak.lock();
                            if (failed || !self || self->closed) return;
                            self->on_readable();
                            if (!self->closed) self->wait();
                          });
  }

  asio::posix::stream_descriptor descriptor;
  std::function<void()> on_readable;
  bool closed = false;
};

FdWatch::FdWatch(EventLoop& loop, int fd, std::function<void()> on_readable)
    : impl_(std::make_shared<Impl>(loop, fd, std::move(on_readable))) {
  impl_->wait();
}

FdWatch::~FdWatch() {
  impl_->closed = true;
  impl_->descriptor.cancel();
  static_cast<void>(impl_->descriptor.release());  // the owner closes it
}

}  // namespace sixpn
