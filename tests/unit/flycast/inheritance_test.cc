// What one proxy takes over from the one before it on this host, over the real unix socket.
#include "flycast/io/inheritance.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>

#include "flycast/io/handover_socket.h"

namespace sixpn::flycast {
namespace {

const IpEndpoint kClients{parse_ip("::1").value(), 7948};
const IpEndpoint kHops{parse_ip("fdaa::1").value(), 7947};
const ServiceKey kWeb{MachineId{1}, 80};
const ServiceKey kDb{MachineId{2}, 5432};

// A proxy that ends: says what it is told to, and then nothing more.
class InheritanceTest : public testing::Test {
 protected:
  std::string path = testing::TempDir() + "inheritance." + std::to_string(getpid());
  EventLoop loop{"test"};
  Admissions counts{loop};
  Inheritance inheritance{loop, counts};

  ~InheritanceTest() override { std::remove(path.c_str()); }

  bool meet(const std::vector<HandoverMessage>& said) {
    auto listener = listen_for_successor(path);
    EXPECT_TRUE(listener);
    bool met = false;
    // Its call waits in the listener's queue for us, and it for what we say.
    std::thread successor([&] { met = inheritance.meet(path, kClients, kHops); });
    Fd caller;
    while (!caller) caller = accept_successor(listener->get());
    for (const HandoverMessage& message : said)
      EXPECT_TRUE(send_packet(caller.get(), encode_handover(message), {}));
    caller.close();
    successor.join();
    return met;
  }
};

// Those who wait in the queues that it takes over are let in as soon as it listens.
TEST_F(InheritanceTest, WhatIsOpenOverThereCountsBeforeAnybodyIsLetIn) {
  ASSERT_TRUE(meet({{HandoverKind::kListeners, {}, 2},
                    {HandoverKind::kOpen, kWeb, 3},
                    {HandoverKind::kOpen, kDb, 1}}));
  EXPECT_EQ(counts.open(kWeb), 3u);
  EXPECT_EQ(counts.open(kDb), 1u);
  EXPECT_FALSE(counts.admit(kDb, 1));
}

TEST_F(InheritanceTest, WhatItSaysAfterThatIsLeftForWhenWeServe) {
  ASSERT_TRUE(meet({{HandoverKind::kListeners, {}, 1},
                    {HandoverKind::kOpen, kWeb, 3},
                    {HandoverKind::kOpen, kWeb, 5}}));
  EXPECT_EQ(counts.open(kWeb), 3u);
  inheritance.follow({[](Fd) { FAIL(); }, [](Fd) { FAIL(); }});
  EXPECT_EQ(counts.open(kWeb), 0u) << "it has ended, and what it had open with it";
  EXPECT_FALSE(inheritance.has_predecessor());
}

TEST_F(InheritanceTest, APredecessorThatDiesInTheMiddleIsFollowed) {
  ASSERT_TRUE(meet({{HandoverKind::kListeners, {}, 2}, {HandoverKind::kOpen, kWeb, 3}}));
  EXPECT_EQ(counts.open(kWeb), 3u);
  EXPECT_TRUE(inheritance.has_predecessor());
}

// An older build names no number: it tells all the same, when we serve.
TEST_F(InheritanceTest, NobodyIsWaitedForWhoNamesNoCounts) {
  ASSERT_TRUE(meet({{HandoverKind::kListeners, {}, 0}}));
  EXPECT_EQ(counts.all().size(), 0u);
}

TEST_F(InheritanceTest, WhoSpeaksOfSomethingElseLeavesNothing) {
  EXPECT_FALSE(meet({{HandoverKind::kOpen, kWeb, 3}}));
  EXPECT_EQ(counts.all().size(), 0u);
  EXPECT_FALSE(inheritance.has_predecessor());
}

}  // namespace
}  // namespace sixpn::flycast
