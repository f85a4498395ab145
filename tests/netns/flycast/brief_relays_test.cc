// Relays that begin on the room's loop, between TCP streams over a loopback: what is brief ends
// there, what lasts goes on on a thread.
#include "flycast/io/brief_relays.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "base/io/run_on.h"
#include "base/rng.h"
#include "flycast/io/relay_loop.h"
#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {
namespace {

struct BriefStage : testing::Test {
  EventLoop loop{"brief"};
  std::mutex mutex;
  std::set<SessionId> ended;
  std::atomic<int> lasted = 0;
  std::unique_ptr<RelayLoop> lane;
  std::optional<BriefRelays> brief;
  SessionId last_id = 0;

  void SetUp() override {
    auto note = [this](const std::vector<SessionId>& ids) {
      std::lock_guard lock(mutex);
      ended.insert(ids.begin(), ids.end());
    };
    lane = std::move(*RelayLoop::start("relay", std::chrono::seconds(15), note, [](auto) {}));
    brief.emplace(loop, std::chrono::seconds(15),
                  BriefRelays::Callbacks{note,
                                         [this](std::vector<RelayPoller::Loose> relays) {
                                           lasted += static_cast<int>(relays.size());
                                           lane->add(std::move(relays));
                                         },
                                         [](const auto&) {}});
    ASSERT_TRUE(brief->start());
    loop.start_thread();
  }
  void TearDown() override {
    on_loop([&] { brief.reset(); });
    loop.stop();
    loop.join();
  }
  void on_loop(const std::function<void()>& body) { run_on(loop, body); }
  bool has_ended(SessionId id) {
    return eventually([&] {
      std::lock_guard lock(mutex);
      return ended.contains(id);
    });
  }
  // As the room's sockets are: closed in the middle, they reset.
  void add(Fd ours, Fd theirs, bool bare = false) {
    linger reset{1, 0};
    for (int fd : {ours.get(), theirs.get()}) {
      fcntl(fd, F_SETFL, O_NONBLOCK);
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    RelayStreams streams{++last_id, std::move(ours), std::move(theirs)};
    streams.machine_is_bare = bare;
    on_loop([&] { brief->add(std::move(streams)); });
  }
  // The outer ends of two streams that are joined.
  std::pair<Tcp, Tcp> join() {
    auto [client, ours] = make_stream();
    auto [theirs, server] = make_stream();
    add(std::move(ours), std::move(theirs));
    return {Tcp(std::move(client)), Tcp(std::move(server))};
  }
};

std::string random_bytes(Rng& rng, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng());
  return bytes;
}

TEST_F(BriefStage, WhatIsBriefEndsWhereItBegan) {
  for (int i = 0; i < 200; ++i) {
    auto [client, server] = join();
    ASSERT_TRUE(client.write_all("question"));
    ASSERT_EQ(server.read_exactly(8), "question");
    ASSERT_TRUE(server.write_all("answer"));
    server.send_fin();
    ASSERT_EQ(client.read_to_end(), "answer");
    ASSERT_TRUE(client.ended());
    client.send_fin();
    ASSERT_TRUE(has_ended(last_id));
  }
  // None but those that were open at one of the looks.
  EXPECT_LE(lasted, 10);
}

// A server that speaks first is heard, though nothing is read of it before it has spoken.
TEST_F(BriefStage, AServerMaySpeakFirst) {
  auto [client, ours] = make_stream();
  auto [theirs, server] = make_stream();
  Tcp speaks(std::move(server));
  ASSERT_TRUE(speaks.write_all("welcome"));
  add(std::move(ours), std::move(theirs));
  EXPECT_EQ(Tcp(std::move(client)).read_exactly(7), "welcome");
}

TEST_F(BriefStage, WhatReadsOftenGoesToAThreadAndLosesNothing) {
  constexpr int kBlocks = 300;
  auto [client, server] = join();
  std::jthread writer([&, &client = client] {
    Rng rng(5);
    for (int i = 0; i < kBlocks; ++i)
      if (!client.write_all(random_bytes(rng, 1 + rng.below(200'000)))) return;
    client.send_fin();
  });
  Rng rng(5);
  for (int i = 0; i < kBlocks; ++i) {
    std::size_t size = 1 + rng.below(200'000);
    std::string expected = random_bytes(rng, size);
    ASSERT_TRUE(server.read_exactly(size) == expected) << i;
  }
  EXPECT_EQ(server.read_to_end(), "");
  EXPECT_TRUE(server.ended());
  writer.join();
  EXPECT_EQ(lasted, 1);
  EXPECT_GT(lane->counts().bytes, brief->counts().bytes);
  server.send_fin();
  EXPECT_TRUE(has_ended(last_id));
}

// Bytes that the reader has no room for are with the relay as it goes from loop to thread.
TEST_F(BriefStage, WhatIsHeldGoesAlong) {
  auto [client_fd, ours] = make_stream();
  auto [theirs, server_fd] = make_stream();
  int little = 4096;
  setsockopt(theirs.get(), SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
  Tcp client(std::move(client_fd));
  Tcp server(std::move(server_fd));
  add(std::move(ours), std::move(theirs));
  Rng rng(7);
  std::string block = random_bytes(rng, 100'003);
  std::string sent = client.write_until_stuck(block, 64 * 1024 * 1024);
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(server.write_all("tick"));
    ASSERT_EQ(client.read_exactly(4), "tick");
  }
  ASSERT_TRUE(eventually([&] { return lasted == 1; }));
  client.send_fin();
  EXPECT_TRUE(server.read_to_end() == sent);
  EXPECT_TRUE(server.ended());
  server.send_fin();
  EXPECT_TRUE(has_ended(last_id));
}

TEST_F(BriefStage, WhatWaitsGoesToAThreadAndAnswersThere) {
  auto [client, server] = join();
  ASSERT_TRUE(eventually([&] { return lasted == 1; }));
  ASSERT_TRUE(client.write_all("late question"));
  ASSERT_EQ(server.read_exactly(13), "late question");
  server.send_reset();
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.got_reset());
  EXPECT_TRUE(has_ended(last_id));
}

// As a thread that stops has been given some that it had no turn for.
TEST(RelayOnItsWay, IsResetWhereNobodyTakesIt) {
  auto [client, ours] = make_stream();
  auto [theirs, server] = make_stream();
  linger reset{1, 0};
  for (int fd : {ours.get(), theirs.get()}) {
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  RelayPoller poller(std::chrono::seconds(15), 0, kBriefReads);
  ASSERT_TRUE(poller.open());
  poller.add(RelayStreams{1, std::move(ours), std::move(theirs)});
  auto on_their_way = poller.take_all();
  ASSERT_EQ(on_their_way.size(), 1u);
  on_their_way.clear();
  for (Fd* end : {&client, &server}) {
    Tcp left(std::move(*end));
    EXPECT_EQ(left.read_to_end(), "");
    EXPECT_TRUE(left.got_reset());
  }
}

// What its socket was not given when it was opened.
TEST_F(BriefStage, WhatLastsIsKeptAlive) {
  auto [client, ours] = make_stream();
  auto [theirs, server] = make_stream();
  Fd same(dup(theirs.get()));
  auto is_kept_alive = [&] {
    int on = 0;
    socklen_t length = sizeof on;
    EXPECT_EQ(getsockopt(same.get(), SOL_SOCKET, SO_KEEPALIVE, &on, &length), 0);
    return on == 1;
  };
  add(std::move(ours), std::move(theirs), true);
  EXPECT_FALSE(is_kept_alive());
  EXPECT_TRUE(eventually(is_kept_alive));
  EXPECT_EQ(lasted, 1);
}

TEST_F(BriefStage, HasRoomForSoManyAndNoMore) {
  std::vector<std::pair<Tcp, Tcp>> open;
  for (std::size_t i = 0; i < kMostBrief; ++i) {
    on_loop([&] { EXPECT_TRUE(brief->has_room()) << i; });
    open.push_back(join());
  }
  // Until a look, a second after the first of them, makes room.
  on_loop([&] { EXPECT_TRUE(!brief->has_room() || lasted > 0); });
  EXPECT_TRUE(eventually([&] { return lasted == static_cast<int>(kMostBrief); }));
  on_loop([&] { EXPECT_TRUE(brief->has_room()); });
}

// Two packets would wake the client twice.
TEST_F(BriefStage, AnEndComesInOnePacketWithTheLastBytes) {
  auto [client, ours] = make_stream();
  auto [theirs, server_fd] = make_stream();
  Tcp server(std::move(server_fd));
  ASSERT_TRUE(server.write_all("answer"));
  server.send_fin();
  auto packets = [fd = client.get()] {
    tcp_info state{};
    socklen_t length = sizeof state;
    EXPECT_EQ(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length), 0);
    return state.tcpi_segs_in;
  };
  auto before = packets();
  // It is there before the relay looks.
  ASSERT_TRUE(eventually([fd = theirs.get()] {
    tcp_info state{};
    socklen_t length = sizeof state;
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length);
    return state.tcpi_state == 8;  // CLOSE_WAIT
  }));
  add(std::move(ours), std::move(theirs));
  std::array<char, 16> bytes{};
  EXPECT_EQ(recv(client.get(), bytes.data(), bytes.size(), 0), 6);
  EXPECT_EQ(recv(client.get(), bytes.data(), bytes.size(), 0), 0);
  EXPECT_EQ(packets() - before, 1u);
}

}  // namespace
}  // namespace sixpn::flycast
