// A machine that wishes us ill: whatever it sends, its neighbours are answered, correctly, and the
// process stays within its memory. 127.0.0.0/8 stands for addresses of its choosing.
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <cctype>
#include <cstring>
#include <fstream>
#include <functional>
#include <thread>
#include <vector>

#include "tests/conformance/asking.h"
#include "tests/unit/dns/forwarding_fixture.h"

namespace sixpn::dns::testing {
namespace {

sockaddr_in v4_address(std::uint32_t ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(ip);
  address.sin_port = htons(port);
  return address;
}

// A socket from an address of 127.0.0.0/8, to the service.
Fd socket_from(std::uint32_t source, int type, std::uint16_t port) {
  Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  auto from = v4_address(source, 0), to = v4_address(0x7f000001, port);
  if (bind(socket.get(), reinterpret_cast<sockaddr*>(&from), sizeof from) != 0) return {};
  if (connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return {};
  return socket;
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * 4096;
}

// A machine other than the neighbour's, over UDP.
class Attacker {
 public:
  explicit Attacker(const IpEndpoint& service)
      : socket_(socket_from(0x7f000009, SOCK_DGRAM, service.port)) {}
  void send(const std::string& message) const {
    static_cast<void>(::send(socket_.get(), message.data(), message.size(), MSG_DONTWAIT));
  }

 private:
  Fd socket_;
};

class Hostile : public Conformance {
 protected:
  static constexpr std::size_t kMemoryBound = 64U << 20;
  static constexpr std::uint64_t kFlood = 1000;

  void SetUp() override {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    Conformance::SetUp();
    before_ = resident_bytes();
  }

  void restart(const DnsOptions& chosen) {
    TearDown();
    service_.reset();
    on_loop([&] {
      service_ = std::make_unique<DnsService>(loop_, chosen);
      service_->set_snapshot(World().snapshot());
      ASSERT_TRUE(service_->start());
      endpoints_ = service_->local_endpoints();
    });
  }

  // Of a round of a neighbour's queries, how many had no answer in a second. On loopback none has a
  // reason to, whatever its neighbours do: the one in ten is for what else this machine is busy
  // with.
  struct Losses {
    explicit Losses(int questions) : most(questions / 10) {}
    int most = 0, count = 0;
  };

  // Asks, and again when nothing comes. Nothing, and the test has failed: too many were lost.
  std::optional<std::string> insist(const std::string& query, Losses& losses) {
    for (;;) {
      ++asked_;
      if (auto reply = udp_ask(six(), query, 1s)) return reply;
      if (++losses.count <= losses.most) continue;
      ADD_FAILURE() << losses.count << " of a neighbour's queries were lost";
      return std::nullopt;
    }
  }

  // Asks as another machine's resolver does: right answers only, and nearly all at once.
  void neighbour_asks(int times) {
    Losses losses(times);
    for (int i = 0; i < times; ++i) {
      auto id = static_cast<std::uint16_t>(i);
      auto reply = insist(encode({.name = "iad.web.internal", .id = id}), losses);
      if (!reply) return;
      auto parsed = parse_reply(*reply);
      EXPECT_EQ(parsed->id, id);
      EXPECT_EQ(parsed->answers,
                (std::vector<std::string>{"iad.web.internal. 5 IN AAAA " + to_string(asker())}));
    }
  }

  // The same for names that are not ours, none of them twice.
  void neighbour_asks_foreign(int times) {
    Losses losses(times);
    for (int i = 0; i < times; ++i) {
      auto query = encode({.name = "n" + std::to_string(++foreign_) + ".good.example"});
      auto reply = insist(query, losses);
      if (!reply) return;
      EXPECT_EQ(parse_reply(*reply)->rcode, kNoErrorCode) << foreign_;
    }
  }

  // Runs `attack` over and over on a thread of its own while the neighbour asks, and goes on asking
  // until it was under attack `enough`.
  template <class Attack>
  void under(
      Attack attack, const std::function<bool()>& enough,
      const std::function<void()>& asks_more = [] {}) {
    std::atomic<bool> stop{false};
    std::thread attacking([&] {
      for (std::uint64_t turn = 0; !stop; ++turn) attack(turn);
    });
    const auto patience = std::chrono::steady_clock::now() + 60s;
    do {
      neighbour_asks(100);
      asks_more();
    } while (!enough() && !HasFailure() && std::chrono::steady_clock::now() < patience);
    EXPECT_TRUE(enough()) << "little came of the attack";
    stop = true;
    attacking.join();
    expect_bounded();
  }
  // More datagrams came than the neighbour sent: the attack is not only in its own mind.
  [[nodiscard]] std::function<bool()> flooded() {
    return [this] { return stats().udp_queries > asked_ + kFlood; };
  }
  void expect_bounded() const { EXPECT_LT(resident_bytes(), before_ + kMemoryBound); }

  std::size_t before_ = 0;
  int foreign_ = 0;
  std::uint64_t asked_ = 0;  // queries of the neighbour's, over UDP
};

// RFC 1035 section 4.1.1: what cannot be read is FORMERR, or nothing.
TEST_F(Hostile, AFloodOfGarbage) {
  Attacker attacker(four());
  Rng rng(1);
  std::vector<std::string> garbage;
  for (int i = 0; i < 256; ++i) {
    auto& bytes = garbage.emplace_back(rng.below(1400), '\0');
    for (char& c : bytes) c = static_cast<char>(rng());
  }
  under([&](std::uint64_t turn) { attacker.send(garbage[turn % garbage.size()]); }, flooded());
}

// RFC 7873 section 2.1.1 and RFC 5358 section 3: whoever can write any source address.
TEST_F(Hostile, AFloodOfSpoofedSources) {
  std::vector<Fd> sockets;
  for (std::uint32_t i = 0; i < 1000; ++i)
    sockets.push_back(socket_from(0x7f010000 + i * 7, SOCK_DGRAM, four().port));
  auto query = encode({.name = "web.internal"});
  under(
      [&](std::uint64_t turn) {
        static_cast<void>(
            send(sockets[turn % sockets.size()].get(), query.data(), query.size(), MSG_DONTWAIT));
      },
      flooded());
}

// RFC 7873 section 2.1.2.
TEST_F(Hostile, AFloodOfGoodQueriesFromOneSource) {
  Attacker attacker(four());
  auto query = encode({.name = "web.internal"});
  under([&](std::uint64_t) { attacker.send(query); }, flooded());
}

// Names that nobody has kept, below a domain whose servers do not answer, of all machines of a
// network: what waits for them leaves room for a neighbour's questions.
TEST_F(Hostile, RandomNamesThatUpstreamHasNoAnswerFor) {
  constexpr std::uint32_t kMachines = 8;
  Upstream upstream([](const std::string& query, bool) -> std::optional<std::string> {
    std::string lower = query;  // it is spelled at random
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (lower.find("slow") != std::string::npos) return std::nullopt;
    return reply_to(query, 0x8180, {});
  });
  auto chosen = conforming_options();
  chosen.upstreams = {upstream.endpoint()};
  chosen.forward.probe_every = Duration::zero();
  chosen.forward.in_flight = chosen.forward.in_flight_per_network = 256;
  chosen.forward.in_flight_per_client = 64;
  restart(chosen);
  std::vector<Fd> machines;
  for (std::uint32_t i = 0; i < kMachines; ++i)
    machines.push_back(socket_from(0x7f000010 + i, SOCK_DGRAM, four().port));
  under(
      [&](std::uint64_t turn) {
        auto query = encode({.name = "r" + std::to_string(turn) + ".slow.example"});
        static_cast<void>(
            send(machines[turn % kMachines].get(), query.data(), query.size(), MSG_DONTWAIT));
      },
      [&] { return stats().forward_rejected > 1000 && foreign_ >= 100; },
      [&] { neighbour_asks_foreign(25); });
}

// RFC 9267 section 2: pointers to themselves, to each other, and chains of them.
TEST_F(Hostile, CompressionLoops) {
  auto header = encode({}).substr(0, 12);
  auto tail = u16(kTypeAaaa) + u16(kClassIn);
  std::string chain = encode({});
  std::uint16_t count = 0;
  for (; chain.size() < 1900; ++count)
    chain +=
        u16(0xc000 | (chain.size() - 16)) + u16(1) + u16(1) + u16(0) + u16(0) + u16(4) + "abcd";
  const std::vector<std::string> loops = {
      header + "\xc0\x0c"s + tail, header + "\1a\xc0\x0c"s + tail,
      header + "\xc0\x0e\xc0\x0c"s + tail, with_counts(chain, 1, 0, 0, count)};
  Attacker attacker(four());
  under([&](std::uint64_t turn) { attacker.send(loops[turn % loops.size()]); }, flooded());
}

// RFC 1035 section 4.2.2: streams of the largest messages, as fast as they are taken.
TEST_F(Hostile, LargeMessagesOverTcp) {
  auto message = behind_length(encode({}) + std::string(65535 - encode({}).size(), '\x3f'));
  std::optional<TcpClient> client(six());
  under(
      [&](std::uint64_t turn) {
        client->send_raw(message);
        if (turn % 16 == 15) client.emplace(six());
      },
      [&] { return stats().by_rcode[kFormErrCode] > 0; });
}

// RFC 7766 sections 6.2.2 and 10: connections that trickle, never ask, or never read; ten thousand
// of them, from many addresses.
TEST_F(Hostile, TenThousandConnections) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  const auto wanted = std::min<std::size_t>(10'000, files.rlim_cur / 2);
  std::vector<Fd> open;
  auto query = behind_length(encode({.name = "_instances.internal", .type = kTypeTxt}));
  for (std::size_t i = 0; i < wanted; ++i) {
    auto& socket = open.emplace_back(
        socket_from(static_cast<std::uint32_t>(0x7f020000 + i % 500), SOCK_STREAM, four().port));
    auto bytes = i % 3 == 0 ? query.substr(0, 5) : i % 3 == 1 ? ""s : query;
    if (socket) static_cast<void>(send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
  neighbour_asks(100);
  auto now = stats();
  TcpLimits limits;
  EXPECT_LE(now.tcp_open, limits.connections_per_network);
  EXPECT_GE(now.tcp_accepted + now.tcp_rejected, wanted);
  // Those of one network do not shut out another's: ours of [::1] shares its prefix with them here,
  // so only UDP is asked; tcp_test.cc has the shares.
  expect_bounded();
}

// RFC 7766 sections 6.2.3 and 10: a slow loris on every connection that it can have, and its
// neighbour over TCP.
TEST_F(Hostile, SlowLoris) {
  auto chosen = conforming_options();
  chosen.tcp.idle = 1s;
  restart(chosen);
  std::vector<Fd> open;
  for (std::uint32_t i = 0; i < 32; ++i)
    open.push_back(socket_from(0x7f000005, SOCK_STREAM, four().port));
  auto begun = std::chrono::steady_clock::now();
  auto all_closed = [&] { return stats().tcp_timed_out >= open.size(); };
  bool gone = false;
  while (!gone && std::chrono::steady_clock::now() - begun < kPatience) {
    for (const auto& socket : open)
      static_cast<void>(send(socket.get(), "\xff", 1, MSG_NOSIGNAL | MSG_DONTWAIT));
    TcpClient neighbour(six());
    neighbour.send(encode({}));
    EXPECT_TRUE(neighbour.receive());
    gone = all_closed();
  }
  EXPECT_TRUE(gone);
}

}  // namespace
}  // namespace sixpn::dns::testing
