// HTTP ports through real kernels: what the machine is sent, what the client gets, and over how
// many connections. The machine's side is scripted here, byte by byte; http_clients_test.cc has
// real servers and clients.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fstream>

#include "base/io/clock.h"
#include "tests/netns/flycast/http_words.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;

struct Http : testing::Test {
  Http() { cluster.app.services[0].ports[0].handlers = {"http"}; }
  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster_of({1});
};

std::string get(const std::string& target, const std::string& fields = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: web.flycast\r\n" + fields + "\r\n";
}
// Asks, has the machine answer, and returns what the machine was sent.
std::string exchange(Tcp& client, Tcp& machine, const std::string& target) {
  EXPECT_TRUE(client.write_all(get(target)));
  std::string seen = read_message(machine);
  EXPECT_TRUE(machine.write_all(ok("hello")));
  std::string answer = read_message(client, 5);
  EXPECT_TRUE(answer.ends_with("\r\n\r\nhello")) << answer;
  return seen;
}

TEST_F(Http, ARequestIsWrittenAnewAndItsConnectionKept) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(
      client.write_all("\r\nGET /a?b HTTP/1.1\r\nhost:web.flycast\r\nA:   b \r\n"
                       "Connection: x\r\nX: secret\r\nFly-Client-IP: 1.2.3.4\r\n\r\n"));
  Tcp machine = server.accept();
  std::string seen = read_message(machine);
  EXPECT_TRUE(seen.starts_with("GET /a?b HTTP/1.1\r\nHost: web.flycast\r\nA: b\r\n")) << seen;
  EXPECT_FALSE(has(seen, "secret") || has(seen, "1.2.3.4") || has(seen, "Connection")) << seen;
  EXPECT_TRUE(has(seen, "Fly-Client-IP: " + to_string(lab.address(9)))) << seen;
  EXPECT_EQ(machine.remote().ip, lab.address(9));
  ASSERT_TRUE(machine.write_all(ok("hello")));
  std::string answer = read_message(client, 5);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhello"));
  EXPECT_TRUE(has(answer, "Fly-Request-Id: "));
  EXPECT_TRUE(exchange(client, machine, "/second").starts_with("GET /second HTTP/1.1\r\n"));
  EXPECT_EQ(host1.stats().http_requests, 2u);
  EXPECT_EQ(host1.stats().relayed, 1u);
}

TEST_F(Http, OverTwoHops) {
  start_only(cluster, {2});
  RunningHost host1(1, cluster);
  RunningHost host2(2, cluster);
  Server server(2);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get("/")));
  Tcp machine = server.accept();
  EXPECT_TRUE(has(read_message(machine), "Fly-Region: iad\r\n"));
  EXPECT_EQ(machine.remote().ip, lab.address(9));
  ASSERT_TRUE(machine.write_all(ok("hello")));
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
  exchange(client, machine, "/again");
}

TEST_F(Http, PipelinedRequestsAreAnsweredInOrder) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  std::string post =
      "POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;x=y\r\nhello\r\n0\r\n\r\n";
  ASSERT_TRUE(client.write_all(get("/1") + post + get("/3")));
  Tcp machine = server.accept();
  EXPECT_TRUE(has(read_message(machine), "GET /1 "));
  ASSERT_TRUE(machine.write_all(ok("one")));
  EXPECT_TRUE(has(read_message(machine, 15), "POST /2 "));
  ASSERT_TRUE(
      machine.write_all("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "3;ext\r\ntwo\r\n0\r\n\r\n"));
  EXPECT_TRUE(has(read_message(machine), "GET /3 "));
  ASSERT_TRUE(machine.write_all(ok("three")));
  EXPECT_TRUE(read_message(client, 3).ends_with("one"));
  EXPECT_TRUE(read_message(client, 13).ends_with("\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"));
  EXPECT_TRUE(read_message(client, 5).ends_with("three"));
}

TEST_F(Http, WithLimitsOnRequestsNoConnectionIsHeldBetweenThem) {
  cluster.app.services[0].concurrency = ConcurrencyType::kRequests;
  cluster.app.services[0].hard_limit = 1;
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp one = dial_web(), two = dial_web();
  for (Tcp* client : {&one, &two, &one}) {
    ASSERT_TRUE(client->write_all(get("/")));
    Tcp machine = server.accept();
    read_message(machine);
    ASSERT_TRUE(machine.write_all(ok("hello")));
    EXPECT_TRUE(read_message(*client, 5).ends_with("hello"));
  }
}

// Nobody knows yet that the port is HTTP: the first connection to the machine stays without a byte.
TEST_F(Http, BeforeTheRegistryIsReadNothingPassesUnread) {
  start_only(cluster, {2});
  TestCluster unread = cluster;
  unread.synced = false;
  RunningHost host1(1, unread);
  RunningHost host2(2, cluster);
  Server server(2);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get("/")));
  ASSERT_TRUE(eventually([&] { return host1.stats().sessions == 1; })) << "taken unread";
  host1.set_snapshot(cluster);
  Tcp unused = server.accept();
  EXPECT_EQ(unused.read_to_end(), "");
  Tcp machine = server.accept();
  EXPECT_TRUE(has(read_message(machine), "Fly-Client-IP: "));
  ASSERT_TRUE(machine.write_all(ok("hello")));
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
}

TEST_F(Http, AnOldClientGetsWhatItUnderstands) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all("GET / HTTP/1.0\r\n\r\n"));
  Tcp machine = server.accept();
  EXPECT_TRUE(
      has(read_message(machine), " HTTP/1.1\r\nHost: [" + to_string(kFlycast) + "]:80\r\n"));
  ASSERT_TRUE(
      machine.write_all("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "5\r\nhello\r\n0\r\n\r\n"));
  std::string answer = client.read_to_end();
  EXPECT_TRUE(answer.ends_with("Connection: close\r\n\r\nhello")) << answer;
  EXPECT_TRUE(client.ended());
}

TEST_F(Http, ABodyUntilTheCloseBecomesChunked) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get("/")));
  Tcp machine = server.accept();
  read_message(machine);
  ASSERT_TRUE(machine.write_all("HTTP/1.0 200 OK\r\n\r\nhello"));
  machine.close();
  std::string answer = read_message(client, 15);
  EXPECT_TRUE(has(answer, "Transfer-Encoding: chunked\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("5\r\nhello\r\n0\r\n\r\n")) << answer;
  Tcp second;
  ASSERT_TRUE(client.write_all(get("/next")));
  EXPECT_EQ(who_accepts({&server}, &second), 1u);
}

// What is refused reaches no machine, and the connection ends with a reason.
TEST_F(Http, WhatIsAmbiguousReachesNoMachine) {
  RunningHost host1(1, cluster);
  Server server(1);
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: "
       "chunked\r\n\r\n0\r\n\r\n" +
           smuggled,
       "400"},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n" + smuggled,
       "400"},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled,
       "400"},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + smuggled,
       "400"},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, "400"},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nContent-Length: 43\r\n\r\n" + smuggled,
       "400"},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0, 43\r\n\r\n" + smuggled, "400"},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +43\r\n\r\n" + smuggled, "400"},
      {"GET / HTTP/1.1\nHost: h\n\n" + smuggled, "400"},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n" + smuggled, "400"},
      {"GET / HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\n" + smuggled, "400"},
      {"GET / HTTP/1.1\r\n\r\n" + smuggled, "400"},
      {"GET /\r\n\r\n" + smuggled, "400"},
      {"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n" + smuggled, "501"},
      {"GET /" + std::string(40000, 'a') + " HTTP/1.1\r\n\r\n", "414"},
      {get("/", "A: " + std::string(70000, 'a') + "\r\n"), "431"},
      {get("/", "Expect: a miracle\r\n"), "417"},
  };
  for (const auto& [bytes, status] : cases) {
    Tcp client = dial_web();
    ASSERT_TRUE(client.write_all(bytes));
    std::string answer = client.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + status)) << bytes.substr(0, 200) << "\n" << answer;
    EXPECT_EQ(answer.find("\r\nHTTP/1.1 "), std::string::npos) << answer;
    EXPECT_TRUE(client.ended()) << "a FIN, so that the answer is not lost";
  }
  FlycastStats stats = host1.stats();
  EXPECT_EQ(stats.http_refused, cases.size());
  EXPECT_EQ(stats.attempts, 0u) << "no machine was even dialled";
}

// A body that turns out wrong half way: the machine sees a cut request, never another one.
TEST_F(Http, AFaultInsideABodyCutsTheRequest) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(
      client.write_all("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "5\r\nhello\r\n"));
  Tcp machine = server.accept();
  EXPECT_TRUE(read_message(machine, 10).ends_with("5\r\nhello\r\n"));
  ASSERT_TRUE(client.write_all("5\nhello"));
  EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 400 "));
  EXPECT_EQ(machine.read_to_end(), "");
  EXPECT_TRUE(machine.got_reset());
}

TEST_F(Http, AMachineThatClosesWithoutAnAnswerIsAskedOnceMore) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get("/")));
  Tcp machine = server.accept();
  read_message(machine);
  machine.close();
  Tcp again = server.accept();
  EXPECT_TRUE(has(read_message(again), "GET / "));
  ASSERT_TRUE(again.write_all(ok("hello")));
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
  EXPECT_EQ(host1.stats().http_resends, 1u);
}

// Though it listens yet, and is the nearest: a machine that is killed does so for a moment.
TEST_F(Http, OnceMoreMeansAnotherMachine) {
  start_only(cluster, {1, 2});
  RunningHost host1(1, cluster), host2(2, cluster);
  Server one(1), two(2);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get("/")));
  Tcp machine = one.accept();
  read_message(machine);
  machine.close();
  Tcp again = two.accept();
  EXPECT_TRUE(has(read_message(again), "GET / "));
  ASSERT_TRUE(again.write_all(ok("hello")));
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
}

// A client that goes while its machine takes nothing leaves no place taken, on either host.
TEST_F(Http, AnUploadThatIsGivenUpHoldsNothing) {
  start_only(cluster, {2});
  for (auto counted : {ConcurrencyType::kConnections, ConcurrencyType::kRequests}) {
    cluster.app.services[0].concurrency = counted;
    RunningHost host1(1, cluster), host2(2, cluster);
    Server server(2);
    Tcp client = dial_web();
    ASSERT_TRUE(
        client.write_all("POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n"));
    client.write_until_stuck(std::string(65536, 'u'), 64 << 20);
    Tcp machine = server.accept();
    ASSERT_TRUE(machine);
    client.send_reset();
    EXPECT_TRUE(eventually([&] {
      bool free = false;
      host2.on_loop([&] { free = host2.service().status().hosted.empty(); });
      return free && host1.stats().sessions == 0 && host2.stats().sessions == 0;
    }));
  }
}

// What dies of a request is not given it again and again.
TEST_F(Http, ARequestThatKillsKillsTwoAtMost) {
  start_only(cluster, {1});
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get("/")));
  for (int i = 0; i < 2; ++i) {
    Tcp machine = server.accept();
    read_message(machine);
    machine.close();
  }
  EXPECT_TRUE(read_message(client).starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
  EXPECT_EQ(host1.stats().attempts, 2u);
}

// A service that fails everything is not asked everything twice.
TEST_F(Http, ResendsComeOutOfABudget) {
  RunningHost host1(1, cluster);
  Server server(1);
  constexpr int kRequests = 150;
  auto machine = std::async(std::launch::async, [&] {
    int asked = 0;
    while (Tcp one = server.accept()) {
      if (has(read_message(one), "/last")) break;
      ++asked;
    }
    return asked;
  });
  auto begin = monotonic_now();
  Tcp client = dial_web();
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_TRUE(client.write_all(get("/")));
    std::string answer = read_message(client);
    ASSERT_TRUE(answer.starts_with("HTTP/1.1 502 ")) << answer;
    client.read_exactly(std::stoul(answer.substr(answer.find("Content-Length: ") + 16)));
  }
  auto saved_up = std::chrono::duration<double>(monotonic_now() - begin).count();
  ASSERT_TRUE(client.write_all(get("/last")));
  int resends = machine.get() - kRequests;
  FlycastStats stats = host1.stats();
  EXPECT_GE(resends, 9 + kRequests / 5) << "it grows with what is asked";
  EXPECT_LE(resends, 11 + kRequests / 5 + 10 * saved_up);
  EXPECT_GE(stats.http_resends + stats.http_resends_refused, static_cast<unsigned>(kRequests));
}

TEST_F(Http, APostIsNotSentTwice) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"));
  Tcp machine = server.accept();
  EXPECT_TRUE(read_message(machine, 5).ends_with("hello"));
  machine.close();
  std::string answer = read_message(client);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n")) << answer;
  EXPECT_TRUE(has(answer, "fly-error: PC04\r\n")) << answer;
  EXPECT_EQ(host1.stats().http_resends, 0u);
}

TEST_F(Http, APostAfterTheKeptConnectionClosedTakesAnother) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get("/")));
  Tcp machine = server.accept();
  read_message(machine);
  ASSERT_TRUE(machine.write_all(ok("hello")));
  read_message(client, 5);
  machine.close();
  ASSERT_TRUE(client.write_all("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"));
  Tcp again = server.accept();
  EXPECT_TRUE(read_message(again, 5).ends_with("hello"));
  ASSERT_TRUE(again.write_all(ok("done")));
  EXPECT_TRUE(read_message(client, 4).ends_with("done"));
}

TEST_F(Http, ACutResponseIsNotPassedOffAsWhole) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get("/")));
  Tcp machine = server.accept();
  read_message(machine);
  ASSERT_TRUE(machine.write_all("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"));
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
  machine.close();
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.got_reset());
}

TEST_F(Http, WithoutAMachineThereIsAnAnswer) {
  start_only(cluster, {});
  FlycastOptions options;
  options.retry.deadline = milliseconds(300);
  RunningHost host1(1, cluster, options);
  Tcp client = dial_web();
  for (int i = 0; i < 2; ++i) {  // and the connection goes on
    ASSERT_TRUE(client.write_all(get("/")));
    std::string answer = read_message(client);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n")) << answer;
    EXPECT_TRUE(has(answer, "fly-error: PR01\r\n")) << answer;
    std::size_t length = std::stoul(answer.substr(answer.find("Content-Length: ") + 16));
    EXPECT_TRUE(client.read_exactly(length).starts_with("PR01: no healthy machine"));
  }
}

TEST_F(Http, ExpectedBodiesWaitForTheMachine) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"));
  Tcp machine = server.accept();
  EXPECT_TRUE(has(read_message(machine), "Expect: 100-continue\r\n"));
  ASSERT_TRUE(machine.write_all("HTTP/1.1 100 Continue\r\n\r\n"));
  EXPECT_EQ(read_message(client), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(client.write_all("hello"));
  EXPECT_EQ(machine.read_exactly(5), "hello");
  ASSERT_TRUE(machine.write_all(ok("hello")));
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
}

TEST_F(Http, ARefusedExpectationEndsTheConnection) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"));
  Tcp machine = server.accept();
  read_message(machine);
  ASSERT_TRUE(machine.write_all("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
  std::string answer = client.read_to_end();
  EXPECT_TRUE(has(answer, "403 Forbidden") && has(answer, "Connection: close")) << answer;
}

TEST_F(Http, AnUpgradeBecomesARelayWithWhatWasReadAlready) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(
      client.write_all(get("/", "Connection: Upgrade\r\nUpgrade: websocket\r\n") + "early"));
  Tcp machine = server.accept();
  EXPECT_TRUE(has(read_message(machine), "Connection: upgrade\r\nUpgrade: websocket\r\n"));
  ASSERT_TRUE(
      machine.write_all("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                        "Upgrade: websocket\r\n\r\nfirst"));
  std::string answer = read_message(client, 5);
  EXPECT_TRUE(has(answer, "101 Switching Protocols") && answer.ends_with("\r\n\r\nfirst"))
      << answer;
  EXPECT_EQ(machine.read_exactly(5), "early");
  ASSERT_TRUE(client.write_all("ping"));
  EXPECT_EQ(machine.read_exactly(4), "ping");
  ASSERT_TRUE(machine.write_all("pong"));
  EXPECT_EQ(client.read_exactly(4), "pong");
  client.send_fin();
  EXPECT_EQ(machine.read_to_end(), "");
  EXPECT_TRUE(machine.ended());
}

TEST_F(Http, LargeBodiesPassWholeAndWithBackPressure) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  std::string body;
  for (int i = 0; body.size() < 12'000'000; ++i) body += std::to_string(i) + ",";
  auto sent = std::async(std::launch::async, [&] {
    return client.write_all("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " +
                            std::to_string(body.size()) + "\r\n\r\n" + body);
  });
  Tcp machine = server.accept();
  std::string seen = read_message(machine, body.size());
  EXPECT_TRUE(sent.get());
  EXPECT_TRUE(seen.ends_with(body));
  auto answered = std::async(std::launch::async, [&] { return machine.write_all(ok(body)); });
  EXPECT_TRUE(read_message(client, body.size()).ends_with(body));
  EXPECT_TRUE(answered.get());
  exchange(client, machine, "/after");
}

TEST_F(Http, AClientThatIsGoneIsNotWaitedFor) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get("/")));
  Tcp machine = server.accept();
  read_message(machine);
  client.send_reset();
  EXPECT_EQ(machine.read_to_end(), "");
  EXPECT_TRUE(machine.got_reset());
  EXPECT_TRUE(eventually([&] { return host1.stats().sessions == 0; }));
}

TEST_F(Http, AHalfClosedClientStillGetsItsResponse) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get("/")));
  client.send_fin();
  Tcp machine = server.accept();
  read_message(machine);
  ASSERT_TRUE(machine.write_all(ok("hello")));
  EXPECT_TRUE(client.read_to_end().ends_with("hello"));
  EXPECT_TRUE(client.ended());
}

TEST_F(Http, AnIdleConnectionIsClosedCleanlyAndItsMachinesToo) {
  cluster.app.services[0].ports[0].http.idle_timeout = milliseconds(200);
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get("/")));
  Tcp machine = server.accept();
  read_message(machine);
  ASSERT_TRUE(machine.write_all(ok("hello")));
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
  EXPECT_EQ(client.read_to_end() + machine.read_to_end(), "");
  EXPECT_TRUE(client.ended() && machine.ended());
}

TEST_F(Http, AHeadThatDoesNotComeInTimeIsRefused) {
  cluster.app.services[0].ports[0].http.headers_read_timeout = milliseconds(200);
  RunningHost host1(1, cluster);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all("GET / HTTP/1.1\r\nHost:"));
  EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 408 "));
  EXPECT_EQ(host1.stats().http_timeouts, 1u);
}

}  // namespace
}  // namespace sixpn::flycast
