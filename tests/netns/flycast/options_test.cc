// What a service's ports say about a connection: the PROXY protocol, idle timeouts, ranges. Over
// one hop (the machine lives on the client's host) and over two.
#include <gtest/gtest.h>

#include "flycast/core/proxy_header.h"
#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {
namespace {

struct Options : testing::TestWithParam<std::uint32_t> {
  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster_of({GetParam()});
  std::optional<RunningHost> host1;
  std::optional<RunningHost> host2;
  ServicePort& port = cluster.app.services[0].ports[0];

  void start() {
    host1.emplace(1u, cluster);
    host2.emplace(2u, cluster);
  }
};

TEST_P(Options, TheMachineIsToldOfItsClientAheadOfItsBytes) {
  for (std::uint8_t version : {kProxyProtocolText, kProxyProtocolBinary}) {
    port.handlers = {"proxy_proto"};
    port.proxy_protocol = version;
    start();
    Server listener(GetParam());
    Tcp client = dial_web();
    ASSERT_TRUE(client.write_all("hello"));
    Tcp server = listener.accept();
    ASSERT_TRUE(client && server);
    std::string expected = encode_proxy_header(version, client.local(), kDialled) + "hello";
    EXPECT_EQ(server.read_exactly(expected.size()), expected);
    ASSERT_TRUE(server.write_all("and back"));
    EXPECT_EQ(client.read_exactly(8), "and back") << "nothing is added to what the machine says";
  }
}

TEST_P(Options, AnIdleConnectionIsResetAndABusyOneIsNot) {
  port.http.idle_timeout = std::chrono::seconds(2);
  start();
  Server listener(GetParam());
  Tcp idle = dial_web();
  Tcp idle_server = listener.accept();
  Tcp busy = dial_web();
  Tcp busy_server = listener.accept();
  ASSERT_TRUE(idle_server && busy_server);
  EXPECT_TRUE(eventually([&] {
    busy.write_all("x");
    return host1->stats().idle_timeouts == 1;
  }));
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_TRUE(idle.got_reset());
  EXPECT_EQ(idle_server.read_to_end(), "");
  EXPECT_TRUE(idle_server.got_reset());
  ASSERT_TRUE(busy_server.write_all("still here"));
  EXPECT_EQ(busy.read_exactly(10), "still here");
}

TEST_P(Options, EveryPortOfARangeLeadsToTheService) {
  port.first = 8000;
  port.last = 8002;
  start();
  Server listener(GetParam());
  for (std::uint16_t number : {std::uint16_t{8000}, std::uint16_t{8001}, std::uint16_t{8002}}) {
    Tcp client = dial(lab.machine(9), {kFlycast, number});
    EXPECT_TRUE(listener.accept()) << number;
    host1->on_loop([&] {
      auto said = host1->service().explain(kNetwork, "web", number);
      EXPECT_EQ(std::get<Explanation>(said).external_port, number);
    });
  }
  Tcp beyond = dial(lab.machine(9), {kFlycast, 8003});
  EXPECT_EQ(beyond.read_to_end(), "");
  EXPECT_TRUE(!beyond || beyond.got_reset());
}

INSTANTIATE_TEST_SUITE_P(Hops, Options, testing::Values(1u, 2u),
                         [](const auto& param) { return param.param == 1 ? "One" : "Two"; });

}  // namespace
}  // namespace sixpn::flycast
