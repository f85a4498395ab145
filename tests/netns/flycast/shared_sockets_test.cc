// A child of the agent has its parent's sockets until it runs its program, and then so does an
// agent that takes over. Closing them then ends nothing: events go on, and must find nobody.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {
namespace {

// Has all descriptors of this process, as they are when it begins.
class Child {
 public:
  Child() : pid_(fork()) {
    if (pid_ == 0)
      while (true) pause();
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

 private:
  pid_t pid_;
};

struct SharedSockets : testing::Test {
  TestCluster cluster = Lab::cluster_of({1});
  // The proxy looks at its events.
  static void expect_served(Server& server) {
    for (int i = 0; i < 3; ++i) {
      Tcp client = dial_web();
      ASSERT_TRUE(client.write_all("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
      Tcp machine = server.accept();
      EXPECT_EQ(machine.read_exactly(4), "GET ");
    }
  }
};

// Reset for being idle, of which the client is not told; it goes on sending.
TEST_F(SharedSockets, ARelayThatHasEnded) {
  cluster.app.services[0].ports[0].http.idle_timeout = std::chrono::seconds(1);
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  Tcp machine = server.accept();
  ASSERT_TRUE(client.write_all("x"));
  ASSERT_EQ(machine.read_exactly(1), "x");
  Child child;
  ASSERT_TRUE(eventually([&] { return host1.stats().sessions == 0; }));
  for (int i = 0; i < 100; ++i) client.write_all("more");
  expect_served(server);
}

// A client whose request was refused: the connection lingers, then is closed.
TEST_F(SharedSockets, AnHttpClientThatSendsOn) {
  cluster.app.services[0].ports[0].handlers = {"http"};
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all("nonsense\r\n\r\n"));
  EXPECT_EQ(client.read_exactly(12), "HTTP/1.1 400");
  Child child;
  ASSERT_TRUE(eventually([&] { return host1.stats().sessions == 0; }));  // it lingers for 2 s
  for (int i = 0; i < 100; ++i) client.write_all("more");
  expect_served(server);
}

}  // namespace
}  // namespace sixpn::flycast
