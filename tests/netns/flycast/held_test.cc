// The answer to a preamble that brings the whole request comes with the machine's first bytes,
// where these come soon, and without them where they do not.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "flycast/core/exchange_frame.h"
#include "flycast/core/preamble.h"
#include "tests/netns/flycast/http_words.h"

namespace sixpn::flycast {
namespace {

const std::string kRequest = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

// A link from host 1, whose proxy the test plays, to host 2, where the machine is.
struct Held : testing::Test {
  Held() {
    cluster.speak_http(ConcurrencyType::kRequests);
    start_only(cluster, {2});
    host2.emplace(2u, cluster);
    server.emplace(2u);
    hop = dial(lab.host(1), {host_address(host(2)), 7947}, host_address(host(1)));
  }
  void ask(bool whole) {
    Preamble asked{kNetwork, MachineId{2}, {lab.address(9), 41000}, kDialled, 8080};
    asked.exchange = asked.ahead = true;
    asked.whole = whole;
    asked.nonce = ++nonce;
    ASSERT_TRUE(
        hop.write_all(encode_preamble(asked) + encode_bytes_header(kRequest.size()) + kRequest));
  }
  // How long it was held; nothing: it is none.
  std::optional<std::chrono::microseconds> read_answer() {
    auto length = decode_frame_header(hop.read_exactly(kFrameHeaderBytes));
    auto reply =
        length ? decode_reply(hop.read_exactly(*length)) : Result<HopReply>(length.error());
    EXPECT_TRUE(reply);
    if (!reply || reply->status != HopStatus::kOk || reply->nonce != nonce) return std::nullopt;
    return reply->held;
  }
  // Its machine answers; the exchange is over.
  void finish(Tcp& machine) {
    ASSERT_TRUE(machine.write_all(ok("hello")));
    EXPECT_TRUE(read_message(hop, 5).ends_with("hello"));
    ASSERT_TRUE(hop.write_all(encode_exchange_end()));
  }
  // The first exchange makes the connection.
  Tcp first() {
    ask(true);
    Tcp machine = server->accept();
    EXPECT_EQ(read_message(machine), kRequest);
    EXPECT_EQ(read_answer(), std::chrono::microseconds(0)) << "nobody knows whether it is fast";
    finish(machine);
    return machine;
  }
  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster();
  std::optional<RunningHost> host2;
  std::optional<Server> server;
  Tcp hop;
  std::uint64_t nonce = 0;
};

TEST_F(Held, NotForASlowMachine) {
  Tcp machine = first();
  ask(true);
  EXPECT_EQ(read_message(machine), kRequest);
  auto held = read_answer();  // while the machine says nothing
  ASSERT_TRUE(held);
  EXPECT_GE(*held, kMostReplyHeld);
  finish(machine);
}

TEST_F(Held, NotWhereMoreOfTheRequestIsToCome) {
  Tcp machine = first();
  ask(false);
  EXPECT_EQ(read_message(machine), kRequest);
  EXPECT_EQ(read_answer(), std::chrono::microseconds(0));
  finish(machine);
}

TEST_F(Held, UntilAFastMachineAnswers) {
  Tcp machine = first();
  EXPECT_TRUE(eventually([&] {
    ask(true);
    read_message(machine);
    EXPECT_TRUE(machine.write_all(ok("hello")));
    auto held = read_answer();
    EXPECT_TRUE(held && held->count() > 0);
    EXPECT_TRUE(read_message(hop, 5).ends_with("hello"));
    EXPECT_TRUE(hop.write_all(encode_exchange_end()));
    return held < kMostReplyHeld;
  }));
}

// What it says last is not lost, though nothing of it is a response.
TEST_F(Held, NotForOneThatEnds) {
  Tcp machine = first();
  ask(true);
  EXPECT_EQ(read_message(machine), kRequest);
  machine.close();
  EXPECT_TRUE(read_answer());
  EXPECT_EQ(hop.read_to_end(), "");
}

}  // namespace
}  // namespace sixpn::flycast
