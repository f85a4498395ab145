// Whether a dead connection's last bytes can have been read: over the kernel's own loopback, for it
// is the kernel's words that are judged.
#include "flycast/io/unread.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "flycast/io/sockets.h"
#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {
namespace {

constexpr Ip6 kLoopback = Ip6::from_words({0, 0, 0, 0, 0, 0, 0, 1});

// One byte was sent, read and acknowledged; what comes then is the test's.
struct Pair {
  Pair() {
    auto listening = listen_on({kLoopback, 0});
    auto opened = open_stream(kLoopback, SourceKind::kOwn);
    auto at = local_endpoint(listening->get());
    begin_connect(opened->get(), *at);
    EXPECT_TRUE(eventually([&] {
      auto accepted = accept_stream(listening->get());
      if (accepted) theirs = std::move(*accepted);
      return static_cast<bool>(theirs);
    }));
    ours = std::move(*opened);
    EXPECT_EQ(send(ours.get(), "a", 1, MSG_NOSIGNAL), 1);
    read_theirs();
  }
  void read_theirs() {
    char byte = 0;
    EXPECT_TRUE(eventually([&] { return recv(theirs.get(), &byte, 1, 0) == 1; }));
  }
  void send_more() { EXPECT_EQ(send(ours.get(), "b", 1, MSG_NOSIGNAL), 1); }
  // What recv() says at the end: 0, or an errno.
  int end() {
    char byte = 0;
    ssize_t got = -1;
    EXPECT_TRUE(eventually([&] {
      got = recv(ours.get(), &byte, 1, 0);
      return got == 0 || errno != EAGAIN;
    }));
    return got == 0 ? 0 : errno;
  }
  void close_cleanly() {
    allow_clean_close(theirs.get());
    theirs.close();
  }
  Fd ours;
  Fd theirs;
};

TEST(Unread, WhatCameAfterTheClose) {
  Pair pair;
  pair.close_cleanly();
  pair.send_more();
  EXPECT_EQ(pair.end(), 0);
  EXPECT_TRUE(eventually([&] { return is_reset(pair.ours.get()); }));
  EXPECT_TRUE(closed_before(pair.ours.get(), 1));
}

TEST(Unread, NotWhatWasReadBeforeTheClose) {
  Pair pair;
  pair.send_more();
  pair.read_theirs();
  pair.close_cleanly();
  EXPECT_EQ(pair.end(), 0);
  EXPECT_FALSE(closed_before(pair.ours.get(), 1));
}

// Nor when more came behind the close, and was reset.
TEST(Unread, NotWhatWasReadBeforeTheCloseThoughMoreWasNot) {
  Pair pair;
  pair.send_more();
  pair.read_theirs();
  pair.close_cleanly();
  pair.send_more();
  EXPECT_EQ(pair.end(), 0);
  EXPECT_TRUE(eventually([&] { return is_reset(pair.ours.get()); }));
  EXPECT_FALSE(closed_before(pair.ours.get(), 1));
}

TEST(Unread, NotWhenTheEndIsAReset) {
  Pair pair;
  pair.send_more();
  pair.read_theirs();
  pair.theirs.close();
  EXPECT_EQ(pair.end(), ECONNRESET);
  EXPECT_FALSE(closed_before(pair.ours.get(), 1)) << "it was read";
}

TEST(Unread, NotWhenOnlyOneDirectionEnded) {
  Pair pair;
  EXPECT_EQ(shutdown(pair.theirs.get(), SHUT_WR), 0);
  pair.send_more();
  EXPECT_EQ(pair.end(), 0);
  EXPECT_FALSE(closed_before(pair.ours.get(), 1));
}

}  // namespace
}  // namespace sixpn::flycast
