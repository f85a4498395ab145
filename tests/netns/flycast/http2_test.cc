// HTTP/2 through real kernels: prior knowledge on an HTTP port, requests side by side, replays. The
// machine speaks HTTP/1 and is scripted; the client's frames are made by hand.
#include <gtest/gtest.h>

#include "flycast/io/http2_session.h"
#include "tests/netns/flycast/http_words.h"
#include "tests/unit/flycast/http2_frames.h"

namespace sixpn::flycast {
namespace {

using namespace frames;

// The client's end: asks in frames, and gathers what comes until a stream has ended.
struct Client {
  Client() { EXPECT_TRUE(tcp.write_all(hello())); }

  // The body of a stream's response, when it is whole; "<reset n>" or "<cut>" else.
  std::string body_of(std::uint32_t stream) {
    while (!ends.contains(stream)) {
      std::string bytes = tcp.read_some();
      if (bytes.empty()) return "<cut>";
      input += bytes;
      for (const Frame& each : take_frames(input)) take(each);
    }
    return ends[stream];
  }

  void take(const Frame& each) {
    bool asks = each.type == kSettings && (each.flags & kAck) == 0;
    EXPECT_TRUE(!asks || tcp.write_all(frame(kSettings, kAck, 0)));
    if (each.type == kData) bodies[each.stream] += each.payload;
    if (each.type == kReset && each.error() != 0)
      ends[each.stream] = "<reset " + std::to_string(each.error()) + ">";
    bool ended = (each.type == kData || each.type == kHeaders) && (each.flags & kEndStream) != 0;
    if (ended) ends[each.stream] = bodies[each.stream];
  }

  Tcp tcp = dial_web();
  std::string input;
  std::map<std::uint32_t, std::string> bodies, ends;
};

struct Http2 : testing::Test {
  Http2() { cluster.app.services[0].ports[0].handlers = {"http"}; }
  TestCluster cluster = Lab::cluster_of({1});
};

TEST_F(Http2, ARequestIsWrittenForTheMachine) {
  RunningHost host1(1, cluster);
  Server server(1);
  Client client;
  ASSERT_TRUE(
      client.tcp.write_all(frame(kHeaders, kEndStream | kEndHeaders, 1,
                                 get_fields() + field("cookie", "a=b") + field("cookie", "c=d"))));
  Tcp machine = server.accept();
  std::string seen = read_message(machine);
  EXPECT_TRUE(seen.starts_with("GET / HTTP/1.1\r\nHost: web.flycast\r\n")) << seen;
  EXPECT_TRUE(has(seen, "cookie: a=b; c=d\r\n")) << seen;
  EXPECT_TRUE(has(seen, "Fly-Client-IP: ")) << seen;
  ASSERT_TRUE(machine.write_all(ok("hello")));
  EXPECT_EQ(client.body_of(1), "hello");
}

TEST_F(Http2, ABodyOfUnknownLength) {
  RunningHost host1(1, cluster);
  Server server(1);
  Client client;
  ASSERT_TRUE(client.tcp.write_all(frame(kHeaders, kEndHeaders, 1, post_fields())));
  Tcp machine = server.accept();
  EXPECT_TRUE(has(read_message(machine), "Transfer-Encoding: chunked\r\n"));
  ASSERT_TRUE(client.tcp.write_all(frame(kData, 0, 1, "abc")));
  EXPECT_EQ(machine.read_exactly(8), "3\r\nabc\r\n");  // before the rest is said
  ASSERT_TRUE(client.tcp.write_all(frame(kData, kEndStream, 1, "de")));
  EXPECT_EQ(machine.read_exactly(12), "2\r\nde\r\n0\r\n\r\n");
  ASSERT_TRUE(
      machine.write_all("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "3\r\nabc\r\n0\r\n\r\n"));
  EXPECT_EQ(client.body_of(1), "abc");
}

TEST_F(Http2, RequestsSideBySide) {
  RunningHost host1(1, cluster);
  Server server(1);
  Client client;
  ASSERT_TRUE(client.tcp.write_all(get(1) + get(3) + get(5)));
  std::vector<Tcp> machines;
  for (int i = 0; i < 3; ++i) {
    machines.push_back(server.accept());
    read_message(machines.back());
  }
  // The last one first: none waits for another.
  for (int i : {2, 1, 0}) ASSERT_TRUE(machines[i].write_all(ok("hello")));
  for (std::uint32_t stream : {1u, 3u, 5u}) EXPECT_EQ(client.body_of(stream), "hello");
  // Their connections are kept.
  ASSERT_TRUE(client.tcp.write_all(get(7)));
  EXPECT_TRUE(eventually([&] { return host1.stats().http_requests == 4u; }));
  EXPECT_EQ(host1.stats().relayed, 3u);
}

// Those of many requests at once are kept for the next many, and not for long when fewer come.
TEST_F(Http2, AsManyAreKeptAsThereAreRequestsAtOnce) {
  RunningHost host1(1, cluster);
  Server server(1);
  Client client;
  constexpr std::uint32_t kAtOnce = 100;
  std::vector<Tcp> machines;
  auto ask_all = [&](std::uint32_t first) {
    std::string all;
    for (std::uint32_t i = 0; i < kAtOnce; ++i) all += get(first + 2 * i);
    ASSERT_TRUE(client.tcp.write_all(all));
  };
  auto answer_all = [&](std::uint32_t first) {
    for (Tcp& machine : machines) ASSERT_TRUE(has(read_message(machine), "GET / "));
    for (Tcp& machine : machines) ASSERT_TRUE(machine.write_all(ok("hello")));
    for (std::uint32_t i = 0; i < kAtOnce; ++i)
      ASSERT_EQ(client.body_of(first + 2 * i), "hello") << i;
  };
  ask_all(1);
  for (std::uint32_t i = 0; i < kAtOnce; ++i) machines.push_back(server.accept());
  answer_all(1);
  ask_all(1 + 2 * kAtOnce);
  answer_all(1 + 2 * kAtOnce);
  EXPECT_EQ(host1.stats().relayed, kAtOnce) << "no further connection";
  // The machine sees the ends of those that are too many to be kept.
  std::size_t ended = 0;
  EXPECT_TRUE(eventually([&] {
    ended = 0;
    for (const Tcp& machine : machines) ended += machine.sees_fin() ? 1 : 0;
    return ended >= kAtOnce - kHttp2KeptLong;
  })) << ended;
}

// More than any buffer on its way, to a client that gives all the window it has at once.
TEST_F(Http2, ALargeResponse) {
  RunningHost host1(1, cluster);
  Server server(1);
  Client client;
  const std::string window = u32(1 << 24);
  ASSERT_TRUE(client.tcp.write_all(frame(kWindowUpdate, 0, 0, window) + get(1) +
                                   frame(kWindowUpdate, 0, 1, window)));
  Tcp machine = server.accept();
  read_message(machine);
  std::string body(3'000'000, 'x');
  for (std::size_t i = 0; i < body.size(); i += 997) body[i] = static_cast<char>('a' + i % 26);
  auto sending = std::async(std::launch::async, [&] { return machine.write_all(ok(body)); });
  EXPECT_TRUE(client.body_of(1) == body);
  EXPECT_TRUE(sending.get());
}

TEST_F(Http2, AnErrorOfTheProxy) {
  for (auto& [id, machine] : cluster.machines)
    if (machine.app == "web") machine.state = MachineState::kStopped;
  FlycastOptions soon;
  soon.retry.deadline = std::chrono::milliseconds(100);
  RunningHost host1(1, cluster, soon);
  Client client;
  ASSERT_TRUE(client.tcp.write_all(get(1)));
  EXPECT_TRUE(client.body_of(1).starts_with("PR01: ")) << client.body_of(1);
}

// The code stands where an operator looks: in the log, and among the recent errors.
TEST_F(Http2, TheOperatorIsToldTheCode) {
  for (auto& [id, machine] : cluster.machines)
    if (machine.app == "web") machine.state = MachineState::kStopped;
  for (const char* handler : {"http", ""}) {
    cluster.app.services[0].ports[0].handlers.clear();
    if (*handler != 0) cluster.app.services[0].ports[0].handlers = {handler};
    FlycastOptions soon;
    soon.retry.deadline = std::chrono::milliseconds(100);
    RunningHost host1(1, cluster, soon);
    testing::internal::CaptureStderr();
    Tcp client = dial_web();
    ASSERT_TRUE(client.write_all(*handler == 0 ? "x" : hello() + get(1)));
    EXPECT_TRUE(
        eventually([&] { return host1.stats().http_failed + host1.stats().gave_up == 1u; }));
    std::string line = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(has(line, ": PR01: no healthy machine")) << line;
    std::string why;
    host1.on_loop([&] { why = host1.service().status().errors.at(0).why; });
    EXPECT_TRUE(why.starts_with("PR01: no healthy machine")) << why;
  }
}

TEST_F(Http2, AResetLetsTheMachineGo) {
  RunningHost host1(1, cluster);
  Server server(1);
  Client client;
  ASSERT_TRUE(client.tcp.write_all(get(1)));
  Tcp machine = server.accept();
  read_message(machine);
  ASSERT_TRUE(client.tcp.write_all(frame(kReset, 0, 1, u32(8)) + get(3)));
  machine.read_to_end();
  EXPECT_TRUE(machine.ended() || machine.got_reset());
  Tcp next = server.accept();
  read_message(next);
  ASSERT_TRUE(next.write_all(ok("hello")));
  EXPECT_EQ(client.body_of(3), "hello");
}

TEST_F(Http2, ReplaysWork) {
  cluster.machines[MachineId{2}].state = MachineState::kStarted;
  RunningHost host1(1, cluster), host2(2, cluster);
  Server near(1), far(2);
  Client client;
  ASSERT_TRUE(client.tcp.write_all(get(1)));
  Tcp first = near.accept();
  read_message(first);
  ASSERT_TRUE(first.write_all(ok("", "fly-replay: region=fra\r\n")));
  Tcp second = far.accept();
  EXPECT_TRUE(has(read_message(second), "fly-replay-src: instance="));
  ASSERT_TRUE(second.write_all(ok("hello")));
  EXPECT_EQ(client.body_of(1), "hello");
}

// The preface may come in pieces; what begins like it and is not is HTTP/1.
TEST_F(Http2, IsKnownByItsPreface) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp slow = dial_web();
  const std::string all = hello();
  ASSERT_TRUE(slow.write_all(all.substr(0, 10)));
  Tcp post = dial_web();
  ASSERT_TRUE(post.write_all("P"));
  ASSERT_TRUE(post.write_all("UT / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"));
  Tcp machine = server.accept();
  EXPECT_TRUE(has(read_message(machine), "PUT / HTTP/1.1\r\n"));
  ASSERT_TRUE(slow.write_all(all.substr(10)));
  EXPECT_EQ(slow.read_exactly(4)[3], kSettings);
}

TEST_F(Http2, AClientThatFloodsIsSentAway) {
  RunningHost host1(1, cluster);
  Client client;
  std::string pings;
  for (int i = 0; i < 2000; ++i) pings += frame(kPing, 0, 0, "12345678");
  client.tcp.write_all(pings);
  std::string said = client.tcp.read_to_end();
  EXPECT_TRUE(client.tcp.ended()) << "a clean end: what it was told last has come";
  std::uint32_t error = 0;
  for (const Frame& each : take_frames(said))
    if (each.type == kGoaway) error = each.error();
  EXPECT_EQ(error, 11u);
  EXPECT_EQ(host1.stats().http2_sent_away, 1u);
  Client other;
  Server server(1);
  ASSERT_TRUE(other.tcp.write_all(get(1)));
  Tcp machine = server.accept();
  read_message(machine);
  ASSERT_TRUE(machine.write_all(ok("hello")));
  EXPECT_EQ(other.body_of(1), "hello");
}

// A cut response is never taken for a whole one.
TEST_F(Http2, ACutResponseIsReset) {
  RunningHost host1(1, cluster);
  Server server(1);
  Client client;
  ASSERT_TRUE(client.tcp.write_all(get(1)));
  Tcp machine = server.accept();
  read_message(machine);
  ASSERT_TRUE(machine.write_all("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell"));
  machine.close();
  EXPECT_EQ(client.body_of(1), "<reset 2>");
}

// An idempotent request is sent again when its machine dies without an answer.
TEST_F(Http2, SafeRequestsAreSentAgain) {
  RunningHost host1(1, cluster);
  Server server(1);
  Client client;
  ASSERT_TRUE(client.tcp.write_all(get(1)));
  Tcp first = server.accept();
  read_message(first);
  first.close();
  Tcp second = server.accept();
  read_message(second);
  ASSERT_TRUE(second.write_all(ok("hello")));
  EXPECT_EQ(client.body_of(1), "hello");
  EXPECT_EQ(host1.stats().http_resends, 1u);
}

// The client opens no window: its stream waits, other streams and clients do not.
TEST_F(Http2, AClientThatTakesNothingHoldsUpNobody) {
  RunningHost host1(1, cluster);
  Server server(1);
  Client stuck, other;
  std::string no_window = std::string("\0\4", 2) + u32(0);
  ASSERT_TRUE(stuck.tcp.write_all(frame(kSettings, 0, 0, no_window) + get(1)));
  Tcp machine = server.accept();
  read_message(machine);
  std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
  ASSERT_TRUE(machine.write_all(head));
  std::string taken = machine.write_until_stuck(std::string(65536, 'x'), 100'000'000);
  EXPECT_LT(taken.size(), 50'000'000u) << "its memory is bounded";
  ASSERT_TRUE(other.tcp.write_all(get(1)));
  Tcp next = server.accept();
  read_message(next);
  ASSERT_TRUE(next.write_all(ok("hello")));
  EXPECT_EQ(other.body_of(1), "hello");
}

}  // namespace
}  // namespace sixpn::flycast
