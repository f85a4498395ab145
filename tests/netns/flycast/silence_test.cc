// Machines that fall silent: their packets are dropped, both ways, and nobody says so. Who finds it
// out, who hears of it, and which requests go to another machine.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <optional>
#include <thread>

#include "base/io/clock.h"
#include "flycast/core/preamble.h"
#include "flycast/io/sockets.h"
#include "tests/netns/flycast/http_words.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;

struct Silent : testing::Test {
  void silence(std::uint32_t machine) { lab.machine(machine).lose("drop", "drop"); }
  void TearDown() override {
    for (std::uint32_t id : {1u, 2u}) lab.machine(id).mend();
  }
  // The client's first request, which that machine answers, and its connection is kept.
  static Tcp first(Tcp& client, Server& server) {
    EXPECT_TRUE(client.write_all("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    Tcp machine = server.accept();
    read_message(machine);
    EXPECT_TRUE(machine.write_all(ok("hello")));
    EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
    return machine;
  }
  static void expect_answer_of(Server& server, Tcp& client, const std::string& request) {
    Tcp other = server.accept();
    ASSERT_TRUE(other) << "nobody else was asked";
    EXPECT_TRUE(read_message(other).starts_with(request));
    ASSERT_TRUE(other.write_all(ok("other")));
    EXPECT_TRUE(read_message(client, 5).ends_with("other"));
  }
  static bool is_asked(const Server& server) {
    pollfd wait{server.fd(), POLLIN, 0};
    return poll(&wait, 1, 0) == 1;
  }
  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster();
};

TEST_F(Silent, ARequestOnAKeptConnectionGoesToAnother) {
  start_only(cluster, {1, 2});
  cluster.speak_http();
  RunningHost host1(1, cluster), host2(2, cluster);
  Server one(1), two(2);
  Tcp client = dial_web();
  Tcp machine = first(client, one);
  silence(1);
  ASSERT_TRUE(client.write_all("GET /again HTTP/1.1\r\nHost: h\r\n\r\n"));
  expect_answer_of(two, client, "GET /again");
  EXPECT_EQ(host1.stats().http_resends, 1u);
}

// The client's proxy sees a hop that acknowledges everything: the owner tells, whatever carries the
// requests between the two.
TEST_F(Silent, BehindAnotherHostTheOwnerTells) {
  start_only(cluster, {2, 4});
  for (auto counted : {ConcurrencyType::kConnections, ConcurrencyType::kRequests}) {
    cluster.speak_http(counted);
    RunningHost host1(1, cluster), host2(2, cluster), host3(3, cluster);
    Server two(2), four(4);
    Tcp client = dial_web();
    Tcp machine = first(client, two);
    silence(2);
    ASSERT_TRUE(client.write_all("GET /again HTTP/1.1\r\nHost: h\r\n\r\n"));
    expect_answer_of(four, client, "GET /again");
    FlycastStats stats = host1.stats();
    EXPECT_EQ(stats.http_resends, 1u);
    EXPECT_GE(stats.silences_heard, 1u);
    EXPECT_GE(host2.stats().silent_machines, 1u);
    lab.machine(2).mend();
  }
}

// It may have arrived: it is waited for, however long the machine takes to come back.
TEST_F(Silent, APostIsNotAskedTwice) {
  start_only(cluster, {2, 4});
  cluster.speak_http();
  RunningHost host1(1, cluster), host2(2, cluster), host3(3, cluster);
  Server two(2), four(4);
  Tcp client = dial_web();
  Tcp machine = first(client, two);
  silence(2);
  ASSERT_TRUE(client.write_all("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"));
  ASSERT_TRUE(eventually([&] { return host1.stats().silences_heard >= 2; }));
  lab.machine(2).mend();
  EXPECT_TRUE(read_message(machine).starts_with("POST /"));
  ASSERT_TRUE(machine.write_all(ok("hello")));
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
  EXPECT_FALSE(is_asked(four));
}

// A slow answer is none of it: the machine's kernel has the request.
TEST_F(Silent, NotOneThatOnlyTakesItsTime) {
  start_only(cluster, {2, 4});
  cluster.speak_http();
  RunningHost host1(1, cluster), host2(2, cluster), host3(3, cluster);
  Server two(2), four(4);
  Tcp client = dial_web();
  Tcp machine = first(client, two);
  ASSERT_TRUE(client.write_all("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n"));
  read_message(machine);
  std::this_thread::sleep_for(3 * kSilenceLook);  // its work
  ASSERT_TRUE(machine.write_all(ok("hello")));
  EXPECT_TRUE(read_message(client, 5).ends_with("hello"));
  EXPECT_EQ(host2.stats().silent_machines, 0u);
  EXPECT_FALSE(is_asked(four));
}

// Its connections to it, of this client and of others, are worth nothing: a request that may not be
// asked twice is not given to one.
TEST_F(Silent, OfKeptConnectionsNoneIsUsedAfterwards) {
  start_only(cluster, {2, 4});
  cluster.speak_http();
  RunningHost host1(1, cluster), host2(2, cluster), host3(3, cluster);
  Server two(2), four(4);
  Tcp client = dial_web(), other = dial_web();
  Tcp for_client = first(client, two), for_other = first(other, two);
  silence(2);
  ASSERT_TRUE(client.write_all("GET /again HTTP/1.1\r\nHost: h\r\n\r\n"));
  expect_answer_of(four, client, "GET /again");
  ASSERT_TRUE(other.write_all("POST /next HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"));
  expect_answer_of(four, other, "POST /next");
}

// Whoever has asked that owner before hears of it, and asks another machine from then on.
TEST_F(Silent, EveryHostHearsOfIt) {
  start_only(cluster, {2, 4});
  RunningHost host1(1, cluster), host2(2, cluster), host3(3, cluster);
  Server two(2), four(4);
  Tcp from1 = dial_web();
  Tcp machine1 = two.accept();
  // Of host 3, which has a nearer one.
  cluster.machines[MachineId{4}].state = MachineState::kStopped;
  host3.set_snapshot(cluster);
  Tcp from3 = dial(lab.machine(4), kDialled);
  Tcp machine3 = two.accept();
  ASSERT_TRUE(machine1 && machine3);
  cluster.machines[MachineId{4}].state = MachineState::kStarted;
  host3.set_snapshot(cluster);
  silence(2);
  ASSERT_TRUE(from1.write_all("anybody there?"));
  EXPECT_TRUE(eventually([&] { return host3.stats().silences_heard >= 1; }));
  EXPECT_TRUE(eventually([&] { return host1.stats().silences_heard >= 1; }));
  Tcp next = dial_web();
  EXPECT_TRUE(four.accept());
  EXPECT_EQ(host1.stats().failed_attempts, 0u);
}

// A stream has nowhere else to go, and lives when the machine does again; new ones go elsewhere.
TEST_F(Silent, AStreamToItWaits) {
  start_only(cluster, {1, 2});
  RunningHost host1(1, cluster), host2(2, cluster);
  Server one(1), two(2);
  Tcp client = dial_web();
  Tcp machine = one.accept();
  ASSERT_TRUE(client && machine);
  silence(1);
  ASSERT_TRUE(client.write_all("anybody there?"));
  ASSERT_TRUE(eventually([&] { return host1.stats().silent_machines >= 1; }));
  Tcp next = dial_web();
  EXPECT_TRUE(two.accept());
  EXPECT_EQ(host1.stats().failed_attempts, 0u);
  lab.machine(1).mend();
  EXPECT_EQ(machine.read_exactly(14), "anybody there?");
}

// It was connected to as it ended, and its network went with it: nothing refuses. With the default
// options another would be asked after 300 ms.
TEST_F(Silent, AConnectToOneThatEndedIsNotWaitedFor) {
  using std::chrono::seconds;
  start_only(cluster, {1, 2});
  FlycastOptions patient;
  patient.retry.connect_timeout = patient.retry.early_timeout = seconds(30);
  RunningHost host1(1, cluster, patient), host2(2, cluster);
  Server one(1), two(2);
  silence(1);
  Tcp client = dial_web();
  ASSERT_TRUE(eventually([&] { return host1.stats().attempts == 1; }));
  host1.set_snapshot(cluster);  // another machine changed, say
  EXPECT_EQ(host1.stats().failed_attempts, 0u);
  cluster.machines[MachineId{1}].state = MachineState::kStopped;
  host1.set_snapshot(cluster);
  EXPECT_TRUE(two.accept());
  EXPECT_EQ(host1.stats().failed_attempts, 1u);
}

// The same where another host's proxy asked: its owner refuses, and who asked goes elsewhere.
TEST_F(Silent, AnotherHostsConnectToOneThatEndedIsNotWaitedFor) {
  using std::chrono::seconds;
  start_only(cluster, {2, 4});
  FlycastOptions patient;
  patient.retry.connect_timeout = patient.retry.early_timeout = seconds(30);
  RunningHost host1(1, cluster, patient), host2(2, cluster, patient), host3(3, cluster);
  Server two(2), four(4);
  silence(2);
  Tcp client = dial_web();
  ASSERT_TRUE(eventually([&] {
    bool connecting = false;
    host2.on_loop([&] { connecting = !host2.service().status().hosted.empty(); });
    return connecting;
  }));
  cluster.machines[MachineId{2}].state = MachineState::kStopped;
  host2.set_snapshot(cluster);
  EXPECT_TRUE(four.accept());
  EXPECT_EQ(host2.stats().hops_refused, 1u);
}

// What an owner says, spoken by the test.
struct Owner {
  explicit Owner(Tcp accepted) : stream(std::move(accepted)) {}
  std::string frame() {
    auto length = decode_frame_header(stream.read_exactly(kFrameHeaderBytes));
    return length ? stream.read_exactly(*length) : "";
  }
  Tcp stream;
};

struct ScriptedOwner : Silent {
  ScriptedOwner() {
    start_only(cluster, {2, 4});
    lab.host(2).run([&] { hops = std::move(*listen_on({host_address(host(2)), 7947})); });
  }
  Owner accept() {
    pollfd wait{hops.get(), POLLIN, 0};
    EXPECT_EQ(poll(&wait, 1, kPatienceMs), 1);
    return Owner(Tcp(Fd(accept4(hops.get(), nullptr, nullptr, SOCK_CLOEXEC))));
  }
  // Admits the next connection that is asked for, on whatever stream; others are spare links.
  static void admit(Owner& owner, bool tells) {
    ASSERT_TRUE(decode_preamble(owner.frame()));
    HopReply reply{HopStatus::kOk, 1};
    reply.tells = tells;
    ASSERT_TRUE(owner.stream.write_all(encode_reply(reply)));
  }
  static FlycastOptions without_links() {
    FlycastOptions options;
    options.hop_link_idle = Duration::zero();
    return options;
  }
  Fd hops;
};

TEST_F(ScriptedOwner, SpeaksOfItsOwnMachinesOnly) {
  RunningHost host1(1, cluster, without_links());
  Tcp client = dial_web();
  Owner hop = accept();
  admit(hop, true);
  Owner line = accept();
  auto asked = decode_preamble(line.frame());
  ASSERT_TRUE(asked);
  EXPECT_TRUE(asked->listens);
  HopReply granted{HopStatus::kOk};
  granted.tells = true;
  ASSERT_TRUE(line.stream.write_all(encode_reply(granted) +
                                    encode_silence({kNetwork, MachineId{4}, 8080}) +
                                    encode_silence({kOtherNetwork, MachineId{2}, 8080}) +
                                    encode_silence({kNetwork, MachineId{77}, 8080}) +
                                    encode_silence({kNetwork, MachineId{2}, 8080})));
  EXPECT_TRUE(eventually([&] { return host1.stats().silences_heard == 1; }));
  // Then it says what is no word, and is not listened to any more.
  ASSERT_TRUE(line.stream.write_all("GET / HTTP/1.1\r\n"));
  EXPECT_EQ(line.stream.read_to_end(), "");
  EXPECT_TRUE(line.stream.got_reset());
  EXPECT_EQ(host1.stats().silences_heard, 1u);
}

TEST_F(ScriptedOwner, OfAnOlderVersionIsNotAskedToTell) {
  RunningHost host1(1, cluster, without_links());
  for (int i = 0; i < 2; ++i) {
    Tcp client = dial_web();
    Owner hop = accept();
    auto asked = decode_preamble(hop.frame());
    ASSERT_TRUE(asked);
    EXPECT_FALSE(asked->listens);
    ASSERT_TRUE(hop.stream.write_all(encode_reply({HopStatus::kOk, 1})));
    ASSERT_TRUE(hop.stream.write_all("hello"));
    EXPECT_EQ(client.read_exactly(5), "hello");
  }
}

// One line of each host, the newest; it is no session.
TEST_F(Silent, AHostListensOnOneLine) {
  RunningHost host2(2, cluster);
  Preamble listens{{}, {}, {host_address(host(1)), 1}, {host_address(host(1)), 1}, 1};
  listens.listens = true;
  auto listen = [&] {
    Owner line(dial(lab.host(1), {host_address(host(2)), 7947}, host_address(host(1))));
    line.stream.write_all(encode_preamble(listens));
    auto reply = decode_reply(line.frame());
    EXPECT_TRUE(reply && reply->tells && reply->status == HopStatus::kOk);
    return line;
  };
  Owner old = listen();
  EXPECT_EQ(host2.stats().sessions, 0u);
  Owner other = listen();
  EXPECT_EQ(old.stream.read_to_end(), "");
  EXPECT_TRUE(old.stream.got_reset());
  host2.stop();
  EXPECT_EQ(other.stream.read_to_end(), "");
}

// The kernel's words: a connection to machine 1 from its host.
struct KernelSilence : Silent {
  Fd connect_to_one() {
    Fd made;
    lab.host(1).run([&] {
      made = std::move(*open_stream(host_address(host(1)), SourceKind::kOwn));
      begin_connect(made.get(), {lab.address(1), 8080});
    });
    return made;
  }
};

// One loss probe is enough, before the kernel takes anything for lost.
TEST_F(KernelSilence, ShowsAtTheFirstRepetition) {
  Server one(1);
  Fd ours = connect_to_one();
  Tcp theirs = one.accept();
  EXPECT_TRUE(eventually([&] { return send(ours.get(), "a", 1, MSG_NOSIGNAL) == 1; }));
  EXPECT_EQ(theirs.read_exactly(1), "a");
  EXPECT_TRUE(eventually([&] { return unacknowledged(ours.get()) == 0; }));
  silence(1);
  Instant written = monotonic_now();
  ASSERT_EQ(send(ours.get(), "b", 1, MSG_NOSIGNAL), 1);
  EXPECT_TRUE(eventually(
      [&] { return acknowledges_nothing(ours.get(), kSilentMachine, monotonic_now() - written); }));
  EXPECT_FALSE(is_unanswered(ours.get(), kSilentMachine));
}

TEST_F(KernelSilence, IsNotThatOfOneThatDoesNotRead) {
  Server one(1);
  Fd ours = connect_to_one();
  Tcp theirs = one.accept();
  std::string block(64 * 1024, 'x');
  Instant written = monotonic_now();
  auto fills = [&] {
    if (send(ours.get(), block.data(), block.size(), MSG_NOSIGNAL) > 0) written = monotonic_now();
    return monotonic_now() - written > 4 * kSilenceLook;
  };
  EXPECT_TRUE(eventually([&] {
    EXPECT_FALSE(acknowledges_nothing(ours.get(), kSilentMachine, monotonic_now() - written));
    return fills();
  }));
  EXPECT_GT(unacknowledged(ours.get()), 0);
}

}  // namespace
}  // namespace sixpn::flycast
