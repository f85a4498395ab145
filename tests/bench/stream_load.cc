// stream_load: both ends of the TCP benchmarks of tools/bench_flycast.py, each one thread.
//
//   stream_load serve ADDRESS PORT
//   stream_load connections|requests|download|idle ADDRESS PORT AT_ONCE SECONDS
//
// Every request is one block of 64 bytes. Its first byte says what comes back: 'R' a block; 'C' a
// block, then the end of the stream (the server closes first, so that the client's ports are free
// at once); 'D' bytes without end. An idle connection makes one request. A client prints:
// operations or bytes per second, p50 and p99 of an operation in microseconds, failures.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
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
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBlock = 64;
constexpr std::size_t kBulk = 256 * 1024;
std::vector<char> bulk(kBulk, 'x');

sockaddr_in6 endpoint(const char* address, const char* port) {
  sockaddr_in6 made{};
  made.sin6_family = AF_INET6;
  made.sin6_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  if (inet_pton(AF_INET6, address, &made.sin6_addr) != 1) std::exit(2);
  return made;
}

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

class Server {
 public:
  explicit Server(const sockaddr_in6& at) : epoll_(epoll_create1(0)), listener_(make_socket()) {
    int one = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
        listen(listener_, 4096) != 0) {
      std::perror("stream_load: listening");
      std::exit(1);
    }
    watch(epoll_, listener_, EPOLLIN);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events;
    while (true) {
      int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        if (event.data.fd == listener_) {
          accept_all();
        } else if ((event.events & EPOLLOUT) != 0 && downloads_.contains(event.data.fd)) {
          stream(event.data.fd);
        } else {
          answer(event.data.fd);
        }
      }
    }
  }

 private:
  void accept_all() {
    while (true) {
      int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      int one = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      watch(epoll_, fd, EPOLLIN);
    }
  }

  void answer(int fd) {
    std::array<char, kBlock> block;
    auto got = recv(fd, block.data(), block.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got != static_cast<ssize_t>(kBlock)) return end(fd);
    if (block[0] == 'D') {
      downloads_[fd] = true;
      epoll_event event{};
      event.events = EPOLLIN | EPOLLOUT;
      event.data.fd = fd;
      epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
      return;
    }
    if (send(fd, block.data(), block.size(), MSG_NOSIGNAL) < 0 || block[0] == 'C') end(fd);
  }

  void stream(int fd) {
    for (int i = 0; i < 8; ++i) {
      auto put = send(fd, bulk.data(), bulk.size(), MSG_NOSIGNAL);
      if (put < 0 && errno == EAGAIN) return;
      if (put < 0) return end(fd);
    }
  }

  void end(int fd) {
    downloads_.erase(fd);
    close(fd);
  }

  int epoll_;
  int listener_;
  std::unordered_map<int, bool> downloads_;
};

class Client {
 public:
  Client(std::string mode, const sockaddr_in6& to, int at_once, double seconds)
      : mode_(std::move(mode)),
        to_(to),
        epoll_(epoll_create1(0)),
        begin_(Clock::now()),
        until_(begin_ + std::chrono::duration_cast<Clock::duration>(
                            std::chrono::duration<double>(seconds))) {
    for (int i = 0; i < at_once; ++i) open();
  }

  void run() {
    std::array<epoll_event, 256> events;
    while (Clock::now() < until_) {
      int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 50);
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        on_ready(event.data.fd, event.events);
      }
    }
  }

  void report() {
    double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    std::sort(times_.begin(), times_.end());
    auto at = [&](double share) {
      if (times_.empty()) return 0.0;
      return times_[static_cast<std::size_t>(share * static_cast<double>(times_.size() - 1))];
    };
    double done =
        mode_ == "download" ? static_cast<double>(bytes_) : static_cast<double>(times_.size());
    std::printf("%.1f %.1f %.1f %llu\n", done / seconds, at(0.5), at(0.99),
                static_cast<unsigned long long>(failures_));
  }

 private:
  struct Open {
    Clock::time_point began;
    bool asked = false;
    std::size_t got = 0;
  };

  void open() {
    int fd = make_socket();
    if (connect(fd, reinterpret_cast<const sockaddr*>(&to_), sizeof to_) != 0 &&
        errno != EINPROGRESS) {
      ++failures_;
      close(fd);
      return;
    }
    open_[fd] = {Clock::now()};
    watch(epoll_, fd, EPOLLIN | EPOLLOUT | EPOLLET);
  }

  void ask(int fd, Open& one) {
    std::array<char, kBlock> block{};
    block[0] = mode_ == "connections" ? 'C' : mode_ == "download" ? 'D' : 'R';
    one.asked = true;
    one.got = 0;
    if (mode_ != "connections") one.began = Clock::now();
    if (send(fd, block.data(), block.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kBlock))
      ++failures_;
  }

  void on_ready(int fd, std::uint32_t events) {
    Open& one = open_[fd];
    if (!one.asked && (events & EPOLLOUT) != 0) ask(fd, one);
    while (true) {
      auto got = recv(fd, bulk.data(), bulk.size(), 0);
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return on_end(fd, one, got == 0);
      bytes_ += static_cast<std::uint64_t>(got);
      one.got += static_cast<std::size_t>(got);
      if (one.got == kBlock && (mode_ == "requests" || mode_ == "idle")) {
        note(one);
        if (mode_ == "requests") ask(fd, one);
      }
    }
  }

  void on_end(int fd, const Open& one, bool clean) {
    if (mode_ == "connections" && clean && one.got == kBlock) {
      note(one);
    } else {
      ++failures_;
    }
    close(fd);
    open();
  }

  void note(const Open& one) {
    times_.push_back(std::chrono::duration<double, std::micro>(Clock::now() - one.began).count());
  }

  std::string mode_;
  sockaddr_in6 to_;
  int epoll_;
  Clock::time_point begin_;
  Clock::time_point until_;
  std::unordered_map<int, Open> open_;
  std::vector<double> times_;
  std::uint64_t bytes_ = 0;
  std::uint64_t failures_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::string mode = argc > 3 ? argv[1] : "";
  if (mode == "serve") Server(endpoint(argv[2], argv[3])).run();
  if (argc != 6) {
    std::fprintf(stderr, "stream_load: see the head of its source\n");
    return 2;
  }
  Client client(mode, endpoint(argv[2], argv[3]), std::atoi(argv[4]), std::atof(argv[5]));
  client.run();
  client.report();
}
