// dns_load ADDRESS PORT SECONDS WINDOW FILE [SOURCES]: a saturating client. Keeps WINDOW queries in
// flight from one thread, in batches of one system call, and prints what came back:
//   answers per second, and how many answers of each response code, lost ones last.
// FILE holds a question per line ("web.internal AAAA"); they are asked in order, over and over.
// SOURCES sockets (8 if not said) ask, each from its own port.
//
// dns_load --echo ADDRESS PORT: the limit of the machine: a server that sends each datagram back.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/bench/dns_questions.h"

namespace {

using sixpn::bench::address_of;
using sixpn::bench::fail;
using sixpn::bench::read_questions;

constexpr std::size_t kBatch = 32;
constexpr std::size_t kBytes = 1500;
constexpr int kBufferBytes = 4 << 20;
// Nothing came for so long: what is in flight is lost, and asked anew.
constexpr int kPatienceMilliseconds = 200;

int open_socket() {
  int fd = socket(AF_INET6, SOCK_DGRAM, 0);
  if (fd < 0) fail("no socket");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kBufferBytes, sizeof kBufferBytes);
  return fd;
}

// Buffers for one recvmmsg or sendmmsg.
struct Batch {
  Batch() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts[i] = {bytes[i].data(), kBytes};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
  std::array<std::array<char, kBytes>, kBatch> bytes{};
  std::array<sockaddr_in6, kBatch> addresses{};
  std::array<iovec, kBatch> parts{};
  std::array<mmsghdr, kBatch> messages{};
};

int echo(const sockaddr_in6& at) {
  int fd = open_socket();
  if (bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) fail("cannot bind");
  static Batch batch;
  for (;;) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      batch.parts[i].iov_len = kBytes;
      batch.messages[i].msg_hdr.msg_name = &batch.addresses[i];
      batch.messages[i].msg_hdr.msg_namelen = sizeof(sockaddr_in6);
    }
    int got = recvmmsg(fd, batch.messages.data(), kBatch, MSG_WAITFORONE, nullptr);
    if (got < 0) continue;
    for (int i = 0; i < got; ++i) {
      auto place = static_cast<std::size_t>(i);
      batch.bytes[place][2] = static_cast<char>(batch.bytes[place][2] | 0x80);  // an answer
      batch.parts[place].iov_len = batch.messages[place].msg_len;
    }
    for (int sent = 0; sent < got;) {
      int now = sendmmsg(fd, batch.messages.data() + sent, static_cast<unsigned>(got - sent), 0);
      sent += now > 0 ? now : 1;
    }
  }
}

class Load {
 public:
  Load(const sockaddr_in6& server, std::vector<std::string> questions, std::size_t window,
       std::size_t sources)
      : questions_(std::move(questions)),
        window_(std::max<std::size_t>(window / sources, 1)),
        in_flight_(sources) {
    for (std::size_t i = 0; i < sources; ++i) {
      int fd = open_socket();
      if (connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0)
        fail("cannot connect");
      sockets_.push_back({fd, POLLIN, 0});
    }
  }

  void run(std::chrono::steady_clock::duration time) {
    auto start = std::chrono::steady_clock::now();
    auto end = start + time;
    for (std::size_t i = 0; i < sockets_.size(); ++i) send(i);
    while (std::chrono::steady_clock::now() < end) turn();
    auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::printf("%.0f answers/s", static_cast<double>(answers_) / seconds);
    for (std::size_t code = 0; code < codes_.size(); ++code)
      if (codes_[code] > 0) std::printf(" rcode%zu=%llu", code, codes_[code]);
    std::printf(" records=%.2f lost=%llu\n",
                answers_ > 0 ? static_cast<double>(records_) / static_cast<double>(answers_) : 0,
                lost_);
  }

 private:
  void turn() {
    if (poll(sockets_.data(), sockets_.size(), kPatienceMilliseconds) == 0) {
      for (std::size_t i = 0; i < sockets_.size(); ++i) {
        lost_ += in_flight_[i];
        in_flight_[i] = 0;
        send(i);
      }
      return;
    }
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      if ((sockets_[i].revents & POLLIN) == 0) continue;
      in_flight_[i] -= std::min(in_flight_[i], receive(i));
      send(i);
    }
  }

  std::size_t receive(std::size_t socket) {
    std::size_t count = 0;
    for (;;) {
      for (auto& part : in_.parts) part.iov_len = kBytes;
      int got = recvmmsg(sockets_[socket].fd, in_.messages.data(), kBatch, MSG_DONTWAIT, nullptr);
      if (got <= 0) return count;
      for (int i = 0; i < got; ++i) {
        const auto& bytes = in_.bytes[static_cast<std::size_t>(i)];
        ++codes_[static_cast<std::size_t>(bytes[3] & 0xf)];
        records_ += static_cast<unsigned char>(bytes[7]);
      }
      answers_ += static_cast<unsigned long long>(got);
      count += static_cast<std::size_t>(got);
      if (static_cast<std::size_t>(got) < kBatch) return count;
    }
  }

  void send(std::size_t socket) {
    while (in_flight_[socket] < window_) {
      std::size_t count = std::min(window_ - in_flight_[socket], kBatch);
      for (std::size_t i = 0; i < count; ++i) {
        auto& question = questions_[next_++ % questions_.size()];
        question[0] = static_cast<char>(next_ >> 8);
        question[1] = static_cast<char>(next_);
        out_.parts[i] = {question.data(), question.size()};
      }
      int sent =
          sendmmsg(sockets_[socket].fd, out_.messages.data(), static_cast<unsigned>(count), 0);
      if (sent <= 0) return;
      in_flight_[socket] += static_cast<std::size_t>(sent);
    }
  }

  std::vector<std::string> questions_;
  std::size_t window_;                  // of each socket
  std::vector<std::size_t> in_flight_;  // by socket
  std::vector<pollfd> sockets_;
  Batch in_, out_;
  std::size_t next_ = 0;
  unsigned long long answers_ = 0, records_ = 0, lost_ = 0;
  std::array<unsigned long long, 16> codes_{};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--echo") return echo(address_of(argv[2], argv[3]));
  if (argc < 6 || argc > 7) fail("usage: dns_load ADDRESS PORT SECONDS WINDOW FILE [SOURCES]");
  std::size_t sources = argc == 7 ? static_cast<std::size_t>(std::atoi(argv[6])) : 8;
  Load load(address_of(argv[1], argv[2]), read_questions(argv[5]),
            static_cast<std::size_t>(std::atoi(argv[4])), std::max<std::size_t>(sources, 1));
  load.run(std::chrono::milliseconds(static_cast<long>(std::atof(argv[3]) * 1000)));
  return 0;
}
