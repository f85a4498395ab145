// A full or read-only disk: refused before anything is started, nothing lost, nothing left.
#include <gmock/gmock.h>
#include <sys/mount.h>

#include "tests/netns/machine/machine_fixture.h"

namespace sixpn::machine {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The state folder is a file system of its own, small enough to fill.
class Disk : public MachineFixture {
 protected:
  void SetUp() override {
    MachineFixture::SetUp();
    if (IsSkipped()) return;
    end_agent();
    ASSERT_EQ(mount("sxm", options.state_dir.c_str(), "tmpfs", 0, "size=256k"), 0);
    start_agent();
  }
  void TearDown() override {
    auto folder = options.state_dir;
    free_space();
    set_read_only(false);
    for (const auto& machine : service->list()) static_cast<void>(destroy(machine.record.id, true));
    end_agent();
    umount2(folder.c_str(), MNT_DETACH);
    start_agent();
    MachineFixture::TearDown();
  }
  void fill() { shell("cat /dev/zero >" + options.state_dir + "/ballast"); }
  void free_space() { shell("rm -f " + options.state_dir + "/ballast"); }
  void set_read_only(bool on) {
    mount("", options.state_dir.c_str(), "", MS_REMOUNT | (on ? MS_RDONLY : 0), "size=256k");
  }
};

TEST_F(Disk, FullRefusesBeforeAnythingStarts) {
  fill();
  auto outcome = run({"sleep", "6001"});
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("No space left on device"));
  EXPECT_THAT(calls, IsEmpty());
  EXPECT_TRUE(service->list().empty());
  EXPECT_EQ(shell("ls " + options.state_dir + "/machines"), "");
  free_space();
  EXPECT_TRUE(run({"sleep", "6001"}));
}

TEST_F(Disk, ReadOnlyRefusesBeforeAnythingStarts) {
  set_read_only(true);
  auto outcome = run({"sleep", "6002"});
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("Read-only file system"));
  EXPECT_THAT(calls, IsEmpty());
  EXPECT_TRUE(service->list().empty());
}

TEST_F(Disk, FillingUpMeanwhileLosesNoExit) {
  auto id = run_script("trap 'exit 8' USR1; echo up; while :; do sleep 0.02; done");
  ASSERT_TRUE(wait_for_log(id, "up"));
  auto pid = *local(id).pid;
  fill();
  kill(pid, SIGUSR1);
  ASSERT_TRUE(wait_for_state(id, MachineState::kStopped));
  EXPECT_EQ(local(id).exit->code, 8);
  // Nor is a stopped machine lost to a start that the disk does not allow.
  auto again = start(id);
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message, HasSubstr("No space left on device"));
  EXPECT_EQ(local(id).record.state, MachineState::kStopped);
  free_space();
  EXPECT_TRUE(start(id));
}

TEST_F(Disk, StoppingAndDestroyingNeedNoSpace) {
  auto id = run_script("exec sleep 6003");
  fill();
  EXPECT_TRUE(stop(id));
  EXPECT_TRUE(destroy(id));
  EXPECT_TRUE(find_sleepers("6003").empty());
  EXPECT_TRUE(service->list().empty());
}

}  // namespace
}  // namespace sixpn::machine
