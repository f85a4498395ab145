#include "mesh/io/mesh_service.h"

#include <gmock/gmock.h>

#include <future>

#include "base/io/clock.h"
#include "base/io/run_on.h"
#include "tests/unit/mesh/fake_kernel.h"
#include "tests/unit/mesh/mesh_samples.h"

namespace sixpn::mesh {
namespace {

using namespace std::chrono_literals;

constexpr NetworkId kNet{0x11};
constexpr HostId kA{0x10002};

// The service on a loop of its own; the test looks in by posting.
class Service : public testing::Test {
 protected:
  Service() {
    loop_.start_thread();
    on_loop([this] {
      service_ = std::make_unique<MeshService>(loop_, sample_options(),
                                               std::make_unique<FakeKernel>(state_));
      EXPECT_TRUE(service_->start());
    });
  }
  ~Service() override {
    on_loop([this] { service_.reset(); });
  }

  void on_loop(const std::function<void()>& task) { run_on(loop_, task); }

  // True when the condition, asked on the loop, held within five seconds.
  bool eventually(const std::function<bool()>& condition) {
    std::promise<bool> answer;
    std::unique_ptr<LoopTimer> poll;
    Instant deadline = monotonic_now() + 5s;
    on_loop([&] {
      poll = std::make_unique<LoopTimer>(loop_, [&] {
        bool holds = condition();
        if (holds || monotonic_now() > deadline) return answer.set_value(holds);
        poll->arm_after(1ms);
      });
      poll->arm_after(0ms);
    });
    bool held = answer.get_future().get();
    on_loop([&] { poll.reset(); });
    return held;
  }

  void begin(std::vector<Attachment> attachments = {}) {
    on_loop([&] {
      service_->set_attachments(std::move(attachments));
      service_->set_snapshot(std::make_shared<const Snapshot>(SnapshotBuilder().host(kA).build()));
    });
  }

  Result<void> attach(const Attachment& machine) {
    return call([&](MeshService::Done done) { service_->attach(machine, std::move(done)); });
  }
  Result<void> detach(MachineId machine) {
    return call([&](MeshService::Done done) { service_->detach(machine, std::move(done)); });
  }
  Result<void> call(const std::function<void(MeshService::Done)>& start) {
    auto answer = std::make_shared<std::promise<Result<void>>>();
    on_loop([&] { start([answer](Result<void> r) { answer->set_value(std::move(r)); }); });
    return answer->get_future().get();
  }

  FakeKernel::State state_;
  EventLoop loop_{"test"};
  std::unique_ptr<MeshService> service_;
};

TEST_F(Service, TouchesNothingBeforeAttachmentsAndSnapshotAreKnown) {
  on_loop([&] {
    service_->set_snapshot(std::make_shared<const Snapshot>(SnapshotBuilder().build()));
    EXPECT_FALSE(service_->plan());
  });
  on_loop([&] { EXPECT_EQ(state_.calls, 0); });
  on_loop([&] { service_->set_attachments({}); });
  EXPECT_TRUE(eventually([&] { return state_.mesh.main.device.has_value(); }));
}

TEST_F(Service, ARestartRemovesNothing) {
  Attachment machine = attachment(9, kNet, 0x20000);
  begin({machine});
  ASSERT_TRUE(eventually([&] { return state_.mesh.veths.contains("sx00020000"); }));
  ObservedMesh before;
  int observations = 0;
  on_loop([&] {
    before = state_.mesh;
    observations = state_.observations;
    state_.applied.clear();
    service_ = std::make_unique<MeshService>(loop_, sample_options(),
                                             std::make_unique<FakeKernel>(state_));
    EXPECT_TRUE(service_->start());
  });
  begin({machine});
  EXPECT_TRUE(eventually([&] { return state_.observations > observations; }));
  on_loop([&] {
    EXPECT_EQ(state_.mesh, before);
    EXPECT_TRUE(state_.applied.empty());
  });
}

TEST_F(Service, AttachAndDetachAreDoneWhenTheKernelIs) {
  begin();
  ASSERT_TRUE(attach(attachment(9, kNet, 0x20000)));
  on_loop([&] {
    EXPECT_TRUE(state_.mesh.veths.at("sx00020000").configured);
    EXPECT_TRUE(state_.mesh.firewall.elements.contains(
        {kMachineSources, {"sx00020000", "fdaa:0:11:1:1:2:0:2"}}));
  });
  EXPECT_TRUE(attach(attachment(9, kNet, 0x20000))) << "attaching again is harmless";
  ASSERT_TRUE(detach(MachineId{9}));
  on_loop([&] { EXPECT_TRUE(state_.mesh.veths.empty()); });
  EXPECT_TRUE(detach(MachineId{9})) << "detaching again is harmless";
}

TEST_F(Service, AFailedAttachKeepsNothingAndLaterOnesWork) {
  begin();
  on_loop([&] { state_.broken_veths = {"sx00020000"}; });
  auto failed = attach(attachment(9, kNet, 0x20000));
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, testing::HasSubstr("fake failure"));
  EXPECT_TRUE(eventually([&] { return state_.mesh.firewall.elements.size() == 1; }));
  on_loop([&] { state_.broken_veths.clear(); });
  EXPECT_TRUE(attach(attachment(9, kNet, 0x20000)));
}

TEST_F(Service, RefusesAttachmentsThatCannotBe) {
  begin();
  Attachment wrong = attachment(9, kNet, 0x20000);
  wrong.address = host_address(kSelf);
  EXPECT_FALSE(attach(wrong));
  EXPECT_TRUE(attach(attachment(9, kNet, 0x20000)));
  auto clash = attach(attachment(10, NetworkId{0x12}, 0x20000));
  ASSERT_FALSE(clash);
  EXPECT_THAT(clash.error().message, testing::HasSubstr("sx00020000 belongs to machine"));
}

TEST_F(Service, RetriesUntilTheKernelObeysAndSaysWhatIsWrongMeanwhile) {
  on_loop([&] { state_.fail_call = 3; });
  begin();
  EXPECT_TRUE(eventually([&] { return state_.calls > 3; }));
  EXPECT_TRUE(eventually([&] {
    auto plan = service_->plan();
    return plan && plan->empty();
  }));
  EXPECT_TRUE(
      eventually([&] { return service_->warnings() == std::vector<std::string>{"a warning"}; }));
}

TEST_F(Service, RepairsWhatAnotherProgramRemoved) {
  begin();
  ASSERT_TRUE(eventually([&] { return !state_.mesh.rules.empty(); }));
  on_loop([&] {
    state_.mesh.rules.clear();
    state_.on_event({KernelEvent::Kind::kRuleGone, "", {}});
  });
  EXPECT_TRUE(eventually([&] { return !state_.mesh.rules.empty(); }));
}

TEST_F(Service, WhatIsAppliedNowStandsWhenTheCallReturns) {
  begin({attachment(1, kNet, 0x20000)});
  auto snapshot = SnapshotBuilder().host(kA).flycast(kNet, 7, kNet, "web", {{80, 80}}).build();
  const SetElement port{kFlycastPorts, {to_string(flycast_address(kNet, 7)), "80"}};
  on_loop([&] {
    service_->apply_now(std::make_shared<const Snapshot>(snapshot));
    EXPECT_TRUE(state_.mesh.firewall.elements.contains(port));
  });
}

TEST_F(Service, ReportsThePeersOfTheSnapshot) {
  begin();
  ASSERT_TRUE(eventually([&] { return state_.mesh.main.peers.size() == 1; }));
  on_loop([&] {
    ObservedPeer& peer = state_.mesh.main.peers.at(key_of_host(kA));
    peer.last_handshake = wall_now() - 5s;
    peer.rx_bytes = 7;
    state_.mesh.main.peers[key_of_host(HostId{0x10009})] = {};
    std::vector<PeerReport> reports;
    service_->report([&](std::vector<PeerReport> r) { reports = std::move(r); });
    ASSERT_EQ(reports.size(), 1u);
    EXPECT_EQ(reports.front().host, kA);
    EXPECT_EQ(reports.front().rx_bytes, 7u);
    EXPECT_GE(*reports.front().handshake_age, Duration(5s));
    EXPECT_LT(*reports.front().handshake_age, Duration(60s));
  });
}

}  // namespace
}  // namespace sixpn::mesh
