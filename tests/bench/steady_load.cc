// steady_load: requests at a steady rate, whatever becomes of them, and the server for them. For
// tools/bench flycast-failover and tests/netns/cluster/failover_test.cc: what clients notice while
// machines, hosts and agents end; and for tools/bench flycast-steady: what a proxy adds to each.
//
//   steady_load serve PORT NAME               HTTP/1.1; every answer is NAME. SIGINT: answers what
//                                             it has, takes nothing more, and ends
//   steady_load connect ADDRESS PORT RATE     each request on a connection of its own
//   steady_load keep ADDRESS PORT RATE        on connections that are kept, of those that are free
//
// A client runs until SIGINT, then prints one line: requests, failed, and in milliseconds p50, p99
// and worst, from the moment a request was due; then a line per way to fail, and how often. A
// request that takes over kPatience has failed. One thread; open requests are bounded by rate and
// patience.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPatience(20000);
constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: web.flycast\r\n\r\n";

int make_socket() {
  int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

void watch(int epoll, int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

// SIGINT and SIGTERM as something to read.
int signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

class Server {
 public:
  Server(int port, const std::string& name)
      : epoll_(epoll_create1(0)), listener_(make_socket()), signals_(signals()) {
    answer_ =
        "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(name.size()) + "\r\n\r\n" + name;
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_port = htons(static_cast<std::uint16_t>(port));
    int one = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
        listen(listener_, 4096) != 0) {
      std::perror("steady_load: listening");
      std::exit(1);
    }
    watch(epoll_, listener_, EPOLLIN);
    watch(epoll_, signals_, EPOLLIN);
  }

  void run() {
    std::array<epoll_event, 256> events;
    while (true) {
      int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == signals_) return finish();
        fd == listener_ ? accept_all() : serve(fd);
      }
    }
  }

 private:
  void accept_all() {
    for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
      open_[fd];
      watch(epoll_, fd, EPOLLIN);
    }
  }

  // Answers every whole request; closes at the end of the stream.
  void serve(int fd) {
    std::array<char, 4096> buffer;
    auto got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      open_.erase(fd);
      close(fd);
      return;
    }
    std::string& unread = open_[fd];
    unread.append(buffer.data(), static_cast<std::size_t>(got));
    for (std::size_t end; (end = unread.find("\r\n\r\n")) != std::string::npos;) {
      unread.erase(0, end + 4);
      static_cast<void>(send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL));
    }
  }

  // Whoever was accepted or is in the queue gets an answer to what it has sent.
  void finish() {
    accept_all();
    close(listener_);
    auto open = open_;
    for (const auto& [fd, unread] : open) serve(fd);
  }

  int epoll_;
  int listener_;
  int signals_;
  std::string answer_;
  std::map<int, std::string> open_;
};

class Client {
 public:
  Client(bool keeps, const char* address, int port, double rate)
      : keeps_(keeps),
        epoll_(epoll_create1(0)),
        signals_(signals()),
        pause_(
            std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / rate))) {
    to_.sin6_family = AF_INET6;
    to_.sin6_port = htons(static_cast<std::uint16_t>(port));
    if (inet_pton(AF_INET6, address, &to_.sin6_addr) != 1) std::exit(2);
    watch(epoll_, signals_, EPOLLIN);
  }

  void run() {
    Clock::time_point due = Clock::now();
    while (!stopping_ || !open_.empty()) {
      auto now = Clock::now();
      for (; !stopping_ && due <= now; due += pause_) begin(due);
      expire(now);
      // To the nanosecond: at thousands a second whole milliseconds would send them in bursts.
      Clock::duration wait = stopping_ ? milliseconds(10) : due - Clock::now();
      wait = std::clamp<Clock::duration>(wait, Clock::duration(0), milliseconds(100));
      timespec until{0, static_cast<long>(std::chrono::nanoseconds(wait).count())};
      std::array<epoll_event, 256> events;
      int count =
          epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &until, nullptr);
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        if (event.data.fd == signals_) {
          stopping_ = true;
          epoll_ctl(epoll_, EPOLL_CTL_DEL, signals_, nullptr);
        } else {
          on_ready(event.data.fd, event.events);
        }
      }
    }
  }

  void report() {
    std::sort(times_.begin(), times_.end());
    auto at = [&](double share) {
      if (times_.empty()) return 0.0;
      return times_[static_cast<std::size_t>(share * static_cast<double>(times_.size() - 1))];
    };
    std::size_t failed = 0;
    for (const auto& [why, count] : failures_) failed += count;
    std::printf("%zu %zu %.3f %.3f %.3f\n", times_.size() + failed, failed, at(0.5), at(0.99),
                at(1));
    for (const auto& [why, count] : failures_) std::printf("%zu %s\n", count, why.c_str());
  }

 private:
  struct Open {
    Clock::time_point due;
    bool sent = false;
    std::string got;
  };

  void begin(Clock::time_point due) {
    while (!free_.empty()) {
      int kept = free_.back();
      free_.pop_back();
      char byte = 0;
      if (recv(kept, &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN) {
        open_[kept] = {due, false, {}};
        return send_request(kept);
      }
      close(kept);  // the other end closed it: nothing was lost
    }
    int fd = make_socket();
    if (connect(fd, reinterpret_cast<const sockaddr*>(&to_), sizeof to_) != 0 &&
        errno != EINPROGRESS) {
      ++failures_[std::string("connect: ") + std::strerror(errno)];
      close(fd);
      return;
    }
    open_[fd] = {due, false, {}};
    watch(epoll_, fd, EPOLLIN | EPOLLOUT | EPOLLET);
  }

  void send_request(int fd) {
    open_[fd].sent = true;
    static_cast<void>(send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL));
  }

  void on_ready(int fd, std::uint32_t events) {
    auto found = open_.find(fd);
    if (found == open_.end()) return;  // a kept one: looked at when it is wanted
    if (!found->second.sent && (events & EPOLLOUT) != 0 && (events & EPOLLERR) == 0)
      send_request(fd);
    std::array<char, 4096> buffer;
    while (true) {
      auto got = recv(fd, buffer.data(), buffer.size(), 0);
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return fail(fd, got == 0 ? "closed without an answer" : std::strerror(errno));
      std::string& answer = found->second.got;
      answer.append(buffer.data(), static_cast<std::size_t>(got));
      auto body = answer.find("\r\n\r\n");
      if (body == std::string::npos || answer.size() == body + 4) continue;
      if (!answer.starts_with("HTTP/1.1 200")) return fail(fd, answer.substr(0, 12).c_str());
      return succeed(fd, found->second.due);
    }
  }

  void succeed(int fd, Clock::time_point due) {
    times_.push_back(std::chrono::duration<double, std::milli>(Clock::now() - due).count());
    open_.erase(fd);
    if (keeps_)
      free_.push_back(fd);
    else
      close(fd);
  }

  void fail(int fd, const char* why) {
    ++failures_[(open_[fd].sent ? "sent, then: " : "before it was sent: ") + std::string(why)];
    open_.erase(fd);
    close(fd);
  }

  void expire(Clock::time_point now) {
    if (now < next_look_) return;
    next_look_ = now + milliseconds(100);
    auto open = open_;
    for (const auto& [fd, one] : open)
      if (now - one.due > kPatience) fail(fd, "no answer");
  }

  bool keeps_;
  sockaddr_in6 to_{};
  int epoll_;
  int signals_;
  Clock::duration pause_;
  Clock::time_point next_look_{};
  bool stopping_ = false;
  std::map<int, Open> open_;
  std::vector<int> free_;
  std::vector<double> times_;
  std::map<std::string, std::size_t> failures_;
};

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "serve" && argc == 4) {
    Server(std::atoi(argv[2]), argv[3]).run();
    return 0;
  }
  if ((mode != "connect" && mode != "keep") || argc != 5) {
    std::fprintf(stderr, "steady_load: see the head of its source\n");
    return 2;
  }
  Client client(mode == "keep", argv[2], std::atoi(argv[3]), std::atof(argv[4]));
  client.run();
  client.report();
}
