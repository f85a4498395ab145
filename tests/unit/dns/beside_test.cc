// Own names beside foreign ones: what the others make the answering thread do before it answers.
#include <dirent.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <memory>

#include "flood.h"
#include "forwarding_fixture.h"

namespace sixpn::dns::testing {
namespace {

constexpr const char* kWorker = "sixpn-dns-0";
// What forwarding may hold an answer of ours up by.
constexpr auto kMost = 1ms;
constexpr int kForeignEach = 4;
constexpr int kRounds = 400;

// The thread of this process that has this name.
int thread_named(const std::string& name) {
  std::unique_ptr<DIR, int (*)(DIR*)> tasks(opendir("/proc/self/task"), closedir);
  while (dirent* entry = readdir(tasks.get())) {
    std::string said;
    std::ifstream("/proc/self/task/" + std::string(entry->d_name) + "/comm") >> said;
    if (said == name) return std::atoi(entry->d_name);
  }
  return 0;
}

// Processor time that a thread has had: what others on this machine want does not count in it.
std::chrono::nanoseconds worked(int thread) {
  constexpr clockid_t kPerThread = 6;  // clock_getcpuclockid(3), for a thread's id
  timespec time{};
  EXPECT_EQ(clock_gettime((~static_cast<clockid_t>(thread) << 3) | kPerThread, &time), 0);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

class Beside : public Forwarding {
 protected:
  // Asks for own names, each behind some foreign ones that nobody has asked for yet. What the
  // worker did from then until the answer was here: of nine in ten, no more than this.
  std::chrono::nanoseconds work_per_answer(const IpEndpoint& upstream) {
    auto chosen = options();
    chosen.forward = quiet();
    chosen.upstreams = {upstream};
    chosen.threads = 1;
    start(chosen);
    ask({});  // so it runs, and has its name
    int worker = thread_named(kWorker);
    EXPECT_NE(worker, 0);
    UdpClient others(four());
    std::vector<std::chrono::nanoseconds> work;
    for (int i = 0; i < kRounds; ++i) {
      auto before = worked(worker);
      for (int k = 0; k < kForeignEach; ++k)
        others.send(encode({.name = "n" + std::to_string(i * kForeignEach + k) + ".example"}));
      EXPECT_EQ(ask({.name = "iad.web.internal"}).answers.size(), 1U);
      work.push_back(worked(worker) - before);
    }
    std::sort(work.begin(), work.end());
    return work[work.size() * 9 / 10];
  }
};

TEST_F(Beside, AnUpstreamThatAnswers) {
  Upstream upstream(always(0x8180, {a_record(1)}));
  EXPECT_LT(work_per_answer(upstream.endpoint()), kMost);
  EXPECT_GT(upstream.queries(), kRounds);
}

TEST_F(Beside, ADeadUpstream) {
  Upstream upstream(kSilent);
  EXPECT_LT(work_per_answer(upstream.endpoint()), kMost);
  EXPECT_GT(upstream.queries(), 0);
}

TEST_F(Beside, AnUpstreamThatFloods) {
  Flood flood;
  EXPECT_LT(work_per_answer(flood.endpoint()), kMost);
  EXPECT_GT(flood.sent(), 1000U);
}

}  // namespace
}  // namespace sixpn::dns::testing
