// A client's first bytes go to the owner of a machine together with the question: that they reach
// another machine only if it is certain that the first one did not get them.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <thread>

#include "flycast/core/preamble.h"
#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {
namespace {

constexpr std::string_view kOnce = "do this once";

// Machine 2 on host 2, the nearer one, and machine 4 on host 3; clients on host 1.
struct FirstBytes : testing::Test {
  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster_of({2, 4});
  std::optional<RunningHost> host1;
  std::optional<RunningHost> host2;
  RunningHost host3{3, cluster};
  Server four{4};

  // Its proxy gives a machine up after so long while there is another one.
  void start_host1(Duration early_timeout = std::chrono::seconds(20)) {
    FlycastOptions options;
    options.retry.connect_timeout = std::chrono::seconds(25);
    options.retry.early_timeout = early_timeout;
    options.hop_link_idle = Duration::zero();  // one connection is one question
    host1.emplace(1u, cluster, options);
  }
  void start_host2() {
    FlycastOptions options;
    options.retry.connect_timeout = std::chrono::seconds(25);
    host2.emplace(2u, cluster, options);
  }
  // A client whose bytes are there before its connection is looked at.
  Tcp send_once() {
    Tcp client;
    host1->on_loop([&] {
      client = dial_web();
      EXPECT_TRUE(client.write_all(kOnce));
    });
    return client;
  }
  void expect_served_by_four(Tcp& client) {
    Tcp accepted = four.accept();
    ASSERT_TRUE(accepted);
    EXPECT_EQ(accepted.read_exactly(kOnce.size()), kOnce);
    ASSERT_TRUE(accepted.write_all("done"));
    EXPECT_EQ(client.read_exactly(4), "done");
  }
  void silence_machine2() { lab.machine(2).lose("tcp dport 8080 drop"); }

  void TearDown() override {
    for (const NetNs* where : {&lab.host(2), &lab.machine(2)}) where->mend();
  }
};

// Where host 2's proxy would listen.
Fd listen_as_host2() {
  Fd listener;
  Lab::instance().host(2).run([&] {
    listener = Fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int one = 1;
    setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_port = htons(FlycastOptions{}.hop_port);
    Ip6 ip = host_address(host(2));
    std::memcpy(&at.sin6_addr, ip.bytes.data(), ip.bytes.size());
    ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    ASSERT_EQ(listen(listener.get(), 8), 0);
  });
  return listener;
}

TEST_F(FirstBytes, ThatAnOwnerTookAndDiedWithAreGivenToNobodyElse) {
  start_host1();
  Fd owner = listen_as_host2();
  Tcp client = send_once();
  pollfd wait{owner.get(), POLLIN, 0};
  ASSERT_EQ(poll(&wait, 1, kPatienceMs), 1);
  Tcp hop(Fd(accept4(owner.get(), nullptr, nullptr, SOCK_CLOEXEC)));
  auto length = decode_frame_header(hop.read_exactly(kFrameHeaderBytes));
  ASSERT_TRUE(length);
  hop.read_exactly(*length);
  ASSERT_EQ(hop.read_exactly(kOnce.size()), kOnce);
  hop.send_reset();
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.got_reset());
  EXPECT_EQ(host3.stats().hops_accepted, 0u);
}

// It answers when it has been given up already, for what is not known to have arrived. What it has
// may be with a machine: its word is waited for, as long as an agent may take to start.
TEST_F(FirstBytes, AnAnswerThatIsLateIsWaitedFor) {
  start_host1(std::chrono::milliseconds(1));  // and four round trips of 80
  Fd owner = listen_as_host2();
  auto sent = std::chrono::steady_clock::now();
  Tcp client = send_once();
  pollfd wait{owner.get(), POLLIN, 0};
  ASSERT_EQ(poll(&wait, 1, kPatienceMs), 1);
  Tcp hop(Fd(accept4(owner.get(), nullptr, nullptr, SOCK_CLOEXEC)));
  auto length = decode_frame_header(hop.read_exactly(kFrameHeaderBytes));
  ASSERT_TRUE(length);
  hop.read_exactly(*length);
  ASSERT_EQ(hop.read_exactly(kOnce.size()), kOnce);
  std::this_thread::sleep_until(sent + std::chrono::milliseconds(2500));
  ASSERT_TRUE(hop.write_all(encode_reply({HopStatus::kConnectFailed})));
  expect_served_by_four(client);
}

TEST_F(FirstBytes, ThatNeverArrivedGoToAnother) {
  start_host1(std::chrono::milliseconds(500));
  start_host2();
  lab.host(2).lose("tcp dport 7947 meta length > 100 drop");
  Tcp client = send_once();
  expect_served_by_four(client);
}

// The owner stops trying first, so that its refusal says that the machine got nothing.
TEST_F(FirstBytes, OfASilentMachineGoToAnother) {
  start_host1(std::chrono::seconds(4));
  start_host2();
  silence_machine2();
  Tcp client = send_once();
  expect_served_by_four(client);
  EXPECT_EQ(host2->stats().hops_refused, 1u);
}

TEST_F(FirstBytes, ThatAnAgentHoldsAsItStopsGoToAnother) {
  start_host1();
  start_host2();
  silence_machine2();
  Tcp client = send_once();
  ASSERT_TRUE(eventually([&] { return host2->stats().hops_accepted == 1; }));
  host2->stop();
  expect_served_by_four(client);
}

}  // namespace
}  // namespace sixpn::flycast
