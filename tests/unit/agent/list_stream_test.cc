// Long lists as replies: whole at any budget, and over a real socket to clients of both versions.
#include "agent/list_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <cstring>

#include "base/fd.h"

namespace sixpn::agent {
namespace {

using ::testing::HasSubstr;

ListStream::Next numbers(int count) {
  return [count, at = 0](std::string& text) mutable {
    if (at == count) return false;
    text += std::to_string(at++);
    return true;
  };
}

TEST(ListStream, IsTheSameAtAnyBudget) {
  for (std::size_t budget : {1u, 2u, 7u, 1000u}) {
    ListStream list("{\"all\":[", numbers(12), "]}");
    std::string whole;
    while (!list.ended()) {
      std::string piece = list.next(budget);
      EXPECT_LE(piece.size(), budget + 12);
      ASSERT_FALSE(piece.empty());
      whole += piece;
    }
    EXPECT_EQ(whole, "{\"all\":[0,1,2,3,4,5,6,7,8,9,10,11]}") << budget;
    EXPECT_EQ(list.next(budget), "");
  }
}

TEST(ListStream, OfNothing) {
  ListStream list("[", numbers(0), "]");
  EXPECT_EQ(list.next(100), "[]");
  EXPECT_TRUE(list.ended());
}

// What a client reads that says nothing more, and shuts its half down.
std::string reply_to(const std::string& request, int count) {
  const std::string path = testing::TempDir() + "sixpn-list-" + std::to_string(getpid()) + ".sock";
  EventLoop loop("admin");
  AdminServer server(loop, path, [count](const ApiRequest&, const ApiResponder& reply) {
    ApiReply answer;
    answer.stream = std::make_shared<ListStream>("[", numbers(count), "]");
    answer.body = answer.stream->next(10);
    reply(answer);
  });
  EXPECT_TRUE(server.start());
  loop.start_thread();
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::strncpy(to.sun_path, path.c_str(), sizeof to.sun_path - 1);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  EXPECT_EQ(write(fd.get(), request.data(), request.size()), static_cast<ssize_t>(request.size()));
  shutdown(fd.get(), SHUT_WR);
  std::string all;
  char buffer[65536];
  for (ssize_t got = 0; (got = read(fd.get(), buffer, sizeof buffer)) > 0;)
    all.append(buffer, static_cast<std::size_t>(got));
  loop.stop();
  loop.join();
  return all;
}

// Takes the chunks of a body apart (RFC 9112 section 7.1).
std::string joined(std::string_view chunks) {
  std::string whole;
  while (true) {
    std::size_t line = chunks.find("\r\n");
    if (line == std::string_view::npos) return whole + "<cut>";
    std::size_t size = std::stoul(std::string(chunks.substr(0, line)), nullptr, 16);
    if (size == 0) return whole;
    whole += chunks.substr(line + 2, size);
    chunks.remove_prefix(line + 2 + size + 2);
  }
}

TEST(ListStream, ReachesTheClientWhole) {
  constexpr int kCount = 300'000;  // more than any buffer on its way
  std::string reply = reply_to("GET /v1/machines HTTP/1.1\r\nHost: x\r\n\r\n", kCount);
  std::size_t body = reply.find("\r\n\r\n") + 4;
  EXPECT_THAT(reply.substr(0, body), HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(reply.substr(0, body), HasSubstr("Transfer-Encoding: chunked\r\n"));
  auto list = boost::json::parse(joined(std::string_view(reply).substr(body)));
  EXPECT_EQ(list.as_array().size(), std::size_t{kCount});
}

TEST(ListStream, ReachesAnOldClientWhole) {
  std::string reply = reply_to("GET /v1/machines HTTP/1.0\r\n\r\n", 300'000);
  std::size_t body = reply.find("\r\n\r\n") + 4;
  EXPECT_EQ(reply.substr(0, body).find("chunked"), std::string::npos);
  EXPECT_EQ(boost::json::parse(reply.substr(body)).as_array().size(), 300'000u);
}

}  // namespace
}  // namespace sixpn::agent
