// Connections to machines that are kept between requests, where limits count requests: whose they
// are, when they are not used again, and that they hold no place. Machine 1 is on the host of
// client 9, machine 2 on another; each is a client of the other's service too.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "flycast/io/kept_machines.h"
#include "tests/netns/flycast/http_words.h"

namespace sixpn::flycast {
namespace {

struct Kept : testing::Test {
  Kept() {
    Service& service = cluster.app.services[0];
    service.ports[0].handlers = {"http"};
    service.concurrency = ConcurrencyType::kRequests;
  }
  // Each loop keeps its own connections to machines, as its clients need them.
  static FlycastOptions one_loop() {
    FlycastOptions options;
    options.loops = 1;
    return options;
  }
  // Asks, has the machine answer, and reads the answer.
  static void exchange(Tcp& client, Tcp& machine, const std::string& method = "GET") {
    ASSERT_TRUE(client.write_all(method + " / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"));
    EXPECT_TRUE(read_message(machine, 2).starts_with(method + " /"));
    ASSERT_TRUE(machine.write_all(ok("hello")));
    EXPECT_TRUE(read_message(client, 5).ends_with("\r\n\r\nhello"));
  }
  // The first request of a client: the machine's new connection.
  static Tcp first(Tcp& client, Server& server, const std::string& method = "GET") {
    EXPECT_TRUE(client.write_all(method + " / HTTP/1.1\r\nHost: h\r\n\r\n"));
    Tcp machine = server.accept();
    read_message(machine);
    EXPECT_TRUE(machine.write_all(ok("hello")));
    EXPECT_TRUE(read_message(client, 5).ends_with("\r\n\r\nhello"));
    return machine;
  }
  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster();
};

TEST_F(Kept, OneServesTheNextRequestOfItsClientWhateverItsConnection) {
  start_only(cluster, {1});
  RunningHost host1(1, cluster, one_loop());
  Server server(1);
  Tcp one = dial_web(), two = dial_web();
  Tcp machine = first(one, server);
  EXPECT_EQ(machine.remote().ip, lab.address(9));
  exchange(one, machine);
  exchange(two, machine);
  exchange(two, machine, "POST");
  one.close();
  two.close();
  Tcp three = dial_web();
  exchange(three, machine);
  FlycastStats stats = host1.stats();
  EXPECT_EQ(stats.reused, 4u);
  EXPECT_EQ(stats.kept_machines, 1u);
}

// Of one that has many requests at once, none connects anew while it has as many.
TEST_F(Kept, AsManyAsItsClientHasRequestsAtOnce) {
  start_only(cluster, {1});
  RunningHost host1(1, cluster, one_loop());
  Server server(1);
  constexpr std::size_t kAtOnce = 100;
  std::vector<Tcp> clients, machines;
  auto ask_all = [&] {
    for (Tcp& client : clients) ASSERT_TRUE(client.write_all("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  };
  auto answer_all = [&] {
    for (Tcp& machine : machines) ASSERT_TRUE(read_message(machine).starts_with("GET /"));
    for (Tcp& machine : machines) ASSERT_TRUE(machine.write_all(ok("hello")));
    for (Tcp& client : clients) ASSERT_TRUE(read_message(client, 5).ends_with("hello"));
  };
  for (std::size_t i = 0; i < kAtOnce; ++i) clients.push_back(dial_web());
  ask_all();
  for (std::size_t i = 0; i < kAtOnce; ++i) machines.push_back(server.accept());
  answer_all();
  EXPECT_EQ(host1.stats().kept_machines, kAtOnce);
  ask_all();
  answer_all();
  EXPECT_EQ(host1.stats().reused, kAtOnce);
  // Fewer come: the rest is not held for long.
  EXPECT_TRUE(
      eventually([&] { return host1.stats().kept_machines == KeptMachines::kOfKeyAtRest; }));
}

TEST_F(Kept, NobodyElsesRequest) {
  start_only(cluster, {1});
  RunningHost host1(1, cluster, one_loop()), host2(2, cluster, one_loop());
  Server server(1);
  Tcp near = dial_web(), far = dial(lab.machine(2), kDialled);
  Tcp for_near = first(near, server);
  Tcp for_far = first(far, server);
  EXPECT_EQ(for_near.remote().ip, lab.address(9));
  EXPECT_EQ(for_far.remote().ip, lab.address(2));
  exchange(near, for_near);
  exchange(far, for_far);
  EXPECT_EQ(host1.stats().reused, 2u);
}

TEST_F(Kept, AcrossHostsTheLinkToo) {
  start_only(cluster, {2});
  RunningHost host1(1, cluster, one_loop()), host2(2, cluster, one_loop());
  Server server(2);
  Tcp client = dial_web();
  Tcp machine = first(client, server);
  EXPECT_EQ(machine.remote().ip, lab.address(9));
  for (int i = 0; i < 3; ++i) exchange(client, machine);
  EXPECT_EQ(host2.stats().reused, 3u);
  EXPECT_EQ(host1.stats().warm_hops, 3u);
  EXPECT_EQ(host1.stats().failed_attempts, 0u);
}

// Its requests take longer than it is until somebody looks which links are needed no more.
TEST_F(Kept, AcrossHostsALinkUnderWayIsExpectedBack) {
  start_only(cluster, {2});
  FlycastOptions options = one_loop();
  options.hop_link_idle = std::chrono::seconds(1);
  RunningHost host1(1, cluster, options), host2(2, cluster, one_loop());
  Server server(2);
  Tcp client = dial_web();
  Tcp machine = first(client, server);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client.write_all("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    ASSERT_TRUE(read_message(machine).starts_with("GET /"));
    std::this_thread::sleep_for(std::chrono::milliseconds(600));  // its work
    ASSERT_TRUE(machine.write_all(ok("hello")));
    ASSERT_TRUE(read_message(client, 5).ends_with("hello"));
  }
  EXPECT_EQ(host2.stats().hops_accepted, 3u)
      << "the first, a spare one, and one to hear of silence";
}

// Large bodies go through the frames, both ways at once.
TEST_F(Kept, AcrossHostsBodiesPassWhole) {
  start_only(cluster, {2});
  RunningHost host1(1, cluster, one_loop()), host2(2, cluster, one_loop());
  Server server(2);
  Tcp client = dial_web();
  std::string body;
  for (int i = 0; body.size() < 3'000'000; ++i) body += std::to_string(i) + ",";
  for (int round = 0; round < 2; ++round) {
    auto sent = std::async(std::launch::async, [&] {
      return client.write_all("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: " +
                              std::to_string(body.size()) + "\r\n\r\n" + body);
    });
    static Tcp machine;
    if (round == 0) machine = server.accept();
    EXPECT_TRUE(read_message(machine, body.size()).ends_with(body));
    EXPECT_TRUE(sent.get());
    auto answered = std::async(std::launch::async, [&] { return machine.write_all(ok(body)); });
    EXPECT_TRUE(read_message(client, body.size()).ends_with(body));
    EXPECT_TRUE(answered.get());
    if (round == 1) machine.close();
  }
  EXPECT_EQ(host2.stats().reused, 1u);
}

// A machine that answers while it has most of an upload yet to read, and reads no more of it: what
// its owner cannot give it holds up the link, on which the next request must not wait.
TEST_F(Kept, AcrossHostsAnEarlyAnswerSpoilsNoLink) {
  start_only(cluster, {2});
  RunningHost host1(1, cluster, one_loop()), host2(2, cluster, one_loop());
  Server server(2);
  int little = 4096;
  ASSERT_EQ(setsockopt(server.fd(), SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)), 0);
  for (std::size_t size : {60'000u, 200'000u}) {
    SCOPED_TRACE(size);
    Tcp client = dial_web();
    auto before = host1.stats().bytes;
    auto sent = std::async(std::launch::async, [&] {
      return client.write_all("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " +
                              std::to_string(size) + "\r\n\r\n" + std::string(size, 'x'));
    });
    Tcp machine = server.accept();
    read_message(machine);
    // Some went with the preamble, which is not counted.
    ASSERT_TRUE(eventually([&] { return host1.stats().bytes + 16 * 1024 > before + size; }));
    ASSERT_TRUE(sent.get());
    ASSERT_TRUE(machine.write_all(ok("hello")));
    EXPECT_TRUE(read_message(client, 5).ends_with("\r\n\r\nhello"));
    Tcp next = dial_web();
    Tcp another = first(next, server, "POST");
    EXPECT_EQ(host1.stats().http_failed, 0u);
  }
}

// One that does read on gets all of it.
TEST_F(Kept, AcrossHostsWhatIsLeftOfAnUploadIsTheMachines) {
  start_only(cluster, {2});
  RunningHost host1(1, cluster, one_loop()), host2(2, cluster, one_loop());
  Server server(2);
  int little = 4096;
  ASSERT_EQ(setsockopt(server.fd(), SOL_SOCKET, SO_RCVBUF, &little, sizeof(little)), 0);
  std::string body(60'000, 'x');
  Tcp client = dial_web();
  ASSERT_TRUE(
      client.write_all("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n" + body));
  Tcp machine = server.accept();
  read_message(machine);
  ASSERT_TRUE(eventually([&] { return host1.stats().bytes + 16 * 1024 > body.size(); }));
  ASSERT_TRUE(machine.write_all(ok("hello")));
  EXPECT_TRUE(read_message(client, 5).ends_with("\r\n\r\nhello"));
  EXPECT_EQ(machine.read_exactly(body.size()), body);
  EXPECT_TRUE(eventually([&] { return host2.stats().kept_machines == 1; }));
  exchange(client, machine);
}

// Behind a large one nobody could tell whether its machine took all.
TEST_F(Kept, AcrossHostsALinkRestsBehindSmallRequestsOnly) {
  start_only(cluster, {2});
  FlycastOptions patient = one_loop();
  patient.hop_link_idle = std::chrono::minutes(5);
  patient.preamble_timeout = std::chrono::minutes(10);
  RunningHost host1(1, cluster, patient), host2(2, cluster, patient);
  Server server(2);
  Tcp client = dial_web();
  Tcp machine = first(client, server);
  exchange(client, machine);
  EXPECT_EQ(host2.stats().hops_unused, 0u);
  std::string body(100'000, 'x');
  ASSERT_TRUE(
      client.write_all("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n" + body));
  EXPECT_TRUE(read_message(machine, body.size()).ends_with(body));
  ASSERT_TRUE(machine.write_all(ok("hello")));
  EXPECT_TRUE(read_message(client, 5).ends_with("\r\n\r\nhello"));
  EXPECT_TRUE(eventually([&] { return host2.stats().hops_unused == 1; }));
  EXPECT_EQ(host2.stats().kept_machines, 1u) << "its machine's connection rests all the same";
  exchange(client, machine);
}

// What cannot be asked twice goes over a new connection where nobody could tell what became of it.
TEST_F(Kept, AcrossHostsAPostTakesANewConnection) {
  start_only(cluster, {2});
  RunningHost host1(1, cluster, one_loop()), host2(2, cluster, one_loop());
  Server server(2);
  Tcp client = dial_web();
  Tcp machine = first(client, server);
  Tcp another = first(client, server, "POST");
  exchange(client, another);
  EXPECT_EQ(host2.stats().reused, 1u);
}

// It waits for a request, and holds no place.
TEST_F(Kept, OneThatWaitsDoesNotCount) {
  start_only(cluster, {1});
  cluster.app.services[0].hard_limit = 1;
  RunningHost host1(1, cluster, one_loop()), host2(2, cluster, one_loop());
  Server server(1);
  Tcp near = dial_web(), far = dial(lab.machine(2), kDialled);
  Tcp for_near = first(near, server);
  Tcp for_far = first(far, server);
  exchange(near, for_near);
  exchange(far, for_far);
  EXPECT_EQ(host1.stats().failed_attempts, 0u);
}

TEST_F(Kept, OneThatClosedIsNotUsed) {
  for (std::uint32_t id : {1u, 2u}) {
    TestCluster all = cluster;
    start_only(cluster, {id});
    RunningHost host1(1, cluster, one_loop()), host2(2, cluster, one_loop());
    Server server(id);
    Tcp client = dial_web();
    first(client, server).close();
    EXPECT_TRUE(eventually([&] { return host1.stats().kept_machines == 0; }));
    first(client, server, "POST").close();
    first(client, server).close();
    EXPECT_EQ(host1.stats().http_resends, 0u) << id;
    EXPECT_EQ(host1.stats().http_failed, 0u) << id;
    cluster = all;
  }
}

TEST_F(Kept, OneThatSaidMoreThanItWasAskedIsNotUsed) {
  start_only(cluster, {1});
  RunningHost host1(1, cluster, one_loop());
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  Tcp machine = server.accept();
  read_message(machine);
  ASSERT_TRUE(machine.write_all(ok("hello") + ok("poison")));
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
  first(client, server);
  EXPECT_EQ(host1.stats().reused, 0u);
}

// The response came before the request's end: what follows would be read as the next request.
TEST_F(Kept, OneThatWasNotSentAllIsNotUsed) {
  for (std::uint32_t id : {1u, 2u}) {
    TestCluster all = cluster;
    start_only(cluster, {id});
    RunningHost host1(1, cluster, one_loop()), host2(2, cluster, one_loop());
    Server server(id);
    Tcp client = dial_web();
    ASSERT_TRUE(client.write_all("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe"));
    Tcp machine = server.accept();
    read_message(machine, 2);
    ASSERT_TRUE(machine.write_all(ok("hello")));
    EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
    Tcp next = dial_web();
    first(next, server);
    EXPECT_EQ(host1.stats().reused + host2.stats().reused, 0u) << id;
    cluster = all;
  }
}

// Nor one whose client left in the middle; its place is free again at once.
TEST_F(Kept, OneThatWasCutIsReset) {
  for (std::uint32_t id : {1u, 2u}) {
    TestCluster all = cluster;
    start_only(cluster, {id});
    cluster.app.services[0].hard_limit = 1;
    RunningHost host1(1, cluster, one_loop()), host2(2, cluster, one_loop());
    Server server(id);
    Tcp client = dial_web();
    Tcp machine = first(client, server);
    ASSERT_TRUE(client.write_all("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    read_message(machine);
    client.send_reset();
    EXPECT_EQ(machine.read_to_end(), "");
    EXPECT_TRUE(machine.got_reset()) << id;
    Tcp next = dial_web();
    first(next, server);
    cluster = all;
  }
}

// A machine that dies during a request on a kept connection is asked once more, over a new one.
TEST_F(Kept, OneThatDiesUnderARequestIsReplaced) {
  for (std::uint32_t id : {1u, 2u}) {
    TestCluster all = cluster;
    start_only(cluster, {id});
    RunningHost host1(1, cluster, one_loop()), host2(2, cluster, one_loop());
    Server server(id);
    Tcp client = dial_web();
    Tcp machine = first(client, server);
    ASSERT_TRUE(client.write_all("GET /again HTTP/1.1\r\nHost: h\r\n\r\n"));
    read_message(machine);
    machine.send_reset();
    Tcp another = server.accept();
    EXPECT_TRUE(has(read_message(another), "GET /again"));
    ASSERT_TRUE(another.write_all(ok("hello")));
    EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
    EXPECT_EQ(host1.stats().http_resends, 1u) << id;
    cluster = all;
  }
}

TEST_F(Kept, ABodyUntilTheCloseEndsAcrossHosts) {
  start_only(cluster, {2});
  RunningHost host1(1, cluster, one_loop()), host2(2, cluster, one_loop());
  Server server(2);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  Tcp machine = server.accept();
  read_message(machine);
  ASSERT_TRUE(machine.write_all("HTTP/1.0 200 OK\r\n\r\nhello"));
  machine.close();
  EXPECT_TRUE(read_message(client, 15).ends_with("5\r\nhello\r\n0\r\n\r\n"));
  first(client, server);
}

TEST_F(Kept, AnUpgradeHasItsConnectionToItself) {
  start_only(cluster, {2});
  RunningHost host1(1, cluster, one_loop()), host2(2, cluster, one_loop());
  Server server(2);
  Tcp client = dial_web(), other = dial_web();
  Tcp kept = first(other, server);
  ASSERT_TRUE(client.write_all(
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"));
  Tcp machine = server.accept();
  read_message(machine);
  ASSERT_TRUE(
      machine.write_all("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                        "Upgrade: websocket\r\n\r\n"));
  read_message(client);
  ASSERT_TRUE(client.write_all("ping"));
  EXPECT_EQ(machine.read_exactly(4), "ping");
  exchange(other, kept);
}

// A server that answers each request after a moment of work, and counts how many it works on.
class CountingServer {
 public:
  explicit CountingServer(std::uint32_t machine) : server_(machine) {}
  // Until `stop`: then whoever dials is dropped.
  void run() {
    std::vector<std::thread> threads;
    while (true) {
      Tcp accepted = server_.accept();
      if (stopped) break;
      if (!accepted) continue;
      threads.emplace_back([this, one = std::move(accepted)]() mutable { serve(one); });
    }
    for (std::thread& thread : threads) thread.join();
  }
  std::atomic<int> most = 0;
  std::atomic<bool> stopped = false;

 private:
  void serve(Tcp& client) {
    while (!read_message(client).ends_with("<cut>")) {
      int now = ++at_once_;
      for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // its work
      --at_once_;
      client.write_all(ok("hello"));
    }
  }
  Server server_;
  std::atomic<int> at_once_ = 0;
};

// However many hosts the clients are on, whatever loop has them and whatever connections are kept.
TEST_F(Kept, TheHardLimitIsExactForRequestsOfManyHosts) {
  start_only(cluster, {2});
  cluster.app.services[0].hard_limit = 2;
  FlycastOptions wide;
  wide.loops = 4;
  RunningHost host1(1, cluster, wide), host2(2, cluster, wide), host3(3, cluster, wide);
  CountingServer server(2);
  std::thread serving([&] { server.run(); });
  std::atomic<int> served = 0, refused = 0, others = 0;
  std::vector<std::thread> clients;
  for (std::uint32_t from : {9u, 9u, 9u, 1u, 3u, 3u, 4u, 4u, 4u})
    clients.emplace_back([&, from] {
      Tcp client = dial(lab.machine(from), kDialled);
      for (int i = 0; i < 30; ++i) {
        client.write_all("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        std::string head = read_message(client);
        auto length = head.find("Content-Length: ");
        if (length == std::string::npos) return void(++others);
        client.read_exactly(std::stoul(head.substr(length + 16)));
        ++(has(head, " 200 OK") ? served : has(head, "fly-error: PL02") ? refused : others);
      }
    });
  for (std::thread& client : clients) client.join();
  server.stopped = true;
  EXPECT_LE(server.most, 2);
  EXPECT_GE(served, 30);
  EXPECT_EQ(others, 0);
  EXPECT_EQ(served + refused, 9 * 30);
  EXPECT_GT(host2.stats().reused, 0u);
  for (RunningHost* host : {&host1, &host2, &host3}) host->stop();
  dial(lab.host(2), {lab.address(2), 8080});
  serving.join();
}

}  // namespace
}  // namespace sixpn::flycast
