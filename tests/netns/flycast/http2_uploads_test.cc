// Bodies of HTTP/2 that no machine takes: what the proxy holds of many, and whom that hinders.
#include <gtest/gtest.h>

#include "tests/netns/flycast/http2_peer.h"
#include "tests/netns/flycast/http_words.h"

namespace sixpn::flycast {
namespace {

using namespace frames;

constexpr std::size_t kConnections = 100;
constexpr std::uint32_t kUploads = 8;

// Says bodies without an end, as far as its windows allow, until nothing is taken any more.
struct Uploader {
  explicit Uploader(Tcp tcp) : peer(std::move(tcp)) {}

  void run() {
    ASSERT_TRUE(peer.say(hello()));
    for (std::uint32_t stream = 1; stream < 2 * kUploads; stream += 2)
      ASSERT_TRUE(peer.say(frame(kHeaders, kEndHeaders, stream, post_fields())));
    auto settings = peer.next(kSettings);
    ASSERT_TRUE(settings);
    std::size_t at = settings->payload.find(std::string("\0\4", 2));  // INITIAL_WINDOW_SIZE
    ASSERT_NE(at, std::string::npos);
    const Frame value{kWindowUpdate, 0, 0, settings->payload.substr(at + 2)};
    for (std::uint32_t stream = 1; stream < 2 * kUploads; stream += 2)
      windows[stream] = value.error();
    windows[0] = 65535;
    do {
      send();
    } while (take_window());
  }

  void send() {
    const std::string piece(16384, 'x');
    for (auto& [stream, window] : windows) {
      while (stream != 0) {
        std::size_t size = std::min({piece.size(), window, windows[0]});
        if (size == 0) break;
        if (!peer.say(frame(kData, 0, stream, std::string_view(piece).substr(0, size)))) return;
        window -= size;
        windows[0] -= size;
      }
    }
  }

  bool take_window() {
    auto update = peer.next(kWindowUpdate);
    if (update) windows[update->stream] += update->error();
    return update.has_value();
  }

  Http2Peer peer;
  std::map<std::uint32_t, std::size_t> windows;
};

// A body of which the machine takes every piece, each as large as the window allows: an update of
// less than half a window may wait for the next. How much more the client may send than it did, in
// the end; nothing when it could not go on.
std::optional<std::size_t> window_of_one_that_moves(Server& server) {
  Http2Peer peer(dial_web());
  if (!peer.say(hello()) || !peer.next(kSettings)) return {};
  std::size_t left = 40 * 16384;
  const std::string length = field("content-length", std::to_string(left + 1));
  if (!peer.say(frame(kHeaders, kEndHeaders, 1, post_fields() + length + field("x-moves", "1"))))
    return {};
  Tcp machine = server.accept();
  while (machine && !has(read_message(machine), "x-moves")) machine = server.accept();
  std::size_t window = kHttp2FirstWindow;
  while (left != 0) {
    while (window == 0) {
      auto update = peer.next(kWindowUpdate);
      if (!update) return {};
      if (update->stream == 1) window += update->error();
    }
    const std::string piece(std::min({window, left, std::size_t{16384}}), 'y');
    if (!peer.say(frame(kData, 0, 1, piece))) return {};
    window -= piece.size();
    left -= piece.size();
    if (machine.read_exactly(piece.size()) != piece) return {};
  }
  while (auto update = peer.next(kWindowUpdate))
    if (update->stream == 1) window += update->error();
  return window;
}

// Each request may have a little of its body here; more while there is room in all.
TEST(Http2Uploads, ThatNobodyTakesAreBoundedAndHinderNobody) {
  TestCluster cluster = Lab::cluster_of({1});
  cluster.app.services[0].ports[0].handlers = {"http"};
  cluster.app.services[0].soft_limit = cluster.app.services[0].hard_limit = 0;
  RunningHost host1(1, cluster);
  Server server(1, 4096);
  auto alone = window_of_one_that_moves(server);
  ASSERT_TRUE(alone);
  EXPECT_GT(*alone, kHttp2StreamWindow / 2);

  std::vector<std::unique_ptr<Uploader>> uploaders;
  for (std::size_t i = 0; i < kConnections; ++i)
    uploaders.push_back(std::make_unique<Uploader>(dial_web()));
  std::vector<std::future<void>> running;
  for (auto& each : uploaders)
    running.push_back(std::async(std::launch::async, [&each] { each->run(); }));
  for (auto& each : running) each.wait();
  std::vector<Tcp> machines;
  for (std::size_t i = 0; i < kConnections * kUploads; ++i) machines.push_back(server.accept());
  auto among_them = window_of_one_that_moves(server);
  ASSERT_TRUE(among_them);
  EXPECT_LE(*among_them, kHttp2StreamWindow / 4);
}

}  // namespace
}  // namespace sixpn::flycast
