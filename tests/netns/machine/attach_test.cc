// Namespaces that someone else made: joined to the network and left, never made, entered or
// removed.
#include <gmock/gmock.h>

#include "tests/netns/machine/machine_fixture.h"

namespace sixpn::machine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Attach : public MachineFixture {
 protected:
  void SetUp() override {
    MachineFixture::SetUp();
    if (IsSkipped()) return;
    name_ = "sxm-" + std::to_string(getpid());
    path_ = "/run/netns/" + name_;
    shell("ip netns add " + name_);
  }
  void TearDown() override {
    MachineFixture::TearDown();
    shell("ip netns delete " + name_);
  }
  void make_anew() { shell("ip netns delete " + name_ + "; ip netns add " + name_); }

  std::string name_;
  std::string path_;
};

TEST_F(Attach, StopDetachesAndStartAttachesAgain) {
  auto outcome = attach(path_);
  ASSERT_TRUE(outcome) << outcome.error().message;
  auto id = outcome->id;
  EXPECT_THAT(calls, ElementsAre("publish starting", "attach", "publish started"));
  EXPECT_EQ(local(id).kind, MachineKind::kAttached);
  EXPECT_EQ(local(id).netns_path, path_);
  EXPECT_EQ(service->attachments().size(), 1u);
  calls.clear();
  ASSERT_TRUE(stop(id));
  EXPECT_THAT(calls, ElementsAre("withdraw stopping", "detach", "publish stopped"));
  EXPECT_TRUE(service->attachments().empty());
  ASSERT_TRUE(start(id));
  EXPECT_EQ(local(id).record.state, MachineState::kStarted);
  ASSERT_TRUE(destroy(id, true));
  EXPECT_TRUE(exists(path_));  // never ours to remove
}

TEST_F(Attach, SaysWhatIsWrongWithThePath) {
  EXPECT_THAT(attach("/run/netns/no-such").error().message,
              HasSubstr("/run/netns/no-such: No such file or directory"));
  EXPECT_THAT(attach("/etc/passwd").error().message,
              HasSubstr("/etc/passwd: not a network namespace"));
  EXPECT_THAT(attach("/proc/self/ns/mnt").error().message, HasSubstr("not a network namespace"));
  EXPECT_THAT(attach("/proc/self/ns/net").error().message,
              HasSubstr("the host's own network namespace"));
  EXPECT_TRUE(service->list().empty());
  EXPECT_EQ(shell("ls " + options.state_dir + "/machines"), "");
}

TEST_F(Attach, OneNamespaceIsOneMachine) {
  auto first = attach(path_);
  ASSERT_TRUE(first);
  EXPECT_THAT(attach(path_).error().message,
              HasSubstr(path_ + " is already machine " + to_string(first->id) + " of app db"));
  auto id = run_script("exec sleep 1000");
  auto other_name = "/proc/" + std::to_string(*local(id).pid) + "/ns/net";
  EXPECT_THAT(attach(other_name).error().message, HasSubstr("is already machine " + to_string(id)));
  ASSERT_TRUE(destroy(first->id, true));
  EXPECT_TRUE(attach(path_));
}

TEST_F(Attach, SurvivesTheAgent) {
  auto outcome = attach(path_);
  ASSERT_TRUE(outcome);
  auto before = local(outcome->id).record;
  end_agent();
  calls.clear();
  start_agent();
  EXPECT_EQ(local(outcome->id).record, before);
  EXPECT_EQ(service->attachments().size(), 1u);
  EXPECT_THAT(calls, ElementsAre("publish started"));
}

TEST_F(Attach, AnotherNamespaceUnderItsNameIsAnotherMachine) {
  auto outcome = attach(path_);
  ASSERT_TRUE(outcome);
  end_agent();
  shell("ip netns add " + name_ + "-keep");  // so that the old inode number is not used again
  make_anew();
  start_agent();
  shell("ip netns delete " + name_ + "-keep");
  EXPECT_EQ(local(outcome->id).record.state, MachineState::kStopped);
  EXPECT_THAT(local(outcome->id).reason, HasSubstr("is gone"));
  EXPECT_TRUE(service->attachments().empty());
  EXPECT_TRUE(start(outcome->id));  // asked for, the new one is taken
}

}  // namespace
}  // namespace sixpn::machine
