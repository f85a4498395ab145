// What the proxy's process holds of memory while clients or machines misuse an HTTP port: it is
// bounded, others are served meanwhile, and it is given back. The clients are sockets of this
// process, whose own memory is next to nothing.
#include <gtest/gtest.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>

#include "base/io/clock.h"
#include "base/io/sockaddr.h"
#include "tests/netns/flycast/http_words.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMany = 900;  // less than a client may have
constexpr int kNoWait = MSG_NOSIGNAL | MSG_DONTWAIT;
constexpr std::size_t kMegabyte = 1024 * 1024;
constexpr std::size_t kFarTooMuch = 512 * kMegabyte;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMemoryIsOurs = false;  // the sanitizer keeps what was freed, and shadows
#else
constexpr bool kMemoryIsOurs = true;
#endif

std::size_t memory() {
  std::ifstream status("/proc/self/status");
  std::string word;
  std::size_t kilobytes = 0;
  while (status >> word)
    if (word == "RssAnon:") status >> kilobytes;
  return kilobytes * 1024;
}

struct Memory : testing::Test {
  Memory() {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    cluster.speak_http();
  }
  void start(FlycastOptions options = {}) {
    host1.emplace(1u, cluster, std::move(options));
    malloc_trim(0);
    before = memory();
  }
  // That much more than at the start.
  void expect_at_most(std::size_t megabytes, const char* what) {
    std::size_t now = memory();
    std::size_t more = now > before ? now - before : 0;
    RecordProperty(what, static_cast<int>(more / 1024));
    if (!kMemoryIsOurs) return;
    EXPECT_LE(more / kMegabyte, megabytes) << what;
  }
  // When its clients are gone.
  void expect_given_back() {
    EXPECT_TRUE(eventually([&] { return host1->stats().sessions == 0; }));
    malloc_trim(0);
    expect_at_most(16, "given back");
  }
  void dial_many(std::size_t count, const std::string& words) {
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(dial_web());
      ASSERT_TRUE(clients.back()) << i;
      ASSERT_TRUE(clients.back().write_all(words)) << i;
    }
    EXPECT_TRUE(eventually([&] { return host1->stats().accepted >= count; }));
  }
  // Until none of their kernels takes more for a while, or far too much was taken.
  void write_all_that_goes(const std::vector<Fd>& ends) const {
    const std::string block(64 * 1024, 'x');
    Instant taken = monotonic_now();
    while (monotonic_now() - taken < milliseconds(700) && memory() < before + kFarTooMuch) {
      for (const Fd& end : ends)
        if (send(end.get(), block.data(), block.size(), kNoWait) > 0) taken = monotonic_now();
    }
  }
  // From the machine itself, another client.
  void expect_another_is_served(Server& server) {
    Tcp other = dial(lab.machine(1), kDialled);
    ASSERT_TRUE(other.write_all("GET /other HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    Tcp machine = server.accept();
    ASSERT_TRUE(machine);
    EXPECT_TRUE(read_message(machine).starts_with("GET /other"));
    ASSERT_TRUE(machine.write_all(ok("served")));
    EXPECT_TRUE(other.read_to_end().ends_with("served"));
  }

  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster_of({1});
  std::optional<RunningHost> host1;
  std::vector<Tcp> clients;
  std::size_t before = 0;
};

TEST_F(Memory, OfConnectionsThatSayNothing) {
  start();
  Server server(1);
  dial_many(kMany, "");
  EXPECT_EQ(host1->stats().sessions, kMany);
  expect_at_most(16, "silent");
  expect_another_is_served(server);
}

TEST_F(Memory, OfMoreThanAClientMayHave) {
  FlycastOptions few;
  few.max_sessions_per_client = 200;
  start(few);
  Server server(1);
  dial_many(kMany, "");
  EXPECT_TRUE(eventually([&] { return host1->stats().over_client_limit == kMany - 200; }));
  EXPECT_EQ(host1->stats().sessions, 200u);
  expect_another_is_served(server);
}

// Slow-loris: each byte comes before long, the head never.
TEST_F(Memory, OfHeadsThatDoNotEnd) {
  cluster.app.services[0].ports[0].http.headers_read_timeout = seconds(4);
  start();
  Server server(1);
  dial_many(kMany, "GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ");
  Instant began = monotonic_now();
  expect_at_most(16, "slow heads");
  expect_another_is_served(server);
  EXPECT_TRUE(eventually([&] {
    for (Tcp& client : clients) client.write_all("a");
    return host1->stats().sessions == 0 || monotonic_now() - began > seconds(30);
  })) << "a byte now and then prolongs nothing";
  EXPECT_EQ(host1->stats().sessions, 0u);
  EXPECT_EQ(host1->stats().http_timeouts, kMany);
}

TEST_F(Memory, OfGiantHeads) {
  start();
  Server server(1);
  // As large as may be, and not ended.
  dial_many(kMany, "GET / HTTP/1.1\r\nHost: h\r\nX-Large: " + std::string(60'000, 'a'));
  expect_at_most(100, "giant heads");
  expect_another_is_served(server);
  clients.clear();
  expect_given_back();
  // Larger ones are refused.
  dial_many(kMany, "GET / HTTP/1.1\r\nHost: h\r\nX-Large: " + std::string(80'000, 'a'));
  EXPECT_TRUE(eventually([&] { return host1->stats().http_refused == kMany; }));
  EXPECT_TRUE(read_message(clients.front()).starts_with("HTTP/1.1 431 "));
  expect_at_most(150, "refused heads");
  clients.clear();
  expect_given_back();
}

struct Endless : Memory {
  static constexpr std::size_t kEndless = 200;
  static constexpr const char* kLength = "Content-Length: 1000000000000\r\n\r\n";

  // The kernel's memory is not what is measured.
  static void keep_little(int socket) {
    int bytes = 64 * 1024;
    setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  Fd open_client() {
    Fd fd;
    lab.machine(9).run([&] {
      fd = Fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
      keep_little(fd.get());
      linger reset{1, 0};  // as it is closed: what the proxy does not read hides no FIN
      setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      sockaddr_in6 to = to_sockaddr(kDialled);
      EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    });
    return fd;
  }
  static void write_words(const Fd& end, const std::string& words) {
    EXPECT_EQ(send(end.get(), words.data(), words.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(words.size()));
  }
  // So many clients say that, and the machine has them all.
  void open_all(Server& server, const std::string& request) {
    keep_little(server.fd());  // those it accepts have it from here
    for (std::size_t i = 0; i < kEndless; ++i) {
      asking.push_back(open_client());
      write_words(asking.back(), request);
      pollfd wait{server.fd(), POLLIN, 0};
      ASSERT_EQ(poll(&wait, 1, kPatienceMs), 1) << i;
      answering.emplace_back(accept4(server.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    }
  }
  std::vector<Fd> asking, answering;
};

// To a machine that does not read them.
TEST_F(Endless, RequestsOfWhichNobodyReads) {
  start();
  Server server(1);
  open_all(server, std::string("POST / HTTP/1.1\r\nHost: h\r\n") + kLength);
  write_all_that_goes(asking);
  expect_at_most(128, "endless requests");
  expect_another_is_served(server);
  asking.clear();
  expect_given_back();
}

// By machines that read and do not answer: what is kept of each, to be sent again, ends when all
// together is too much.
TEST_F(Endless, RequestsThatAreRead) {
  start();
  Server server(1);
  open_all(server, std::string("POST / HTTP/1.1\r\nHost: h\r\n") + kLength);
  const std::string block(64 * 1024, 'x');
  std::vector<char> read(1024 * 1024);
  constexpr std::size_t kOfEach = 900 * 1024;  // less than is kept of one
  std::vector<std::size_t> taken(kEndless), arrived(kEndless);
  auto pass_some = [&](std::size_t i) {
    if (taken[i] < kOfEach)
      taken[i] += std::max(0l, send(asking[i].get(), block.data(), block.size(), kNoWait));
    arrived[i] += std::max(0l, recv(answering[i].get(), read.data(), read.size(), kNoWait));
    return arrived[i] >= kOfEach;
  };
  Instant began = monotonic_now();
  for (std::size_t done = 0; done < kEndless;) {
    done = 0;
    for (std::size_t i = 0; i < kEndless; ++i) done += pass_some(i);
    ASSERT_LT(monotonic_now() - began, seconds(60));
  }
  expect_at_most(250, "peak of kept requests");
  malloc_trim(0);  // strings that grew left holes
  expect_at_most(150, "kept requests");
  expect_another_is_served(server);
  asking.clear();
  expect_given_back();
}

// To clients that do not read them.
TEST_F(Endless, ResponsesOfWhichNobodyReads) {
  start();
  Server server(1);
  open_all(server, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  for (const Fd& end : answering) write_words(end, std::string("HTTP/1.1 200 OK\r\n") + kLength);
  write_all_that_goes(answering);
  expect_at_most(128, "endless responses");
  expect_another_is_served(server);
  asking.clear();
  expect_given_back();
}

}  // namespace
}  // namespace sixpn::flycast
