// Hosts that die with requests of others in them that their kernels had acknowledged: no kernel
// here has anything to send again, and only the cluster's word and our own questions end the wait
// (io/host_questions.h). And hosts that live, whatever the cluster believes.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <fstream>
#include <thread>

#include "flycast/core/doubted_hosts.h"
#include "flycast/core/preamble.h"
#include "flycast/io/sockets.h"
#include "tests/netns/flycast/http_words.h"
#include "tests/unit/flycast/http2_frames.h"

namespace sixpn::flycast {
namespace {

constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr const char* kPost = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";

// Clients on host 1; of the app's machines 2 serves, on host 2, and 4, on host 3.
struct DeadHost : testing::Test {
  void TearDown() override {
    for (std::uint32_t n : {1u, 2u}) lab.host(n).mend();
  }
  // From its network; what runs on it does not notice.
  void cut_off(std::uint32_t n) { lab.host(n).lose("iifname wire drop", "oifname wire drop"); }
  void believe(RunningHost& viewer, std::uint32_t n, HostStatus status) {
    cluster.hosts.at(host(n)).status = status;
    viewer.set_snapshot(cluster);
  }
  void die(RunningHost& viewer, std::uint32_t n) {
    cut_off(n);
    believe(viewer, n, HostStatus::kDown);
  }
  // Of the proxies of host 2: what asked it and went without a word.
  static bool was_asked(RunningHost& asked, std::uint64_t before) {
    return eventually([&] { return asked.stats().hops_unused > before; });
  }
  static FlycastOptions without_links() {
    FlycastOptions options;
    options.hop_link_idle = Duration::zero();
    return options;
  }
  static void answer(Server& server, Tcp& client, const std::string& request) {
    Tcp machine = server.accept();
    ASSERT_TRUE(machine) << "nobody else was asked";
    EXPECT_TRUE(read_message(machine).starts_with(request));
    ASSERT_TRUE(machine.write_all(ok("other")));
    EXPECT_TRUE(read_message(client, 5).ends_with("other"));
  }
  // All that host 1 has sent to other hosts' proxies.
  static bool is_acknowledged() {
    return eventually([] {
      bool owes = false;
      Lab::instance().host(1).run([&] {
        std::ifstream sockets("/proc/thread-self/net/tcp6");
        for (std::string line; std::getline(sockets, line);)
          owes = owes || (has(line, ":1F0B 0") && !has(line, " 00000000:"));
      });
      return !owes;
    });
  }
  // A connection to the machine, and what the client says over it.
  static Tcp ask(Tcp& client, Server& server, const std::string& request) {
    EXPECT_TRUE(client.write_all(request));
    Tcp machine = server.accept();
    EXPECT_TRUE(machine && read_message(machine).starts_with(request.substr(0, 5)));
    EXPECT_TRUE(is_acknowledged());
    return machine;
  }
  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster_of({2, 4});
};

TEST_F(DeadHost, ARequestThatItHadGoesToAnother) {
  for (auto counted : {ConcurrencyType::kConnections, ConcurrencyType::kRequests}) {
    cluster.speak_http(counted);
    RunningHost host1(1, cluster), host2(2, cluster), host3(3, cluster);
    Server two(2), four(4);
    Tcp client = dial_web();
    Tcp machine = ask(client, two, kGet);
    die(host1, 2);
    answer(four, client, "GET / ");
    FlycastStats stats = host1.stats();
    EXPECT_EQ(stats.dead_hosts, 1u);
    EXPECT_EQ(stats.http_resends, 1u);
    lab.host(2).mend();
    cluster.hosts.at(host(2)).status = HostStatus::kAlive;
  }
}

TEST_F(DeadHost, ARequestThatMayNotBeAskedTwiceIsAnswered) {
  cluster.speak_http();
  RunningHost host1(1, cluster), host2(2, cluster), host3(3, cluster);
  Server two(2), four(4);
  Tcp client = dial_web();
  Tcp machine = ask(client, two, kPost);
  die(host1, 2);
  std::string told = read_message(client);
  EXPECT_TRUE(told.starts_with("HTTP/1.1 502 ")) << told;
  EXPECT_TRUE(has(told, "fly-error: PU03\r\n")) << told;
  EXPECT_EQ(host1.stats().http_failed, 1u);
  EXPECT_EQ(host1.stats().http_resends, 0u);
}

// The client has what came of it, and learns that it is not all.
TEST_F(DeadHost, AResponseThatHasBegunIsCut) {
  cluster.speak_http();
  RunningHost host1(1, cluster), host2(2, cluster), host3(3, cluster);
  Server two(2), four(4);
  Tcp client = dial_web();
  Tcp machine = ask(client, two, kGet);
  ASSERT_TRUE(machine.write_all("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf "));
  EXPECT_TRUE(read_message(client, 5).ends_with("half "));
  die(host1, 2);
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_TRUE(client.got_reset());
  EXPECT_EQ(host1.stats().http_resends, 0u);
}

TEST_F(DeadHost, RequestsOfHttp2GoToAnother) {
  using namespace frames;
  cluster.speak_http();
  RunningHost host1(1, cluster), host2(2, cluster), host3(3, cluster);
  Server two(2), four(4);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(hello() + get(1)));
  Tcp machine = two.accept();
  read_message(machine);
  ASSERT_TRUE(is_acknowledged());
  die(host1, 2);
  Tcp other = four.accept();
  ASSERT_TRUE(other);
  EXPECT_TRUE(read_message(other).starts_with("GET / "));
  EXPECT_EQ(host1.stats().http_resends, 1u);
}

// A connection kept for the client's next request is none any more, though no kernel says so.
TEST_F(DeadHost, AKeptConnectionIsNotUsedAgain) {
  cluster.speak_http();
  RunningHost host1(1, cluster), host2(2, cluster), host3(3, cluster);
  Server two(2), four(4);
  Tcp client = dial_web();
  Tcp machine = ask(client, two, kGet);
  ASSERT_TRUE(machine.write_all(ok("hello")));
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
  die(host1, 2);
  ASSERT_TRUE(eventually([&] { return host1.stats().dead_hosts == 1; }));
  ASSERT_TRUE(client.write_all(kPost));
  answer(four, client, "POST / ");
}

// The room's own loop has a stream in its first second. Here the questions are not answered before
// it begins, over a link that was there.
TEST_F(DeadHost, AStreamThatHasJustBegunIsReset) {
  RunningHost host1(1, cluster), host2(2, cluster), host3(3, cluster);
  Server two(2), four(4);
  Tcp first = dial_web();
  ASSERT_TRUE(two.accept());
  ASSERT_TRUE(eventually([&] { return host1.stats().spare_links > 0; }));
  lab.host(2).lose("iifname wire tcp flags & (syn | ack) == syn drop");
  believe(host1, 2, HostStatus::kSuspected);
  std::this_thread::sleep_for((DoubtedHosts::kQuestions + 1) * DoubtedHosts::kAskEvery);
  Tcp brief = dial_web();
  Tcp machine = two.accept();
  ASSERT_TRUE(brief.write_all("question"));
  EXPECT_EQ(machine.read_exactly(8), "question");
  believe(host1, 2, HostStatus::kDown);
  EXPECT_EQ(brief.read_to_end(), "");
  EXPECT_TRUE(brief.got_reset());
}

TEST_F(DeadHost, StreamsToItAreReset) {
  RunningHost host1(1, cluster), host2(2, cluster), host3(3, cluster);
  Server two(2), four(4);
  Tcp busy = dial_web();
  Tcp machine = two.accept();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(busy.write_all("question"));
    EXPECT_EQ(machine.read_exactly(8), "question");
    ASSERT_TRUE(machine.write_all("answer"));
    EXPECT_EQ(busy.read_exactly(6), "answer");
  }
  Tcp quiet = dial_web();
  Tcp other = two.accept();
  ASSERT_TRUE(quiet.write_all("question"));
  EXPECT_EQ(other.read_exactly(8), "question");
  ASSERT_TRUE(is_acknowledged());
  Tcp elsewhere = dial(lab.machine(4), kDialled);
  Tcp stays = four.accept();
  ASSERT_TRUE(stays);
  die(host1, 2);
  for (Tcp* client : {&busy, &quiet}) {
    EXPECT_EQ(client->read_to_end(), "");
    EXPECT_TRUE(client->got_reset());
  }
  EXPECT_TRUE(eventually([&] { return host1.stats().silent_hops == 2; }));
  ASSERT_TRUE(elsewhere.write_all("here"));
  EXPECT_EQ(stays.read_exactly(4), "here");
}

// The other way round: a machine's place is not a dead client's.
TEST_F(DeadHost, StreamsFromItAreResetAndTheirPlacesFree) {
  cluster.speak_http(ConcurrencyType::kRequests);
  cluster.app.services[0].ports.push_back({81, 81, {}, false});
  RunningHost host1(1, cluster), host2(2, cluster), host3(3, cluster);
  Server two(2), four(4);
  Tcp raw = dial(lab.machine(9), {kFlycast, 81});
  Tcp stream = two.accept();
  Tcp client = dial_web();
  Tcp exchange = ask(client, two, kGet);
  ASSERT_TRUE(stream && exchange);
  die(host2, 1);
  for (Tcp* machine : {&stream, &exchange}) {
    EXPECT_EQ(machine->read_to_end(), "");
    EXPECT_TRUE(machine->got_reset());
  }
  EXPECT_TRUE(eventually([&] { return host2.stats().sessions == 0; }));
}

// Whoever waits for an owner's word, for a machine that it starts, say, asks another.
TEST_F(DeadHost, ItsAnswerIsNotWaitedFor) {
  cluster.app.services[0].auto_start = true;
  start_only(cluster, {});
  std::erase_if(cluster.machines, [](const auto& one) {
    return one.second.app == "web" && one.first != MachineId{2} && one.first != MachineId{4};
  });
  cluster.machines[MachineId{4}].cordoned = true;
  Fd hops;
  lab.host(2).run([&] { hops = std::move(*listen_on({host_address(host(2)), 7947})); });
  RunningHost host1(1, cluster, without_links()), host3(3, cluster);
  Server four(4);
  Tcp client = dial_web();
  Fd accepted;
  ASSERT_TRUE(eventually([&] {
    accepted = Fd(accept4(hops.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return static_cast<bool>(accepted);
  }));
  Tcp owner{std::move(accepted)};
  auto length = decode_frame_header(owner.read_exactly(kFrameHeaderBytes));
  ASSERT_TRUE(length);
  auto asked = decode_preamble(owner.read_exactly(*length));
  ASSERT_TRUE(asked && asked->wake == Wake::kJoin);
  cluster.machines[MachineId{4}].cordoned = false;
  cluster.machines[MachineId{4}].state = MachineState::kStarted;
  host3.set_snapshot(cluster);
  die(host1, 2);
  EXPECT_TRUE(four.accept());
}

// Its agent may be stalled, say: what waits for a machine there waits on, and is answered.
TEST_F(DeadHost, NotOneThatIsDownButAnswers) {
  cluster.speak_http();
  cluster.app.services[0].ports.push_back({81, 81, {}, false});
  RunningHost host1(1, cluster, without_links()), host2(2, cluster), host3(3, cluster);
  Server two(2), four(4);
  Tcp poll = dial_web();
  Tcp machine = ask(poll, two, kGet);
  Tcp quiet = dial(lab.machine(9), {kFlycast, 81});
  Tcp stream = two.accept();
  ASSERT_TRUE(stream);
  std::uint64_t before = host2.stats().hops_unused;
  believe(host1, 2, HostStatus::kDown);
  ASSERT_TRUE(was_asked(host2, before));
  std::this_thread::sleep_for(2 * DoubtedHosts::kQuestions * DoubtedHosts::kAskEvery);
  EXPECT_EQ(host1.stats().dead_hosts, 0u);
  ASSERT_TRUE(machine.write_all(ok("hello")));
  EXPECT_TRUE(read_message(poll, 5).ends_with("hello"));
  ASSERT_TRUE(stream.write_all("hello"));
  EXPECT_EQ(quiet.read_exactly(5), "hello");
  EXPECT_EQ(host1.stats().http_resends, 0u);
}

// A wire that is cut for a while, to a host that the cluster does not hold for down.
TEST_F(DeadHost, NotOneThatIsMerelySuspected) {
  RunningHost host1(1, cluster, without_links()), host2(2, cluster), host3(3, cluster);
  Server two(2), four(4);
  Tcp quiet = dial_web();
  Tcp stream = two.accept();
  ASSERT_TRUE(stream);
  cut_off(2);
  believe(host1, 2, HostStatus::kSuspected);
  std::this_thread::sleep_for(2 * DoubtedHosts::kQuestions * DoubtedHosts::kAskEvery);
  lab.host(2).mend();
  EXPECT_EQ(host1.stats().dead_hosts, 0u);
  ASSERT_TRUE(stream.write_all("hello"));
  EXPECT_EQ(quiet.read_exactly(5), "hello");
}

// Of a host with which nothing is open nobody needs to know.
TEST_F(DeadHost, NobodyAsksWhoHasNothingOpenThere) {
  RunningHost host1(1, cluster, without_links()), host2(2, cluster);
  believe(host1, 2, HostStatus::kDown);
  std::this_thread::sleep_for(2 * DoubtedHosts::kAskEvery);
  EXPECT_EQ(host2.stats().hops_accepted, 0u);
}

// Back alive, it is used as any other.
TEST_F(DeadHost, ItComesBack) {
  RunningHost host1(1, cluster), host2(2, cluster), host3(3, cluster);
  Server two(2), four(4);
  Tcp client = dial_web();
  Tcp machine = two.accept();
  ASSERT_TRUE(machine);
  die(host1, 2);
  EXPECT_EQ(client.read_to_end(), "");
  lab.host(2).mend();
  believe(host1, 2, HostStatus::kAlive);
  Tcp again = dial_web();
  Tcp answers = two.accept();
  ASSERT_TRUE(answers);
  ASSERT_TRUE(answers.write_all("hello"));
  EXPECT_EQ(again.read_exactly(5), "hello");
  EXPECT_EQ(host1.stats().dead_hosts, 1u);
}

}  // namespace
}  // namespace sixpn::flycast
