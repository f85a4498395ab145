// What a relayed connection does to bytes, ends of stream and resets. Each case runs over one hop
// (the machine lives on the client's host) and over two.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "base/rng.h"
#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {
namespace {

constexpr std::size_t kMoreThanThePathHolds = 64 << 20;

// A running sum that changes with every byte and with their order (FNV-1a).
class Checksum {
 public:
  void add(std::string_view bytes) {
    for (unsigned char byte : bytes) value_ = (value_ ^ byte) * 1099511628211ULL;
  }
  friend bool operator==(const Checksum&, const Checksum&) = default;

 private:
  std::uint64_t value_ = 14695981039346656037ULL;
};

std::string random_block(std::size_t size) {
  Rng rng(9);
  std::string block(size, '\0');
  for (char& byte : block) byte = static_cast<char>(rng());
  return block;
}

// A client connected to a server on machine 1 (one hop) or 2 (two hops).
struct Stream : testing::TestWithParam<std::uint32_t> {
  TestCluster cluster = Lab::cluster_of({GetParam()});
  RunningHost host1{1, cluster, without_spare_links()};
  RunningHost host2{2, cluster};
  Server listener{GetParam()};
  Tcp client = dial_web();
  Tcp server = listener.accept();

  // They would outlive the streams for some seconds.
  static FlycastOptions without_spare_links() {
    FlycastOptions options;
    options.hop_link_idle = Duration::zero();
    return options;
  }
  void SetUp() override { ASSERT_TRUE(client && server); }
  void TearDown() override {
    client.close();
    server.close();
    EXPECT_TRUE(eventually([&] {
      return host1.stats().sessions == 0 && host2.stats().sessions == 0;
    })) << "sessions end with their streams";
  }
};

TEST_P(Stream, AHalfCloseOfTheClientLeavesTheAnswerOpen) {
  std::string answer = random_block(3 << 20);
  ASSERT_TRUE(client.write_all("request"));
  client.send_fin();
  EXPECT_EQ(server.read_to_end(), "request");
  EXPECT_TRUE(server.ended());
  std::thread writer([&] {
    EXPECT_TRUE(server.write_all(answer));
    server.send_fin();
  });
  EXPECT_TRUE(client.read_to_end() == answer);
  EXPECT_TRUE(client.ended());
  writer.join();
}

TEST_P(Stream, AHalfCloseOfTheServerLeavesTheRequestOpen) {
  std::string request = random_block(3 << 20);
  ASSERT_TRUE(server.write_all("banner"));
  server.send_fin();
  EXPECT_EQ(client.read_to_end(), "banner");
  EXPECT_TRUE(client.ended());
  std::thread writer([&] {
    EXPECT_TRUE(client.write_all(request));
    client.send_fin();
  });
  EXPECT_TRUE(server.read_to_end() == request);
  EXPECT_TRUE(server.ended());
  writer.join();
}

TEST_P(Stream, AFinWithoutABytePasses) {
  client.send_fin();
  EXPECT_EQ(server.read_to_end(), "");
  EXPECT_TRUE(server.ended());
  server.send_fin();
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.ended());
}

TEST_P(Stream, AResetOfTheClientIsAResetAfterItsBytes) {
  ASSERT_TRUE(client.write_all("last words"));
  EXPECT_EQ(server.read_exactly(10), "last words");
  client.send_reset();
  EXPECT_EQ(server.read_to_end(), "");
  EXPECT_TRUE(server.got_reset());
}

TEST_P(Stream, AResetOfTheServerIsAResetAfterItsBytes) {
  ASSERT_TRUE(server.write_all("last words"));
  EXPECT_EQ(client.read_exactly(10), "last words");
  server.send_reset();
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.got_reset());
}

// A server that answers early and closes with the request unread (RFC 9112 section 9.6): its kernel
// resets right behind the answer, which must not be lost for it. That kernel itself drops what it
// has not sent by then (20 kB are more than a first congestion window), so the server waits for
// that.
TEST_P(Stream, AnAnswerBeforeAResetIsDelivered) {
  std::string answer = random_block(20 * 1024);
  ASSERT_TRUE(client.write_all(random_block(64 * 1024)));
  ASSERT_EQ(server.read_exactly(100).size(), 100u);
  ASSERT_TRUE(server.write_all(answer));
  ASSERT_TRUE(server.all_sent());
  server.close();
  EXPECT_TRUE(client.read_exactly(answer.size()) == answer);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.got_reset());
}

// The server reads nothing, so the client is not read any more; then the client dies.
TEST_P(Stream, AResetIsNoticedUnderBackPressure) {
  client.write_until_stuck(random_block(1 << 20), kMoreThanThePathHolds);
  client.send_reset();
  EXPECT_TRUE(eventually([&] { return host1.stats().sessions == 0; })) << "within the grace";
  server.read_to_end();
  EXPECT_TRUE(server.got_reset());
}

TEST_P(Stream, BackPressureHoldsTheSenderAndLosesNothing) {
  std::string sent = client.write_until_stuck(random_block(1 << 20), kMoreThanThePathHolds);
  EXPECT_LT(sent.size(), kMoreThanThePathHolds) << "kernel buffers and a chunk per hop, no more";
  client.send_fin();
  EXPECT_TRUE(server.read_to_end() == sent);
  EXPECT_TRUE(server.ended());
}

// Requests of many sizes, each taken in by the path before the server reads, and no end of stream
// behind: no byte may stay with the relay until more comes.
TEST_P(Stream, NothingIsHeldBackWhenTheSenderPauses) {
  std::string block = random_block(1 << 20);
  for (std::size_t size = 1 << 20; size <= (12u << 20); size += 1 << 20) {
    std::string sent = client.write_until_stuck(block, size);
    EXPECT_TRUE(server.read_exactly(sent.size()) == sent) << size;
  }
}

TEST_P(Stream, TwoHundredMegabytesBothWaysAtOnce) {
  const std::size_t kBlocks = 200;
  std::string block = random_block(1 << 20);
  Checksum sent;
  for (std::size_t i = 0; i < kBlocks; ++i) sent.add(block);
  auto write = [&](Tcp& end) {
    for (std::size_t i = 0; i < kBlocks; ++i)
      if (!end.write_all(block)) return;
    end.send_fin();
  };
  auto read = [&](Tcp& end) {
    Checksum got;
    while (!end.ended() && !end.got_reset()) got.add(end.read_exactly(256 * 1024));
    EXPECT_TRUE(end.ended());
    EXPECT_TRUE(got == sent);
  };
  auto start = std::chrono::steady_clock::now();
  std::thread up([&] { write(client); });
  std::thread down([&] { write(server); });
  std::thread at_server([&] { read(server); });
  read(client);
  up.join();
  down.join();
  at_server.join();
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  RecordProperty("megabytes_per_second",
                 static_cast<int>(2.0 * static_cast<double>(kBlocks) / took.count()));
}

TEST_P(Stream, AStoppedAgentResetsBothEnds) {
  host1.stop();
  EXPECT_EQ(server.read_to_end(), "");
  EXPECT_TRUE(server.got_reset());
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.got_reset());
  host1.stop();
}

TEST_P(Stream, ASnapshotWithoutTheMachineLeavesOpenStreamsAlone) {
  cluster.machines.clear();
  cluster.flycast.clear();
  host1.set_snapshot(cluster);
  host2.set_snapshot(cluster);
  ASSERT_TRUE(client.write_all("still here"));
  EXPECT_EQ(server.read_exactly(10), "still here");
}

// The wire loses the answer, once: the kernel of the host that was reset behind it has to send it
// again, and must be left the time to.
TEST(LostPacket, IsSentAgainBeforeTheReset) {
  TestCluster cluster = Lab::cluster_of({2});
  RunningHost host1(1, cluster);
  RunningHost host2(2, cluster);
  Server listener(2);
  Tcp client = dial_web();
  Tcp server = listener.accept();
  ASSERT_TRUE(client && server);
  ASSERT_TRUE(client.write_all("request"));
  ASSERT_EQ(server.read_exactly(1).size(), 1u);
  const NetNs& lossy = Lab::instance().host(1);
  lossy.feed("nft -f -", R"(table inet lossy {
  chain prerouting {
    type filter hook prerouting priority raw
    tcp sport 7947 meta length gt 4000 quota until 9000 bytes drop
  }
}
)");
  std::string answer = random_block(8000);
  ASSERT_TRUE(server.write_all(answer));
  ASSERT_TRUE(server.all_sent());
  server.close();
  EXPECT_TRUE(client.read_exactly(answer.size()) == answer);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.got_reset());
  lossy.feed("nft -f -", "delete table inet lossy\n");
}

// A crash is no clean end of stream: the kernel resets what a killed process had open.
TEST(KilledAgent, ResetsBothEnds) {
  TestCluster cluster = Lab::cluster_of({1});
  Lab::instance();
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  pid_t agent = fork();
  if (agent == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // also when the test itself is killed
    RunningHost host1(1, cluster);
    if (write(ready[1], "!", 1) == 1) pause();
    _exit(1);
  }
  Fd reader(ready[0]);
  Fd writer(ready[1]);
  char sign = 0;
  ASSERT_EQ(read(reader.get(), &sign, 1), 1);
  Server listener(1);
  Tcp client = dial_web();
  Tcp server = listener.accept();
  EXPECT_TRUE(client.write_all("ping"));
  EXPECT_EQ(server.read_exactly(4), "ping");
  kill(agent, SIGKILL);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.got_reset());
  EXPECT_EQ(server.read_to_end(), "");
  EXPECT_TRUE(server.got_reset());
  waitpid(agent, nullptr, 0);
}

INSTANTIATE_TEST_SUITE_P(Hops, Stream, testing::Values(1u, 2u),
                         [](const auto& param) { return param.param == 1 ? "One" : "Two"; });

}  // namespace
}  // namespace sixpn::flycast
