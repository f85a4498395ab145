#include "flycast/io/http_poller.h"

namespace sixpn::flycast {
namespace {

bool control(int epoll, int operation, int fd, std::uint32_t wanted,
             HttpPoller::Listener& listener) {
  epoll_event event{};
  event.events = wanted | EPOLLET;
  event.data.ptr = &listener;
  return epoll_ctl(epoll, operation, fd, &event) == 0;
}

}  // namespace

HttpPoller::HttpPoller(EventLoop& loop) : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_) watch_.emplace(loop, epoll_.get(), [this] { tell(); });
}

bool HttpPoller::add(int fd, Listener& listener) {
  return epoll_ && control(epoll_.get(), EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLRDHUP, listener);
}

void HttpPoller::add_writable(int fd, Listener& listener) {
  control(epoll_.get(), EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLRDHUP | EPOLLOUT, listener);
}

void HttpPoller::remove(int fd) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void HttpPoller::forget(const Listener& listener) {
  for (std::size_t i = told_; i < noticed_; ++i)
    if (events_[i].data.ptr == &listener) events_[i].data.ptr = nullptr;
}

void HttpPoller::tell() {
  int got = epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), 0);
  noticed_ = got < 0 ? 0 : static_cast<std::size_t>(got);
  for (told_ = 0; told_ < noticed_;) {
    epoll_event event = events_[told_++];
    if (event.data.ptr != nullptr) static_cast<Listener*>(event.data.ptr)->on_events(event.events);
  }
  noticed_ = told_ = 0;
}

}  // namespace sixpn::flycast
