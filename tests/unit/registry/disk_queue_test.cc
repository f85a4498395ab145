// The queue before a disk that hangs: SQLite's own writes wait here until the test lets them go.
#include "registry/io/disk_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>

#include "base/io/clock.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const sim::TestCluster kCluster;
constexpr auto kPatience = std::chrono::milliseconds(50);

// Where a write of SQLite's stops while the disk hangs.
class Gate {
 public:
  void close() { set(true); }
  void open() { set(false); }
  void pass() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !closed_; });
  }

 private:
  void set(bool closed) {
    std::lock_guard lock(mutex_);
    closed_ = closed;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
};
Gate gate;

ssize_t gated_write(int file, const void* bytes, std::size_t size, off_t offset) {
  gate.pass();
  return ::pwrite(file, bytes, size, offset);
}

class DiskQueueTest : public testing::Test {
 protected:
  void SetUp() override {
    set_writer(reinterpret_cast<sqlite3_syscall_ptr>(gated_write));
    std::string pattern = fs::temp_directory_path() / "sixpn-queue-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    auto disk = Disk::open(folder_);
    ASSERT_TRUE(disk) << disk.error().message;
    queue_ = std::make_unique<DiskQueue>(
        control_, std::move(*disk), [](const Disk::Setback&) {}, kPatience);
  }
  void TearDown() override {
    gate.open();
    queue_.reset();
    fs::remove_all(folder_);
    set_writer(nullptr);
  }
  static void set_writer(sqlite3_syscall_ptr writer) {
    sqlite3_vfs* files = sqlite3_vfs_find(nullptr);
    for (const char* name : {"pwrite", "pwrite64"}) files->xSetSystemCall(files, name, writer);
  }

  void put(unsigned index) {
    auto record =
        host_.sign(test::make_owned_record(host_, test::make_machine(host_, index), 1, 1));
    queue_->put(slot_of(record->record), record);
  }
  // Runs the control loop until `over`; false after a time that no step takes.
  void run_until(std::function<bool()> over) {
    const Instant end = monotonic_now() + std::chrono::seconds(20);
    bool is_over = false;
    LoopTimer look(control_, [&] {
      is_over = over();
      if (is_over || monotonic_now() > end) return control_.stop();
      look.arm_after(std::chrono::milliseconds(5));
    });
    look.arm_after(Duration::zero());
    control_.run();
    EXPECT_TRUE(is_over);
  }

  std::string folder_;
  sim::EnrolledHost host_ = kCluster.enrol(1);
  EventLoop control_{"control"};
  std::unique_ptr<DiskQueue> queue_;
};

TEST_F(DiskQueueTest, ADiskThatHangsIsToldAndHoldsNobodyUp) {
  enum { kFirst, kHung, kAfter, kEnd } stage = kFirst;
  int answered = 0;
  auto count = [&] { ++answered; };
  put(1);
  queue_->flush(count);
  std::optional<Error> while_hung;
  run_until([&] {
    if (stage == kFirst && answered == 1 && !queue_->error()) {  // an ordinary write, before
      gate.close();
      put(2);
      queue_->flush(count);
      put(3);
      queue_->flush(count);  // waits for the one before
      stage = kHung;
    } else if (stage == kHung && answered == 3) {
      while_hung = queue_->error();
      put(4);
      queue_->flush(count);  // told at once
      stage = kAfter;
    } else if (stage == kAfter && answered == 4) {
      EXPECT_TRUE(queue_->error());
      gate.open();
      stage = kEnd;
    }
    return stage == kEnd && !queue_->error();
  });
  ASSERT_TRUE(while_hung);
  EXPECT_THAT(while_hung->message, HasSubstr("hangs"));
  queue_.reset();
  auto disk = Disk::open(folder_);
  ASSERT_TRUE(disk) << disk.error().message;
  EXPECT_EQ((*disk)->read()->records.size(), 4U);
}

}  // namespace
}  // namespace sixpn::registry
