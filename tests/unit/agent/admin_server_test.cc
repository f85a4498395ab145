#include "agent/admin_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "base/fd.h"

namespace sixpn::agent {
namespace {

using ::testing::HasSubstr;

class AdminServerTest : public ::testing::Test {
 protected:
  AdminServerTest()
      : path_(::testing::TempDir() + "sixpn-admin-" + std::to_string(getpid()) + ".sock"),
        loop_("admin"),
        server_(loop_, path_, [](ApiRequest request, ApiResponder reply) {
          reply({200, request.method + " " + request.target + " " + request.body});
        }) {}

  void start() {
    ASSERT_TRUE(server_.start());
    loop_.start_thread();
  }
  ~AdminServerTest() override {
    loop_.stop();
    loop_.join();
  }

  // Sends bytes and reads until the server closes or `stop_at` appears.
  [[nodiscard]] std::string exchange(const std::string& bytes, const std::string& stop_at) const {
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::strncpy(to.sun_path, path_.c_str(), sizeof to.sun_path - 1);
    if (connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return "no connection";
    if (write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      return "short write";
    std::string got;
    char buffer[4096];
    while (got.find(stop_at) == std::string::npos) {
      ssize_t n = read(fd.get(), buffer, sizeof buffer);
      if (n <= 0) break;
      got.append(buffer, static_cast<std::size_t>(n));
    }
    return got;
  }

  std::string path_;
  EventLoop loop_;
  AdminServer server_;
};

TEST_F(AdminServerTest, AnswersAndKeepsTheConnection) {
  start();
  auto got = exchange(
      "POST /v1/x?y=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
      "GET /two HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /two ");
  EXPECT_THAT(got, HasSubstr("POST /v1/x?y=1 hi"));
  EXPECT_THAT(got, HasSubstr("GET /two "));
}

TEST_F(AdminServerTest, GarbageClosesOnlyItsOwnConnection) {
  start();
  EXPECT_THAT(exchange(std::string(3000, '\xff') + "\r\n\r\n", "never"),
              ::testing::Not(HasSubstr("200 OK")));
  EXPECT_THAT(exchange("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n", "GET /ok"), HasSubstr("200 OK"));
}

TEST_F(AdminServerTest, AGiantBodyIsRefusedInWords) {
  start();
  auto got = exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", "MiB");
  EXPECT_THAT(got, HasSubstr("413"));
  EXPECT_THAT(got, HasSubstr("larger than 1 MiB"));
}

TEST_F(AdminServerTest, TheSocketIsForItsOwnerOnly) {
  start();
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(AdminServerTest, APathThatIsTooLongIsNamed) {
  AdminServer other(loop_, "/" + std::string(200, 'x'), nullptr);
  auto refused = other.start();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("longer than a unix socket allows"));
}

}  // namespace
}  // namespace sixpn::agent
