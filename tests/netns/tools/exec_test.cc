// `sixpn machine exec` with real namespaces: what the command sees, and how it ends. Root only.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/tools/agent_stub.h"

namespace sixpn::cli {
namespace {

constexpr const char* kMachineId = "148e21dad76789";

std::string link_target(const std::string& path) {
  return std::filesystem::read_symlink(path).string();
}

// A process in namespaces of its own, as a machine's is.
class Machine {
 public:
  Machine()
      : unshare_("/usr/bin/env",
                 {"-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "FLY_REGION=fra", "unshare", "--net",
                  "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
                  "sh", "-c", "hostname machine-1; cd /usr; echo ready; exec sleep 1000"}) {
    started_ = unshare_.output_until("ready\n") == "ready\n";
    std::ifstream children("/proc/" + std::to_string(unshare_.pid()) + "/task/" +
                           std::to_string(unshare_.pid()) + "/children");
    children >> pid_;
  }

  [[nodiscard]] bool started() const { return started_ && pid_ > 0; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string proc(const std::string& name) const {
    return "/proc/" + std::to_string(pid_) + "/" + name;
  }

 private:
  RunningProgram unshare_;
  bool started_ = false;
  pid_t pid_ = 0;
};

class Exec : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(machine_.started()); }

  void tell(const std::string& pid, const std::string& netns, const std::string& log) {
    agent_.answer(std::string("GET /v1/machines/") + kMachineId, 200,
                  R"({"local":true,"state":"started","pid":)" + pid + R"(,"netns":")" + netns +
                      R"(","log":)" + log + "}");
  }
  void tell_of_machine() {
    tell(std::to_string(machine_.pid()), machine_.proc("ns/net"), "\"/l\"");
  }

  ProgramRun exec(std::vector<std::string> command) {
    command.insert(command.begin(),
                   {"--socket", agent_.socket_path(), "machine", "exec", kMachineId, "--"});
    return run_program(SIXPN_PROGRAM, command);
  }

  AgentStub agent_;
  Machine machine_;
};

TEST_F(Exec, SeesTheMachineFromInside) {
  tell_of_machine();
  ProgramRun run = exec({"sh", "-c",
                         "hostname; pwd; echo $FLY_REGION; readlink /proc/self/ns/net "
                         "/proc/self/ns/mnt /proc/self/ns/ipc /proc/self/ns/pid /proc/1/ns/pid"});
  EXPECT_EQ(run.err, "");
  EXPECT_EQ(run.exit_code, 0);
  std::string pid_space = link_target(machine_.proc("ns/pid"));
  EXPECT_EQ(run.out, "machine-1\n/usr\nfra\n" + link_target(machine_.proc("ns/net")) + "\n" +
                         link_target(machine_.proc("ns/mnt")) + "\n" +
                         link_target(machine_.proc("ns/ipc")) + "\n" + pid_space + "\n" +
                         pid_space + "\n");
}

TEST_F(Exec, ExitCodeIsTheCommands) {
  tell_of_machine();
  EXPECT_EQ(exec({"sh", "-c", "exit 7"}).exit_code, 7);
  EXPECT_EQ(exec({"sh", "-c", "kill -TERM $$"}).exit_code, 128 + 15);
  ProgramRun run = exec({"no-such-program"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.err, "sixpn: no-such-program: No such file or directory\n");
}

// What is sent to sixpn reaches the command: a supervisor can stop it.
TEST_F(Exec, SignalsArePassedOn) {
  tell_of_machine();
  RunningProgram running(
      SIXPN_PROGRAM, {"--socket", agent_.socket_path(), "machine", "exec", kMachineId, "--", "sh",
                      "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done"});
  ASSERT_EQ(running.output_until("ready\n"), "ready\n");
  ASSERT_EQ(kill(running.pid(), SIGTERM), 0);
  EXPECT_EQ(running.exit_code(), 9);
}

TEST_F(Exec, AProcessIdThatWasReusedIsRefused) {
  Machine other;
  ASSERT_TRUE(other.started());
  tell(std::to_string(machine_.pid()), other.proc("ns/net"), "\"/l\"");
  ProgramRun run = exec({"true"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.err, "sixpn: the machine's process has just ended\n");
  tell("4194305", machine_.proc("ns/net"), "\"/l\"");  // above the largest process id
  EXPECT_EQ(exec({"true"}).err, "sixpn: the machine's process has just ended\n");
}

TEST_F(Exec, AnAttachedMachineIsItsNetworkAlone) {
  tell("null", machine_.proc("ns/net"), "null");
  ProgramRun run = exec({"readlink", "/proc/self/ns/net", "/proc/self/ns/mnt"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.out,
            link_target(machine_.proc("ns/net")) + "\n" + link_target("/proc/self/ns/mnt") + "\n");
  tell("null", "/nowhere", "null");
  EXPECT_EQ(exec({"true"}).err, "sixpn: /nowhere: No such file or directory\n");
}

}  // namespace
}  // namespace sixpn::cli
