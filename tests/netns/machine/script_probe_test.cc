// Script checks inside machines that run: as their user, in their namespaces, and gone with all
// that they started.
#include "machine/io/script_probe.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "tests/netns/machine/machine_fixture.h"
#include "tests/unit/edit_app.h"

namespace sixpn::machine {
namespace {

constexpr NetworkId kNetwork{0x20003};  // of the fixture's machines

class ScriptCheck : public MachineFixture {
 protected:
  // The app `web` gets a service on port 8080 with one check; its machines are checked from now on.
  void check_by(std::vector<std::string> command, Duration timeout = std::chrono::seconds(30)) {
    Service checked;
    ServiceCheck check;
    check.kind = CheckKind::kScript;
    check.interval = std::chrono::seconds(1);
    check.timeout = timeout;
    check.grace = Duration::zero();
    check.command = std::move(command);
    checked.checks.push_back(check);
    auto network = std::make_shared<NetworkView>();
    network->network = {kNetwork, "acme", "default"};
    edit_app(*network, "web").app = {"web", "acme", kNetwork, "", {checked}};
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->self = options.self;
    snapshot->networks[kNetwork] = network;
    service->set_snapshot(snapshot);
  }
  bool stands(MachineId id, Health status, const std::string& output) {
    return wait_for([&] {
      auto checks = local(id).checks;
      return checks.size() == 1 && checks[0].status == status &&
             checks[0].output.find(output) != std::string::npos;
    });
  }
};

TEST_F(ScriptCheck, RunsInsideTheMachine) {
  MachineId id = run_script("exec sleep 1000");
  check_by({"sh", "-c", "hostname; echo $FLY_MACHINE_ID; test $(hostname) = $FLY_MACHINE_ID"});
  EXPECT_TRUE(stands(id, Health::kPassing, to_string(id) + " " + to_string(id)))
      << local(id).checks[0].output;
  EXPECT_EQ(local(id).record.health, Health::kPassing);
}

TEST_F(ScriptCheck, FailsByItsExitCodeAndSaysWhy) {
  MachineId id = run_script("exec sleep 1000");
  check_by({"sh", "-c", "echo no database >&2; exit 3"});
  EXPECT_TRUE(stands(id, Health::kCritical, "exit code 3: no database"));
  check_by({"/no/such/program"});
  EXPECT_TRUE(stands(id, Health::kCritical, "/no/such/program"));
}

// Also what left its session and its parent.
TEST_F(ScriptCheck, IsKilledWithAllThatItStarted) {
  MachineId id = run_script("exec sleep 1000");
  check_by({"sh", "-c", "setsid sleep 4242 & setsid sh -c 'sleep 4242 & sleep 4242' & sleep 4242"},
           std::chrono::seconds(5));
  ASSERT_TRUE(wait_for([] { return find_sleepers("4242").size() >= 4; }));
  ASSERT_TRUE(stands(id, Health::kCritical, "no end within 5000 ms"));
  check_by({"true"});
  ASSERT_TRUE(stands(id, Health::kPassing, ""));
  EXPECT_TRUE(wait_for([] { return find_sleepers("4242").empty(); }));
  EXPECT_EQ(local(id).record.state, MachineState::kStarted);
}

TEST_F(ScriptCheck, EndsWithItsMachine) {
  MachineId id = run_script("exec sleep 1000");
  check_by({"sleep", "4343"});
  ASSERT_TRUE(wait_for([] { return !find_sleepers("4343").empty(); }));
  ASSERT_TRUE(stop(id, "SIGKILL"));
  EXPECT_TRUE(wait_for([] { return find_sleepers("4343").empty(); }));
  EXPECT_TRUE(local(id).checks.empty());
}

TEST_F(ScriptCheck, ASilentFloodOfOutputIsBounded) {
  MachineId id = run_script("exec sleep 1000");
  check_by({"sh", "-c", "head -c 10000000 /dev/zero | tr '\\0' x"});
  EXPECT_TRUE(stands(id, Health::kPassing, "xxx..."));
}

}  // namespace
}  // namespace sixpn::machine
