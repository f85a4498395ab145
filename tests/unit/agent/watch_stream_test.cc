// Watching over a real socket: chunks arrive, a slow client is let go, an end is noticed.
#include "agent/watch_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <future>

#include "agent/admin_server.h"
#include "base/fd.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::agent {
namespace {

using ::testing::HasSubstr;

const sim::TestCluster kCluster;

class WatchStreamTest : public testing::Test {
 protected:
  WatchStreamTest()
      : path_(testing::TempDir() + "sixpn-watch-" + std::to_string(getpid()) + ".sock"),
        loop_("admin"),
        hub_(std::make_unique<WatchHub>(loop_)),
        server_(loop_, path_, [this](const ApiRequest&, const ApiResponder& reply) {
          auto stream = hub_->watch({});
          ApiReply answer;
          if (!stream) {
            answer.status = 503;
            answer.body = stream.error().message;
          } else {
            answer.stream = *stream;
            answer.content_type = "application/x-ndjson";
          }
          reply(answer);
        }) {
    hub_->publish(std::make_shared<Snapshot>(now_));
    EXPECT_TRUE(server_.start());
    loop_.start_thread();
  }
  ~WatchStreamTest() override {
    loop_.stop();
    loop_.join();
  }

  Fd watch() {
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::strncpy(to.sun_path, path_.c_str(), sizeof to.sun_path - 1);
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    const std::string request = "GET /v1/registry/watch HTTP/1.1\r\nHost: sixpn\r\n\r\n";
    EXPECT_EQ(write(fd.get(), request.data(), request.size()),
              static_cast<ssize_t>(request.size()));
    return fd;
  }
  // Reads until `wanted` has come, the server closes, or ten seconds have passed.
  static std::string read_until(const Fd& fd, const std::string& wanted) {
    std::string got;
    char buffer[65536];
    pollfd ready{fd.get(), POLLIN, 0};
    while (got.find(wanted) == std::string::npos && poll(&ready, 1, 10'000) == 1) {
      ssize_t n = read(fd.get(), buffer, sizeof buffer);
      if (n <= 0) break;
      got.append(buffer, static_cast<std::size_t>(n));
    }
    return got;
  }
  void publish_machine(unsigned number, std::size_t metadata_bytes = 0) {
    auto view = std::make_shared<NetworkView>();
    if (!now_.networks.empty()) *view = *now_.networks.begin()->second;
    view->network = {test::kTestNetwork, "acme", "default"};
    auto machine = test::make_machine(host_, number);
    if (metadata_bytes > 0)
      machine.metadata.try_emplace(
          "note", std::string(metadata_bytes, static_cast<char>('a' + number % 26)));
    view->machines[MachineId{1}] = std::make_shared<MachineRecord>(machine);
    now_.networks[test::kTestNetwork] = view;
    ++now_.generation;
    auto snapshot = std::make_shared<Snapshot>(now_);
    std::promise<void> done;
    loop_.post([&] {
      hub_->publish(snapshot);
      done.set_value();
    });
    done.get_future().wait();
  }

  std::string path_;
  sim::EnrolledHost host_ = kCluster.enrol(1);
  Snapshot now_;
  EventLoop loop_;
  std::unique_ptr<WatchHub> hub_;
  AdminServer server_;
};

TEST_F(WatchStreamTest, ChangesArriveAsTheyComeInChunks) {
  Fd fd = watch();
  std::string head = read_until(fd, R"("type":"at")");
  EXPECT_THAT(head, HasSubstr("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(head, HasSubstr("Content-Type: application/x-ndjson\r\n"));
  publish_machine(7);
  std::string change = read_until(fd, R"("type":"at","generation":1)");
  EXPECT_THAT(change, HasSubstr(R"("type":"change","generation":1,"kind":"machine")"));
}

TEST_F(WatchStreamTest, WatchersAreBoundedAndTheirEndIsNoticed) {
  std::vector<Fd> fds;
  for (std::size_t i = 0; i < kMaxWatchers; ++i) {
    fds.push_back(watch());
    read_until(fds.back(), R"("type":"at")");
  }
  EXPECT_THAT(read_until(watch(), "most"), HasSubstr("HTTP/1.1 503"));
  fds.pop_back();
  // The server sees the end of a connection in its own time.
  std::string answer;
  for (int i = 0; i < 1000 && answer.find("\"at\"") == std::string::npos; ++i)
    answer = read_until(watch(), R"("at")");
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200"));
}

TEST_F(WatchStreamTest, AClientThatDoesNotReadIsLetGoWithAReason) {
  Fd fd = watch();
  read_until(fd, R"("type":"at")");
  // More than the socket and the history hold together.
  for (unsigned i = 1; i <= 3 * kMaxWatchHistoryBytes / 200'000; ++i) publish_machine(i, 200'000);
  std::string rest = read_until(fd, R"("type":"end")");
  EXPECT_THAT(rest, HasSubstr("this watcher was too slow"));
  EXPECT_EQ(read_until(fd, "never").find("never"), std::string::npos);  // closed
}

}  // namespace
}  // namespace sixpn::agent
