// dns_probe: what a saturating client does not show.
//   dns_probe latency ADDRESS PORT SECONDS RATE FILE
//     RATE queries a second over UDP, one in flight; prints the median and the 99th percentile of
//     the time to the answer, in microseconds, and how many were never answered.
//   dns_probe tcp ADDRESS PORT SECONDS CONNECTIONS WINDOW FILE
//     CONNECTIONS connections with WINDOW pipelined queries each; prints answers per second.
// FILE as for dns_load.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/bench/dns_questions.h"

namespace sixpn::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPatienceMilliseconds = 1000;

int connect_to(const sockaddr_in6& server, int type) {
  int fd = socket(AF_INET6, type, 0);
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0)
    fail("dns_probe: cannot connect");
  return fd;
}

Clock::duration seconds_of(const char* text) {
  return std::chrono::milliseconds(static_cast<long>(std::atof(text) * 1000));
}

void put_id(std::string& message, std::size_t at, unsigned id) {
  message[at] = static_cast<char>(id >> 8);
  message[at + 1] = static_cast<char>(id);
}

int latency(const sockaddr_in6& server, Clock::duration time, double rate,
            std::vector<std::string> questions) {
  int fd = connect_to(server, SOCK_DGRAM);
  std::vector<double> took;
  unsigned lost = 0;
  std::array<char, 4096> reply{};
  auto gap = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / rate));
  auto next = Clock::now();
  const auto end = next + time;
  for (unsigned i = 0; next < end; ++i, next += gap) {
    // Awake until it is time: to be woken would be measured too.
    while (Clock::now() < next) {
    }
    auto& question = questions[i % questions.size()];
    put_id(question, 0, i);
    auto begin = Clock::now();
    if (send(fd, question.data(), question.size(), 0) < 0) fail("dns_probe: cannot send");
    for (;;) {
      ssize_t got = recv(fd, reply.data(), reply.size(), MSG_DONTWAIT);
      if (got >= 2 && reply[0] == question[0] && reply[1] == question[1]) {
        took.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
        break;
      }
      if (Clock::now() - begin < std::chrono::milliseconds(kPatienceMilliseconds)) continue;
      ++lost;
      break;
    }
  }
  if (took.empty()) fail("dns_probe: no answer at all");
  std::sort(took.begin(), took.end());
  std::printf("%.1f us median, %.1f us 99th percentile, lost %u\n", took[took.size() / 2],
              took[took.size() * 99 / 100], lost);
  return 0;
}

// One connection: WINDOW queries are always on their way.
class Pipeline {
 public:
  Pipeline(const sockaddr_in6& server, std::vector<std::string> framed, std::size_t window)
      : fd_(connect_to(server, SOCK_STREAM)), framed_(std::move(framed)) {
    int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ask(window);
  }
  [[nodiscard]] int fd() const { return fd_; }

  // How many answers came.
  std::size_t receive() {
    std::array<char, 65536> bytes;
    ssize_t got = recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got == 0) fail("dns_probe: the server closed a connection");
    if (got < 0) return 0;
    in_.append(bytes.data(), static_cast<std::size_t>(got));
    std::size_t answers = 0;
    std::size_t at = 0;
    while (in_.size() - at >= 2) {
      std::size_t size =
          static_cast<unsigned char>(in_[at]) << 8U | static_cast<unsigned char>(in_[at + 1]);
      if (in_.size() - at - 2 < size) break;
      at += 2 + size;
      ++answers;
    }
    in_.erase(0, at);
    ask(answers);
    return answers;
  }

 private:
  void ask(std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
      auto& question = framed_[next_ % framed_.size()];
      put_id(question, 2, static_cast<unsigned>(next_++));
      out += question;
    }
    for (std::size_t sent = 0; sent < out.size();) {
      ssize_t now = send(fd_, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
      if (now < 0) fail("dns_probe: cannot send");
      sent += static_cast<std::size_t>(now);
    }
  }

  int fd_;
  std::vector<std::string> framed_;
  std::size_t next_ = 0;
  std::string in_;
};

int tcp(const sockaddr_in6& server, Clock::duration time, std::size_t connections,
        std::size_t window, const std::vector<std::string>& questions) {
  std::vector<std::string> framed;
  for (const auto& question : questions)
    framed.push_back({static_cast<char>(question.size() >> 8), static_cast<char>(question.size())});
  for (std::size_t i = 0; i < questions.size(); ++i) framed[i] += questions[i];
  auto begin = Clock::now();
  std::vector<Pipeline> pipelines;
  std::vector<pollfd> polled;
  for (std::size_t i = 0; i < connections; ++i) {
    pipelines.emplace_back(server, framed, window);
    polled.push_back({pipelines.back().fd(), POLLIN, 0});
  }
  std::size_t answers = 0;
  while (Clock::now() - begin < time) {
    if (poll(polled.data(), polled.size(), kPatienceMilliseconds) == 0)
      fail("dns_probe: the server fell silent");
    for (std::size_t i = 0; i < polled.size(); ++i)
      if (polled[i].revents != 0) answers += pipelines[i].receive();
  }
  auto took = std::chrono::duration<double>(Clock::now() - begin).count();
  std::printf("%.0f answers/s\n", static_cast<double>(answers) / took);
  return 0;
}

int run(int argc, char** argv) {
  std::string kind = argc > 1 ? argv[1] : "";
  if (kind == "latency" && argc == 7)
    return latency(address_of(argv[2], argv[3]), seconds_of(argv[4]), std::atof(argv[5]),
                   read_questions(argv[6]));
  if (kind == "tcp" && argc == 8)
    return tcp(address_of(argv[2], argv[3]), seconds_of(argv[4]),
               static_cast<std::size_t>(std::atoi(argv[5])),
               static_cast<std::size_t>(std::atoi(argv[6])), read_questions(argv[7]));
  fail(
      "usage: dns_probe latency ADDRESS PORT SECONDS RATE FILE\n"
      "       dns_probe tcp ADDRESS PORT SECONDS CONNECTIONS WINDOW FILE");
}

}  // namespace
}  // namespace sixpn::bench

int main(int argc, char** argv) {
  return sixpn::bench::run(argc, argv);
}
