// One proxy of a host takes the place of another, as when an agent is restarted: what was begun
// goes on, what comes meanwhile waits, and nobody is refused.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <optional>

#include "tests/netns/flycast/http2_peer.h"
#include "tests/netns/flycast/http_words.h"

namespace sixpn::flycast {
namespace {

// Clients on host 1; machine 1 there too, machine 2 on host 2.
struct DepartureTest : testing::Test {
  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster_of({1});
  FlycastOptions options;
  std::optional<RunningHost> old_one;
  std::optional<RunningHost> new_one;
  std::atomic<bool> succeeded = false;
  std::atomic<bool> done = false;

  DepartureTest() {
    options.handover_path = testing::TempDir() + "handover." + std::to_string(getpid());
    options.hop_link_idle = std::chrono::minutes(10);
    options.preamble_timeout = std::chrono::minutes(10);
  }
  ~DepartureTest() override {
    new_one.reset();
    old_one.reset();
    std::remove(options.handover_path.c_str());
  }
  void start(std::uint32_t host) { old_one.emplace(host, cluster, options); }
  void depart() {
    old_one->on_loop([this] {
      old_one->service().depart({[this] { succeeded = true; }, [this] { done = true; }});
    });
  }
  void succeed(std::uint32_t host) {
    new_one.emplace(host, cluster, options);
    EXPECT_TRUE(eventually([this] { return succeeded.load(); }));
  }
  bool is_done() {
    return eventually([this] { return done.load(); });
  }

  static void expect_echo(Tcp& client, Tcp& machine) {
    ASSERT_TRUE(client && machine);
    ASSERT_TRUE(client.write_all("ping") && machine.write_all("pong"));
    EXPECT_EQ(machine.read_exactly(4), "ping");
    EXPECT_EQ(client.read_exactly(4), "pong");
  }
  static void expect_answered(Tcp& client, Tcp& machine) {
    ASSERT_TRUE(client.write_all("GET / HTTP/1.1\r\nHost: web.flycast\r\n\r\n"));
    EXPECT_TRUE(read_message(machine).starts_with("GET / HTTP/1.1\r\n"));
    ASSERT_TRUE(machine.write_all("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"));
    std::string head = read_message(client);
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\n")) << head;
    EXPECT_EQ(client.read_exactly(5), "hello");
  }
};

TEST_F(DepartureTest, WhatIsOpenGoesOnAndWhoDialsMeanwhileWaits) {
  start(1);
  Server server(1);
  Tcp open = dial_web();
  Tcp open_there = server.accept();
  expect_echo(open, open_there);
  depart();
  Tcp waiting = dial_web();
  ASSERT_TRUE(waiting.write_all("early"));
  EXPECT_EQ(old_one->stats().accepted, 1u);  // nobody took it
  succeed(1);
  Tcp taken = server.accept();
  EXPECT_EQ(taken.read_exactly(5), "early");
  expect_echo(waiting, taken);
  EXPECT_EQ(new_one->stats().accepted, 1u);
  expect_echo(open, open_there);
  EXPECT_FALSE(done);
  open.send_fin();
  EXPECT_EQ(open_there.read_to_end(), "");
  EXPECT_TRUE(open_there.ended());
  open_there.close();
  EXPECT_TRUE(is_done());
  old_one.reset();
  expect_echo(waiting, taken);
}

TEST_F(DepartureTest, AClientBetweenTwoRequestsGoesOnWithTheNext) {
  cluster.app.services[0].ports[0].handlers = {"http"};
  start(1);
  Server server(1);
  Tcp idle = dial_web();
  Tcp asking = dial_web();
  {
    ASSERT_TRUE(idle.write_all("GET /1 HTTP/1.1\r\nHost: web.flycast\r\n\r\n"));
    Tcp machine = server.accept();
    read_message(machine);
    ASSERT_TRUE(machine.write_all("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    read_message(idle);
  }
  ASSERT_TRUE(asking.write_all("GET /2 HTTP/1.1\r\nHost: web.flycast\r\n\r\n"));
  Tcp busy = server.accept();
  EXPECT_TRUE(read_message(busy).starts_with("GET /2"));
  depart();
  succeed(1);
  ASSERT_TRUE(idle.write_all("GET /3 HTTP/1.1\r\nHost: web.flycast\r\n\r\n"));
  Tcp third = server.accept();
  EXPECT_TRUE(read_message(third).starts_with("GET /3"));
  ASSERT_TRUE(third.write_all("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_TRUE(read_message(idle).starts_with("HTTP/1.1 200"));
  EXPECT_FALSE(done);  // one is still being answered
  ASSERT_TRUE(busy.write_all("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_TRUE(read_message(asking).starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(is_done());
  old_one.reset();
  ASSERT_TRUE(asking.write_all("GET /4 HTTP/1.1\r\nHost: web.flycast\r\n\r\n"));
  Tcp fourth = server.accept();
  EXPECT_TRUE(read_message(fourth).starts_with("GET /4"));
}

// HTTP/2 clients are told to bring their next requests to the one that comes, and which of those
// that cross this word were not begun (RFC 9113 section 6.8): none is answered by both, or neither.
TEST_F(DepartureTest, AnHttp2ClientIsAnsweredAndComesAgain) {
  cluster.app.services[0].ports[0].handlers = {"http"};
  start(1);
  Server server(1);
  frames::Http2Peer client(dial_web());
  ASSERT_TRUE(client.say(frames::hello() + frames::get(1)));
  Tcp busy = server.accept();
  EXPECT_TRUE(read_message(busy).starts_with("GET / "));
  depart();
  auto notice = client.next(frames::kGoaway);
  auto last = client.next(frames::kGoaway);
  ASSERT_TRUE(notice && last);
  EXPECT_EQ(last->last_stream(), 1u);
  EXPECT_EQ(last->error(), 0u);
  ASSERT_TRUE(client.say(frames::get(3)));
  succeed(1);
  EXPECT_FALSE(done);  // one is still being answered
  ASSERT_TRUE(busy.write_all(ok("hello")));
  auto answer = client.next(frames::kData);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->stream, 1u);
  EXPECT_EQ(answer->payload, "hello");
  EXPECT_FALSE(client.next(frames::kHeaders)) << "of the request that crossed the word";
  EXPECT_TRUE(client.tcp.ended());
  EXPECT_FALSE(client.tcp.got_reset());
  EXPECT_EQ(old_one->stats().http_requests, 1u);
  EXPECT_TRUE(is_done());
  old_one.reset();
  frames::Http2Peer again(dial_web());
  ASSERT_TRUE(again.say(frames::hello() + frames::get(1)));
  Tcp next = server.accept();
  EXPECT_TRUE(read_message(next).starts_with("GET / "));
  ASSERT_TRUE(next.write_all(ok("hello")));
  answer = again.next(frames::kData);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->payload, "hello");
}

TEST_F(DepartureTest, AnIdleHttp2ClientIsNotWaitedFor) {
  cluster.app.services[0].ports[0].handlers = {"http"};
  start(1);
  frames::Http2Peer client(dial_web());
  ASSERT_TRUE(client.say(frames::hello()));
  ASSERT_TRUE(client.next(frames::kSettings));
  depart();
  succeed(1);
  ASSERT_TRUE(client.next(frames::kGoaway));  // that it will end, and from where on
  ASSERT_TRUE(client.next(frames::kGoaway));
  EXPECT_EQ(client.tcp.read_to_end(), "");
  EXPECT_TRUE(client.tcp.ended());
  EXPECT_TRUE(is_done());
}

// Counted by both: the machine never sees one more than its limit.
TEST_F(DepartureTest, TheHardLimitHoldsOverBoth) {
  cluster.app.services[0].hard_limit = 1;
  start(1);
  Server server(1);
  Tcp open = dial_web();
  Tcp open_there = server.accept();
  expect_echo(open, open_there);
  depart();
  Tcp between = dial_web();  // in the queue of the socket that is handed over
  succeed(1);
  Tcp refused = dial_web();
  for (Tcp* one : {&between, &refused}) {
    EXPECT_EQ(one->read_to_end(), "");  // after two seconds in line
    EXPECT_TRUE(one->got_reset());
  }
  Tcp waiting = dial_web();
  open.send_reset();
  EXPECT_EQ(open_there.read_to_end(), "");
  Tcp taken = server.accept();
  expect_echo(waiting, taken);
  EXPECT_TRUE(is_done());
}

// Who waits in the old one for a place is not forgotten: it asks the new one.
TEST_F(DepartureTest, WhoWaitsInLineGetsItsPlace) {
  cluster.app.services[0].hard_limit = 1;
  start(1);
  Server server(1);
  Tcp open = dial_web();
  Tcp open_there = server.accept();
  expect_echo(open, open_there);
  Tcp waiting = dial_web();
  ASSERT_TRUE(eventually([&] { return old_one->stats().waits == 1; }));
  depart();
  open.send_reset();
  EXPECT_EQ(open_there.read_to_end(), "");
  succeed(1);
  Tcp taken = server.accept();
  expect_echo(waiting, taken);
  EXPECT_EQ(new_one->stats().hops_admitted, 1u);
}

// The owner's proxy is replaced: hosts that dial its machine notice nothing, links in reserve
// included.
TEST_F(DepartureTest, OtherHostsNoticeNothing) {
  start_only(cluster, {2});
  RunningHost host1(1, cluster, options);
  start(2);
  Server server(2);
  Tcp first = dial_web();
  Tcp first_there = server.accept();
  expect_echo(first, first_there);
  ASSERT_TRUE(eventually([&] { return host1.stats().spare_links > 0; }));
  depart();
  Tcp second = dial_web();
  succeed(2);
  Tcp second_there = server.accept();
  expect_echo(second, second_there);
  expect_echo(first, first_there);
  EXPECT_EQ(host1.stats().failed_attempts, 0u);
}

TEST_F(DepartureTest, WhatDoesNotEndInTimeIsReset) {
  options.drain = std::chrono::milliseconds(100);
  start(1);
  Server server(1);
  Tcp open = dial_web();
  Tcp open_there = server.accept();
  expect_echo(open, open_there);
  depart();
  succeed(1);
  EXPECT_TRUE(is_done());
  old_one.reset();
  EXPECT_EQ(open.read_to_end(), "");
  EXPECT_TRUE(open.got_reset());
}

// A successor that dies leaves its place to the next.
TEST_F(DepartureTest, ASecondSuccessorGetsWhatIsLeft) {
  start(1);
  Server server(1);
  Tcp open = dial_web();
  Tcp open_there = server.accept();
  expect_echo(open, open_there);
  depart();
  succeed(1);
  new_one.reset();
  succeeded = false;
  succeed(1);
  expect_echo(open, open_there);
  Tcp later = dial_web();
  Tcp later_there = server.accept();
  expect_echo(later, later_there);
}

// Three generations, the eldest with a connection still open.
TEST_F(DepartureTest, ADepartingOnePassesOnWhatItInherited) {
  cluster.app.services[0].hard_limit = 1;
  start(1);
  Server server(1);
  Tcp open = dial_web();
  Tcp open_there = server.accept();
  expect_echo(open, open_there);
  depart();
  succeed(1);
  std::atomic<bool> second_done = false;
  std::atomic<bool> third_came = false;
  new_one->on_loop([&] {
    new_one->service().depart({[&] { third_came = true; }, [&] { second_done = true; }});
  });
  RunningHost third(1, cluster, options);
  EXPECT_TRUE(eventually([&] { return third_came.load(); }));
  Tcp refused = dial_web();
  EXPECT_EQ(refused.read_to_end(), "");
  EXPECT_TRUE(refused.got_reset());
  EXPECT_FALSE(second_done);
  open.send_reset();
  EXPECT_TRUE(is_done());
  old_one.reset();
  EXPECT_TRUE(eventually([&] { return second_done.load(); }));
  new_one.reset();
  Tcp later = dial_web();
  ASSERT_TRUE(later);
  Tcp later_there = server.accept();
  expect_echo(later, later_there);
}

}  // namespace
}  // namespace sixpn::flycast
