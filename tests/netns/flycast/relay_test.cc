// A relay loop alone, between TCP streams over a loopback: many short streams, and one that changes
// between copying and splicing again and again.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "base/io/service_notify.h"
#include "base/io/watchdog.h"
#include "base/rng.h"
#include "flycast/io/relay_loop.h"
#include "flycast/io/sockets.h"
#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {
namespace {

struct RelayStage : testing::Test {
  std::mutex mutex;
  std::set<SessionId> ended;
  std::unique_ptr<RelayLoop> loop = start();
  SessionId last_id = 0;

  std::unique_ptr<RelayLoop> start() {
    auto on_ended = [this](auto ids) {
      std::lock_guard lock(mutex);
      ended.insert(ids.begin(), ids.end());
    };
    auto started = RelayLoop::start("relay", std::chrono::seconds(15), on_ended, [](auto) {});
    return std::move(*started);
  }
  bool has_ended(SessionId id) {
    return eventually([&] {
      std::lock_guard lock(mutex);
      return ended.contains(id);
    });
  }
  // The outer ends of two streams that are joined.
  std::pair<Tcp, Tcp> join() {
    auto [client, ours] = make_stream();
    auto [theirs, server] = make_stream();
    for (int fd : {ours.get(), theirs.get()}) fcntl(fd, F_SETFL, O_NONBLOCK);
    loop->add({++last_id, std::move(ours), std::move(theirs)});
    return {Tcp(std::move(client)), Tcp(std::move(server))};
  }
};

std::string random_bytes(Rng& rng, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng());
  return bytes;
}

// Of this process: as large as those of the pool, which alone has such.
int large_pipes() {
  int ends = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    int size = fcntl(std::stoi(entry.path().filename()), F_GETPIPE_SZ);
    ends += size >= PipePool::kPipeBytes / 10;
  }
  return ends / 2;
}

// nginx's stream relay fails each of these: one end says all it has to say and ends, then the
// other.
TEST_F(RelayStage, EachHalfOfManyStreamsArrivesWholeAndEnds) {
  Rng rng(3);
  const std::pair<std::size_t, int> kinds[] = {{10, 300}, {100'000, 100}, {2'000'000, 15}};
  for (auto [size, rounds] : kinds) {
    std::string request = random_bytes(rng, size);
    std::string answer = random_bytes(rng, size);
    for (int i = 0; i < rounds; ++i) {
      auto [client, server] = join();
      auto say = [](Tcp& end, const std::string& bytes) {
        EXPECT_TRUE(end.write_all(bytes));
        end.send_fin();
      };
      std::jthread asks([&, &client = client] { say(client, request); });
      ASSERT_TRUE(server.read_to_end() == request) << size;
      ASSERT_TRUE(server.ended());
      asks.join();
      std::jthread answers([&, &server = server] { say(server, answer); });
      ASSERT_TRUE(client.read_to_end() == answer) << size;
      ASSERT_TRUE(client.ended());
      answers.join();
      ASSERT_TRUE(has_ended(last_id));
    }
  }
}

// Small writes end splicing, large ones bring it back; the reader is slower, so pipes and held
// bytes wait for it.
TEST_F(RelayStage, ChangesBetweenCopyAndSpliceLoseNothing) {
  constexpr int kBlocks = 300;
  auto [client, server] = join();
  std::jthread writer([&, &client = client] {
    Rng rng(5);
    for (int i = 0; i < kBlocks; ++i) {
      std::size_t size = i % 20 < 10 ? 1 + rng.below(2000) : 1 + rng.below(400'000);
      if (!client.write_all(random_bytes(rng, size))) return;
    }
    client.send_fin();
  });
  Rng rng(5);
  for (int i = 0; i < kBlocks; ++i) {
    std::size_t size = i % 20 < 10 ? 1 + rng.below(2000) : 1 + rng.below(400'000);
    std::string expected = random_bytes(rng, size);
    ASSERT_TRUE(server.read_exactly(size) == expected) << i;
  }
  EXPECT_EQ(server.read_to_end(), "");
  EXPECT_TRUE(server.ended());
  writer.join();
  server.send_fin();
  EXPECT_TRUE(has_ended(last_id));
  EXPECT_GT(loop->counts().bytes, 0u);
}

// Bulk goes through pipes, which are lent by a pool: one stream after the other takes the same.
// Small exchanges have none.
TEST_F(RelayStage, BulkIsSplicedThroughPipesOfAPool) {
  Rng rng(7);
  const std::string bulk = random_bytes(rng, 8'000'000);
  const std::string small = random_bytes(rng, 1000);
  auto pass = [&](const std::string& bytes, int times) {
    auto [client, server] = join();
    std::jthread writer([&, &client = client] {
      for (int i = 0; i < times; ++i) EXPECT_TRUE(client.write_all(bytes));
      client.send_fin();
    });
    for (int i = 0; i < times; ++i) ASSERT_TRUE(server.read_exactly(bytes.size()) == bytes);
    server.send_fin();
    ASSERT_TRUE(has_ended(last_id));
  };
  const int before = large_pipes();
  pass(small, 100);
  EXPECT_EQ(large_pipes(), before) << "these are copied";
  for (int i = 0; i < 5; ++i) {
    pass(bulk, 1);
    EXPECT_EQ(large_pipes(), before + 1) << "round " << i;
  }
}

// A round of 10 ms stands for a second: a limit of 30 s passes in 0.3 s.
TEST_F(RelayStage, TheWatchdogNoticesOneThatHangs) {
  auto name = std::make_shared<std::promise<std::string>>();
  auto told = std::make_shared<std::atomic<bool>>(false);
  Watchdog::Options options;
  options.limit = std::chrono::milliseconds(300);
  options.round = std::chrono::milliseconds(10);
  options.on_fatal = [name, told](const std::string& hanging, Duration) {
    if (!told->exchange(true)) name->set_value(hanging);
  };
  auto other = start();
  std::promise<void> release;
  ServiceNotify nobody = ServiceNotify::from_environment();
  auto watched = [](const std::string& as, RelayLoop& relay) {
    return Watched(as, [&relay](std::function<void()> task) { relay.post(std::move(task)); });
  };
  Watchdog watchdog({watched("idle", *other), watched(loop->name(), *loop)}, nobody, options);
  auto [client, server] = join();
  ASSERT_TRUE(client.write_all("ping"));
  EXPECT_EQ(server.read_exactly(4), "ping") << "it runs";
  loop->post([&] { release.get_future().wait(); });
  auto noticed = name->get_future();
  ASSERT_EQ(noticed.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_EQ(noticed.get(), "relay");
  release.set_value();
}

}  // namespace
}  // namespace sixpn::flycast
