// Replays and routing headers through real kernels: which machine gets a request, and what it is
// told. Machine 1 (iad) is on the client's host, 2 and 3 (fra) on another; "worker" is another app.
#include <gtest/gtest.h>

#include "tests/netns/flycast/http_words.h"

namespace sixpn::flycast {
namespace {

std::string get(const std::string& fields = "") {
  return "GET /a?b HTTP/1.1\r\nHost: web.flycast\r\n" + fields + "\r\n";
}
std::string response(const std::string& fields, const std::string& body = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}
std::string name(std::uint32_t machine) {
  return to_string(MachineId{machine});
}

struct Replay : testing::Test {
  Replay() {
    cluster.app.services[0].ports[0].handlers = {"http"};
    AppRecord worker = cluster.app;
    worker.name = "worker";
    cluster.other_apps = {worker};
    cluster.machines[MachineId{3}].app = "worker";
  }

  // The machine gets the request, and answers it so; what it was sent.
  static std::string serve(Server& server, const std::string& answer, std::size_t body = 0) {
    Tcp machine = server.accept();
    std::string seen = read_message(machine, body);
    EXPECT_TRUE(machine.write_all(answer));
    return seen;
  }

  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster();
};

TEST_F(Replay, ToAnotherRegionAndBack) {
  RunningHost host1(1, cluster), host2(2, cluster);
  Server near(1), far(2);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get()));
  serve(near, response("fly-replay: region=fra;state=x=y\r\n", "not for the client"));
  std::string seen = serve(far, response("", "hello"));
  EXPECT_TRUE(seen.starts_with("GET /a?b HTTP/1.1\r\nHost: web.flycast\r\n")) << seen;
  EXPECT_TRUE(has(seen, "fly-replay-src: instance=" + name(1) + ";region=iad;t=")) << seen;
  EXPECT_TRUE(has(seen, ";state=x=y\r\n")) << seen;
  EXPECT_TRUE(has(seen, "fly-replay-cache-status: miss\r\n")) << seen;
  std::string answer = read_message(client, 5);
  EXPECT_TRUE(answer.ends_with("\r\n\r\nhello")) << answer;
  EXPECT_FALSE(has(answer, "fly-replay")) << answer;
  // The next request of the connection begins anew.
  ASSERT_TRUE(client.write_all(get()));
  EXPECT_FALSE(has(serve(near, response("", "again")), "fly-replay"));
  EXPECT_TRUE(read_message(client, 5).ends_with("again"));
  EXPECT_EQ(host1.stats().replays, 1u);
}

TEST_F(Replay, ABodyIsSentAgain) {
  RunningHost host1(1, cluster), host2(2, cluster);
  Server near(1), far(2);
  Tcp client = dial_web();
  const std::string body(40000, 'b');
  ASSERT_TRUE(
      client.write_all("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 40000\r\n\r\n" + body));
  EXPECT_TRUE(serve(near, response("fly-replay: instance=" + name(2) + "\r\n"), body.size())
                  .ends_with("\r\n\r\n" + body));
  EXPECT_TRUE(serve(far, response("", "hello"), body.size()).ends_with("\r\n\r\n" + body));
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
}

TEST_F(Replay, ToAnotherAppByJson) {
  RunningHost host1(1, cluster), host2(2, cluster);
  Server web(1), worker(3);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get("Cookie: a=b\r\n")));
  serve(web,
        response("Content-Type: application/vnd.fly.replay+json\r\n",
                 R"({"app":"worker","transform":{"path":"/new","delete_headers":["cookie"]}})"));
  std::string seen = serve(worker, response("", "hello"));
  EXPECT_TRUE(seen.starts_with("GET /new HTTP/1.1\r\nHost: web.flycast\r\n")) << seen;
  EXPECT_FALSE(has(seen, "Cookie")) << seen;
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
}

TEST_F(Replay, ToAnAppOutOfReachIsAnError) {
  cluster.other_apps[0].org = "beta";
  RunningHost host1(1, cluster), host2(2, cluster);
  Server web(1);
  for (const auto& [app, code] : {std::pair{"worker", "PA05"}, {"nobody", "PA04"}}) {
    Tcp client = dial_web();
    ASSERT_TRUE(client.write_all(get("Connection: close\r\n")));
    serve(web, response("fly-replay: app=" + std::string(app) + "\r\n"));
    std::string answer = client.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 502 ")) << answer;
    EXPECT_TRUE(has(answer, "fly-error: " + std::string(code) + "\r\n")) << answer;
  }
}

TEST_F(Replay, AMalformedOneSaysWhatIsWrong) {
  RunningHost host1(1, cluster);
  Server web(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get("Connection: close\r\n")));
  serve(web, response("fly-replay: regoin=ams\r\n"));
  std::string answer = client.read_to_end();
  EXPECT_TRUE(has(answer, "fly-error: PA03\r\n")) << answer;
  EXPECT_TRUE(has(answer, "'regoin' is no field")) << answer;
}

TEST_F(Replay, FallsBackToTheSender) {
  cluster.machines[MachineId{3}].cordoned = true;
  RunningHost host1(1, cluster), host2(2, cluster);
  Server web(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get()));
  serve(web, response("fly-replay: app=worker;timeout=500ms;fallback=force_self\r\n"));
  std::string seen = serve(web, response("", "hello"));
  EXPECT_TRUE(has(seen, "fly-replay-failed: instance=;app=worker;region=;replay_source=" + name(1)))
      << seen;
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
}

TEST_F(Replay, RoundAndRoundEndsAfterTen) {
  RunningHost host1(1, cluster);
  Server web(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get("Connection: close\r\n")));
  for (int i = 0; i <= 10; ++i) serve(web, response("fly-replay: app=web;region=iad\r\n"));
  EXPECT_TRUE(has(client.read_to_end(), "fly-error: PA02\r\n"));
  EXPECT_EQ(host1.stats().replays, 11u);
}

TEST_F(Replay, TheCacheSparesTheSender) {
  cluster.app.services[0].ports[0].http.replay_cache = {
      {"/", std::chrono::seconds(60), false, "session", false}};
  RunningHost host1(1, cluster), host2(2, cluster);
  Server web(1), worker(3);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get("Cookie: session=1\r\n")));
  serve(web, response("fly-replay: app=worker\r\n"));
  EXPECT_TRUE(has(serve(worker, response("", "first")), "fly-replay-cache-status: miss\r\n"));
  EXPECT_TRUE(read_message(client, 5).ends_with("first"));
  ASSERT_TRUE(client.write_all(get("Cookie: session=1\r\n")));
  std::string seen = serve(worker, response("", "again"));
  EXPECT_TRUE(has(seen, "fly-replay-cache-status: hit\r\n")) << seen;
  EXPECT_FALSE(has(seen, "fly-replay-src")) << seen;
  EXPECT_TRUE(read_message(client, 5).ends_with("again"));
  ASSERT_TRUE(client.write_all(get("Cookie: session=2\r\n")));
  serve(web, response("", "other"));
  EXPECT_TRUE(read_message(client, 5).ends_with("other"));
}

TEST_F(Replay, AClientsWishes) {
  RunningHost host1(1, cluster), host2(2, cluster);
  Server near(1), far(2);
  struct Case {
    std::string wish;
    Server* expected;
    bool missed;
  };
  const Case cases[] = {
      {"fly-prefer-region: fra,nrt", &far, false},
      {"fly-prefer-region: lhr", &near, false},
      {"fly-force-region: eu", &far, false},
      {"fly-force-instance-id: " + name(2), &far, false},
      {"fly-prefer-instance-id: " + name(2), &far, false},
      {"fly-prefer-instance-id: 00bb33ff", &near, true},
  };
  for (const Case& test : cases) {
    Tcp client = dial_web();
    ASSERT_TRUE(client.write_all(get(test.wish + "\r\n")));
    std::string seen = serve(*test.expected, response("", "hello"));
    EXPECT_EQ(has(seen, "fly-preferred-instance-unavailable: 00bb33ff\r\n"), test.missed) << seen;
    EXPECT_TRUE(read_message(client, 5).ends_with("hello")) << test.wish;
  }
  for (const char* vain : {"fly-force-region: lhr", "fly-force-instance-id: 00bb33ff"}) {
    Tcp client = dial_web();
    ASSERT_TRUE(client.write_all(get(std::string(vain) + "\r\nConnection: close\r\n")));
    EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 503 ")) << vain;
  }
}

// Over a hop: the client is on host 2, the other network's machine 8 on host 1, whose word counts
// as well.
TEST_F(Replay, AcrossNetworksWithPermission) {
  cluster.other_apps[0].network = kOtherNetwork;
  cluster.machines[MachineId{8}].app = "worker";
  cluster.machines[MachineId{3}].app = "caller";
  FlycastOptions may, may_not;
  may.replay.across_networks = {"acme"};
  Server web(2), worker(8);
  auto ask = [&](Tcp& client) {
    client = dial(lab.machine(3), kDialled);
    ASSERT_TRUE(client.write_all(get("Connection: close\r\n")));
    serve(web, response("fly-replay: app=worker;timeout=1s\r\n"));
  };
  Tcp client;
  {
    RunningHost host1(1, cluster, may), host2(2, cluster, may);
    ask(client);
    std::string seen = serve(worker, response("", "hello"));
    EXPECT_TRUE(has(seen, "fly-replay-src: instance=" + name(2))) << seen;
    EXPECT_TRUE(client.read_to_end().ends_with("hello"));
    EXPECT_EQ(host1.stats().hops_admitted, 1u);
  }
  {
    RunningHost host1(1, cluster, may), host2(2, cluster, may_not);
    ask(client);
    EXPECT_TRUE(has(client.read_to_end(), "fly-error: PA05\r\n"));
  }
  RunningHost host1(1, cluster, may_not), host2(2, cluster, may);
  ask(client);
  EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 503 ")) << "its owner does not admit it";
  EXPECT_EQ(host1.stats().hops_admitted, 0u);
}

TEST_F(Replay, OfAWebSocketsUpgrade) {
  RunningHost host1(1, cluster), host2(2, cluster);
  Server near(1), far(2);
  Tcp client = dial_web();
  const std::string upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  ASSERT_TRUE(client.write_all(get(upgrade)));
  serve(near, response("fly-replay: instance=" + name(2) + "\r\n"));
  Tcp machine = far.accept();
  std::string seen = read_message(machine);
  EXPECT_TRUE(has(seen, "Upgrade: websocket\r\n") && has(seen, "fly-replay-src: ")) << seen;
  ASSERT_TRUE(machine.write_all("HTTP/1.1 101 Switching Protocols\r\n" + upgrade + "\r\nfirst"));
  std::string answer = read_message(client, 5);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 ") && answer.ends_with("\r\n\r\nfirst")) << answer;
  ASSERT_TRUE(client.write_all("and then"));
  EXPECT_EQ(machine.read_exactly(8), "and then");
  client.send_fin();
  EXPECT_EQ(machine.read_to_end(), "");
  EXPECT_TRUE(machine.ended());
}

TEST_F(Replay, WakesItsTarget) {
  for (MachineState asleep : {MachineState::kStopped, MachineState::kSuspended}) {
    cluster.machines[MachineId{3}].state = asleep;
    std::vector<MachineId> started;
    std::function<void(Result<void>)> done;
    FlycastCallbacks callbacks;
    callbacks.start_machine = [&](MachineId id, std::function<void(Result<void>)> when_done) {
      started.push_back(id);
      done = std::move(when_done);
    };
    RunningHost host1(1, cluster), host2(2, cluster, {}, callbacks);
    Server web(1), worker(3);
    Tcp client = dial_web();
    ASSERT_TRUE(client.write_all(get()));
    serve(web, response("fly-replay: app=worker\r\n"));
    ASSERT_TRUE(eventually([&] {
      bool asked = false;
      host2.on_loop([&] { asked = done != nullptr; });
      return asked;
    }));
    host2.on_loop([&] { done({}); });
    cluster.machines[MachineId{3}].state = MachineState::kStarted;
    host1.set_snapshot(cluster);
    host2.set_snapshot(cluster);
    EXPECT_TRUE(has(serve(worker, response("", "awake")), "fly-replay-src: "));
    EXPECT_TRUE(read_message(client, 5).ends_with("awake"));
    EXPECT_EQ(started, std::vector{MachineId{3}});
  }
}

// What the app orders with its instruction: for which paths, whether a client may pass it by, and
// that it is forgotten.
TEST_F(Replay, TheCacheOfPaths) {
  RunningHost host1(1, cluster), host2(2, cluster);
  Server web(1), worker(3);
  const std::string order = response(
      "fly-replay: app=worker\r\nfly-replay-cache: /a/*\r\n"
      "fly-replay-cache-ttl-secs: 60\r\nfly-replay-cache-allow-bypass: yes\r\n");
  const std::string to_worker = "fly-replay-cache-status: ";
  Tcp client = dial_web();
  auto ask = [&](const std::string& fields = "") { ASSERT_TRUE(client.write_all(get(fields))); };
  auto expect_answer = [&](Server& from, const std::string& seen_there) {
    std::string seen = serve(from, response("", "hello"));
    EXPECT_TRUE(has(seen, seen_there)) << seen;
    EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
  };
  ask();
  serve(web, order);
  expect_answer(worker, to_worker + "miss\r\n");
  ask();
  expect_answer(worker, to_worker + "hit\r\n");
  ASSERT_TRUE(client.write_all("GET /ab HTTP/1.1\r\nHost: web.flycast\r\n\r\n"));
  expect_answer(web, "GET /ab ");
  ask("fly-replay-cache-control: skip\r\n");
  serve(web, order);
  expect_answer(worker, to_worker + "bypass\r\n");
  ask();
  serve(worker, response("fly-replay: app=web\r\nfly-replay-cache: invalidate\r\n"));
  expect_answer(web, "fly-replay-src: instance=" + name(3));
  ask();
  expect_answer(web, "GET /a?b ");
}

TEST_F(Replay, ACacheThatAllowsNoBypassIsNotPassedBy) {
  RunningHost host1(1, cluster), host2(2, cluster);
  Server web(1), worker(3);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get()));
  serve(web, response("fly-replay: app=worker\r\nfly-replay-cache: /a\r\n"
                      "fly-replay-cache-ttl-secs: 60\r\n"));
  serve(worker, response("", "hello"));
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
  ASSERT_TRUE(client.write_all(get("fly-replay-cache-control: skip\r\n")));
  EXPECT_TRUE(has(serve(worker, response("", "again")), "fly-replay-cache-status: hit\r\n"));
  EXPECT_TRUE(read_message(client, 5).ends_with("again"));
}

// The sender, or another of its app when that is gone by then.
TEST_F(Replay, FallsBackRatherToTheSender) {
  cluster.machines[MachineId{3}].cordoned = true;
  RunningHost host1(1, cluster), host2(2, cluster);
  Server near(1), far(2);
  for (Server* expected : {&near, &far}) {
    Tcp client = dial_web();
    ASSERT_TRUE(client.write_all(get("Connection: close\r\n")));
    Tcp machine = near.accept();
    read_message(machine);
    if (expected == &far) {
      cluster.machines[MachineId{1}].state = MachineState::kStopped;
      host1.set_snapshot(cluster);
    }
    ASSERT_TRUE(machine.write_all(
        response("fly-replay: app=worker;timeout=500ms;fallback=prefer_self\r\n")));
    std::string seen = serve(*expected, response("", "hello"));
    EXPECT_TRUE(has(seen, "fly-replay-failed: instance=;app=worker;region=;replay_source=" +
                              name(1) + ";reason="))
        << seen;
    EXPECT_TRUE(client.read_to_end().ends_with("hello"));
  }
}

// There is a machine, and it refuses, as often as it is asked.
TEST_F(Replay, TheFallbackIsToldThatRetriesWereInVain) {
  FlycastOptions soon;
  soon.retry.max_attempts = 3;
  RunningHost host1(1, cluster, soon), host2(2, cluster, soon);
  Server web(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get()));
  serve(web, response("fly-replay: app=worker;fallback=force_self\r\n"));
  std::string seen = serve(web, response("", "hello"));
  EXPECT_TRUE(has(seen, ";reason=retries_exhausted;elapsed_ms=")) << seen;
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
}

// A kept connection to one machine does not decide for a request that wishes another.
TEST_F(Replay, AWishOnAKeptConnection) {
  RunningHost host1(1, cluster), host2(2, cluster);
  Server near(1), far(2);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(get()));
  Tcp machine = near.accept();
  read_message(machine);
  ASSERT_TRUE(machine.write_all(response("", "hello")));
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
  ASSERT_TRUE(client.write_all(get("fly-force-region: fra\r\n")));
  serve(far, response("", "there"));
  EXPECT_TRUE(read_message(client, 5).ends_with("there"));
}

}  // namespace
}  // namespace sixpn::flycast
