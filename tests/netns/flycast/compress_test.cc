// Ports that compress, through real kernels: what the client gets of what the machine said, and
// when.
#include <gtest/gtest.h>

#include "tests/netns/flycast/http_words.h"
#include "tests/unit/flycast/gunzip.h"

namespace sixpn::flycast {
namespace {

struct Compress : testing::Test {
  Compress() {
    ServicePort& port = cluster.app.services[0].ports[0];
    port.handlers = {"http"};
    port.http.compress = true;
  }
  // The next chunk of a chunked body; "" at its end.
  static std::string read_chunk(Tcp& from) {
    std::string size;
    while (!size.ends_with("\r\n")) {
      std::string byte = from.read_exactly(1);
      if (byte.empty()) return "";
      size += byte;
    }
    std::string chunk = from.read_exactly(std::stoul(size, nullptr, 16));
    from.read_exactly(2);
    return chunk;
  }
  static std::string read_body(Tcp& from) {
    std::string body;
    for (std::string chunk = read_chunk(from); !chunk.empty(); chunk = read_chunk(from))
      body += chunk;
    return body;
  }
  static constexpr std::string_view kWilling =
      "GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip, br\r\n\r\n";
  static constexpr std::string_view kOther = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  TestCluster cluster = Lab::cluster_of({1});
};

TEST_F(Compress, ForThoseWhoAcceptIt) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  std::string text;
  for (int i = 0; text.size() < 1'000'000; ++i) text += std::to_string(i) + ",";
  ASSERT_TRUE(client.write_all(kWilling));
  Tcp machine = server.accept();
  EXPECT_TRUE(has(read_message(machine), "Accept-Encoding: gzip, br\r\n"));
  auto answered = std::async(std::launch::async, [&] {
    return machine.write_all(ok(text, "Content-Type: text/plain\r\nETag: \"a\"\r\n"));
  });
  std::string head = read_message(client);
  EXPECT_TRUE(has(head, "Content-Encoding: gzip\r\n") && has(head, "ETag: W/\"a\"\r\n")) << head;
  EXPECT_TRUE(has(head, "Vary: Accept-Encoding\r\n") && !has(head, "Content-Length")) << head;
  std::string coded = read_body(client);
  Gunzipped read = gunzip(coded);
  EXPECT_TRUE(answered.get() && read.whole && read.text == text);
  EXPECT_LT(coded.size(), text.size() / 2);

  ASSERT_TRUE(client.write_all(kOther));
  read_message(machine);
  ASSERT_TRUE(machine.write_all(ok(std::string(2000, 'x'), "Content-Type: text/plain\r\n")));
  head = read_message(client, 2000);
  EXPECT_TRUE(has(head, "Content-Length: 2000\r\n") && !has(head, "Content-Encoding")) << head;
  EXPECT_TRUE(has(head, "Vary: Accept-Encoding\r\n") && head.ends_with("xxx")) << head;
}

TEST_F(Compress, WhatIsSaidBitByBitComesBitByBit) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(kWilling));
  Tcp machine = server.accept();
  read_message(machine);
  ASSERT_TRUE(
      machine.write_all("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n"));
  EXPECT_TRUE(has(read_message(client), "Content-Encoding: gzip\r\n"));
  std::string coded, text;
  for (std::string event : {"data: one\n\n", "data: two\n\n"}) {
    ASSERT_TRUE(machine.write_all("b\r\n" + event + "\r\n"));
    text += event;
    while (gunzip(coded).text != text) {
      std::string chunk = read_chunk(client);
      ASSERT_NE(chunk, "");
      coded += chunk;
    }
  }
  ASSERT_TRUE(machine.write_all("0\r\n\r\n"));
  coded += read_body(client);
  EXPECT_TRUE(gunzip(coded).whole);
}

TEST_F(Compress, AResponseThatIsCutIsNotMadeWhole) {
  RunningHost host1(1, cluster);
  Server server(1);
  Tcp client = dial_web();
  ASSERT_TRUE(client.write_all(kWilling));
  Tcp machine = server.accept();
  read_message(machine);
  ASSERT_TRUE(
      machine.write_all("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                        "Content-Length: 5000\r\n\r\nhello"));
  EXPECT_TRUE(has(read_message(client), "Content-Encoding: gzip\r\n"));
  EXPECT_NE(read_chunk(client), "");
  machine.close();
  client.read_to_end();
  EXPECT_TRUE(client.got_reset());
}

}  // namespace
}  // namespace sixpn::flycast
