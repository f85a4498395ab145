// The resolver on real sockets; dig as a client of somebody else's making. What TCP has to do:
// tests/conformance/tcp_test.cc.
#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include "service_fixture.h"

namespace sixpn::dns::testing {
namespace {

using namespace std::string_literals;
using namespace std::chrono_literals;

class Service : public ServiceTest {
 protected:
  // Standard output of dig, asked over [::1].
  std::string dig(const std::string& arguments) const {
    auto command = "dig @::1 -p " + std::to_string(six().port) + " +time=3 +tries=1 " + arguments;
    std::string output;
    std::array<char, 4096> part;
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    while (pipe != nullptr && fgets(part.data(), part.size(), pipe) != nullptr)
      output += part.data();
    EXPECT_EQ(pclose(pipe), 0) << command << "\n" << output;
    return output;
  }

  static bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  static std::size_t lines_of(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
};

TEST_F(Service, DigOverUdp) {
  start(options());
  EXPECT_EQ(dig("+short iad.web.internal AAAA"), to_string(asker()) + "\n");
  EXPECT_EQ(dig("+short regions.web.internal TXT"), "\"fra,iad,nrt\"\n");
  EXPECT_EQ(dig("+short -x " + to_string(asker())), "000000000000a1.vm.web.internal.\n");
  auto answer = dig("web.internal AAAA");
  EXPECT_TRUE(contains(answer, "status: NOERROR") && contains(answer, "flags: qr aa rd ra;"))
      << answer;
  EXPECT_TRUE(contains(answer, "EDNS: version: 0, flags:; udp: 1232")) << answer;
  EXPECT_FALSE(contains(answer, "WARNING")) << answer;
  auto missing = dig("nothing.internal AAAA");
  EXPECT_TRUE(contains(missing, "status: NXDOMAIN") && contains(missing, "SOA\t_dns.internal."))
      << missing;
}

TEST_F(Service, DigOverTcpAndWithoutEdns) {
  start(options());
  EXPECT_EQ(lines_of(dig("+tcp +short web.internal AAAA")), 4U);
  EXPECT_FALSE(contains(dig("+noedns web.internal AAAA"), "EDNS"));
  EXPECT_TRUE(contains(dig("+edns=1 +noednsnegotiation web.internal AAAA"), "status: BADVERS"));
}

TEST_F(Service, DigRetriesTruncatedAnswersOverTcp) {
  start(options());
  on_loop([&] { service_->set_snapshot(big_world(200)); });
  auto cut = dig("+ignore +bufsize=600 big.internal AAAA");
  EXPECT_TRUE(contains(cut, "flags: qr aa tc rd ra;")) << cut;
  EXPECT_TRUE(contains(cut, "ANSWER: 18,")) << cut;  // (600 - 30 - 11 - 28 of a cookie) / 28
  EXPECT_EQ(lines_of(dig("+short +noedns big.internal AAAA | grep fdaa")), 200U);
  EXPECT_EQ(stats().tcp_queries, 1U);
  EXPECT_GE(stats().truncated, 2U);
}

TEST_F(Service, TheViewFollowsTheAddressAsked) {
  start(options());
  auto reply = udp_ask(four(), encode({}));
  ASSERT_TRUE(reply);
  EXPECT_EQ(parse_reply(*reply)->answers,
            (std::vector<std::string>{"web.internal. 5 IN AAAA " +
                                      to_string(address_of(kGlobex, kHostA, 0xc1))}));
  EXPECT_EQ(ask({.name = "iad.web.internal"}).answers.size(), 1U);
}

TEST_F(Service, StrangersAreRefused) {
  auto chosen = options();
  chosen.extra_views.clear();
  start(chosen);
  EXPECT_EQ(ask({}).rcode, 5);
  EXPECT_EQ(ask({.name = "example.org"}).rcode, 5);
  EXPECT_EQ(stats().refused_sources, 2U);
  EXPECT_EQ(stats().forwarded, 0U);
}

TEST_F(Service, ANewSnapshotAnswersTheNextQuery) {
  start(options());
  EXPECT_EQ(ask({.name = "big.internal"}).rcode, 3);
  on_loop([&] { service_->set_snapshot(big_world(3)); });
  EXPECT_EQ(ask({.name = "big.internal"}).answers.size(), 3U);
  on_loop([&] { service_->set_snapshot(nullptr); });
  EXPECT_EQ(ask({.name = "big.internal"}).rcode, 2);
}

TEST_F(Service, RepliesLeaveFromTheAddressAsked) {
  auto chosen = options();
  chosen.listen = {{*parse_ip("0.0.0.0"), 0}};
  start(chosen);
  // Unasked, the kernel would answer from 127.0.0.1, and a connected socket would not take it.
  EXPECT_TRUE(udp_ask({*parse_ip("127.0.0.2"), endpoints_[0].port}, encode({})));
}

TEST_F(Service, ABurstIsAnsweredWhole) {
  start(options());
  UdpClient client(six());
  std::set<int> ids;
  for (std::uint16_t id = 0; id < 100; ++id) client.send(encode({.id = id}));
  while (ids.size() < 100) {
    auto reply = client.receive();
    ASSERT_TRUE(reply) << ids.size();
    ids.insert(parse_reply(*reply)->id);
  }
  EXPECT_EQ(stats().udp_queries, 100U);
  EXPECT_EQ(stats().by_type.at(kTypeAaaa), 100U);
  EXPECT_EQ(stats().by_rcode[0], 100U);
}

TEST_F(Service, GarbageOnUdpIsSurvived) {
  start(options());
  UdpClient client(six());
  Rng rng(5);
  for (int i = 0; i < 500; ++i) {
    std::string bytes(rng.below(6000), '\0');
    for (char& c : bytes) c = static_cast<char>(rng());
    client.send(bytes);
  }
  // On a busy machine the flood may fill a worker's socket and our question falls off its end: it
  // is asked again, as every client does.
  auto ask = [this](const std::string& question) {
    std::optional<std::string> answer;
    for (int tries = 0; tries < 20 && !answer; ++tries) answer = udp_ask(six(), question, 1s);
    return answer;
  };
  auto answer = ask(encode({}));
  ASSERT_TRUE(answer);
  EXPECT_EQ(parse_reply(*answer)->answers.size(), 4U);
  // A datagram beyond the buffer earns a FORMERR, not silence.
  auto reply = ask(encode({}) + std::string(8000, 'x'));
  ASSERT_TRUE(reply);
  EXPECT_EQ(parse_reply(*reply)->rcode, 1);
}

TEST_F(Service, StartSaysWhatIsWrong) {
  start(options());
  DnsOptions taken = options();
  taken.listen = {six()};
  EventLoop other("other");
  DnsService second(other, taken);
  auto started = second.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message,
            "cannot listen on TCP " + to_string(six()) +
                " (does another resolver hold this port?): Address already in use");
  EXPECT_TRUE(second.local_endpoints().empty());

  DnsOptions looping = options();
  looping.listen = {{*parse_ip("::1"), 0}};
  looping.upstreams = {{kResolverAddress, 53}};
  DnsService third(other, looping);
  EXPECT_FALSE(third.start());
  EXPECT_TRUE(third.local_endpoints().empty());
}

TEST_F(Service, AnAddressThatIsNotThereYetCanBeBound) {
  auto chosen = options();
  chosen.listen = {{kResolverAddress, 0}};
  start(chosen);
  EXPECT_EQ(endpoints_.at(0).ip, kResolverAddress);
}

TEST_F(Service, StopIsIdempotentAndStartsAgain) {
  start(options());
  TcpClient client(six());
  client.send(encode({}));
  EXPECT_TRUE(client.receive());
  on_loop([&] {
    service_->stop();
    service_->stop();
  });
  EXPECT_TRUE(client.wait_for_close());
  EXPECT_FALSE(udp_ask(six(), encode({}), 50ms));
  on_loop([&] {
    ASSERT_TRUE(service_->start());
    endpoints_ = service_->local_endpoints();
  });
  EXPECT_EQ(ask({}).answers.size(), 4U);
}

}  // namespace
}  // namespace sixpn::dns::testing
