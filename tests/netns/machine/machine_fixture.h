// A MachineService with real processes, namespaces and files, in a state folder of its own. The
// world around it (registry, mesh) is a list of the calls made to it; each completes from a posted
// task, unless a test holds or fails it. Single-threaded: the test runs the loop while it waits.
// Root only.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "machine/io/machine_service.h"

namespace sixpn::machine {

class MachineFixture : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // As an agent: start one (load and resume), or end it as kill -9 would.
  void start_agent();
  void end_agent();
  // What load() of the last agent returned.
  std::vector<LocalMachine> loaded;

  // Runs the loop until `met`, at most 10 s; false if it was not.
  bool wait_for(const std::function<bool()>& met);

  Result<MachineRecord> run(std::vector<std::string> command,
                            const std::function<void(RunRequest&)>& change = {});
  // A machine that runs a shell script; fails the test when it does not start.
  MachineId run_script(const std::string& script,
                       const std::function<void(RunRequest&)>& change = {});
  Result<MachineRecord> attach(const std::string& netns_path);
  Result<void> stop(MachineId id, std::optional<std::string> signal = {},
                    std::optional<Duration> timeout = {});
  Result<void> start(MachineId id);
  Result<void> destroy(MachineId id, bool force = false);
  Result<void> set_cordoned(MachineId id, bool cordoned);
  bool wait_for_state(MachineId id, MachineState state);
  LocalMachine local(MachineId id);
  std::string log_of(MachineId id);
  bool wait_for_log(MachineId id, const std::string& text);

  [[nodiscard]] std::string folder(MachineId id) const;

  std::unique_ptr<EventLoop> loop;
  std::unique_ptr<MachineService> service;
  MachineService::Options options;
  std::vector<std::string> calls;  // "publish started", "attach", ...
  std::optional<Error> attach_error;
  bool hold_publish = false;  // completions are kept in held
  std::vector<std::function<void()>> held;

 private:
  void complete(std::function<void()> done);
  MachineService::Callbacks callbacks();
  template <class T>
  T await(std::optional<T>& outcome);

  std::string root_;
};

// Processes `sleep <seconds>`: what the tests' machines run, told apart by how long.
std::vector<pid_t> find_sleepers(const std::string& seconds);
// The shims (inits) of a machine: one, or none.
std::vector<pid_t> find_shims(MachineId id);
// Gone, or waiting to be reaped.
bool has_ended(pid_t pid);
// Polls without an agent, at most 10 s.
bool wait_until(const std::function<bool()>& met);
// Output of a shell command, and whether it succeeded.
std::string shell(const std::string& command, int* status = nullptr);
bool exists(const std::string& path);

}  // namespace sixpn::machine
