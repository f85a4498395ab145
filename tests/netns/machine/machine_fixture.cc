#include "tests/netns/machine/machine_fixture.h"

#include <signal.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/io/clock.h"

namespace sixpn::machine {

namespace fs = std::filesystem;

namespace {

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<pid_t> find_processes(const std::string& program, const std::string& argument) {
  auto wanted = program + '\0' + argument + '\0';
  std::vector<pid_t> pids;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (read_all(entry.path() / "cmdline") == wanted) pids.push_back(std::stoi(name));
  }
  return pids;
}

}  // namespace

std::vector<pid_t> find_sleepers(const std::string& seconds) {
  return find_processes("sleep", seconds);
}

std::vector<pid_t> find_shims(MachineId id) {
  return find_processes("sixpn-shim", to_string(id));
}

bool has_ended(pid_t pid) {
  auto stat = read_all("/proc/" + std::to_string(pid) + "/stat");
  return stat.empty() || stat.find(") Z ") != std::string::npos;
}

bool wait_until(const std::function<bool()>& met) {
  auto deadline = monotonic_now() + std::chrono::seconds(30);
  while (!met()) {
    if (monotonic_now() > deadline) return false;
    usleep(2000);
  }
  return true;
}

std::string shell(const std::string& command, int* status) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::string output;
  char buffer[4096];
  while (auto got = fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, got);
  int ended = pclose(pipe);
  if (status != nullptr) *status = ended;
  return output;
}

bool exists(const std::string& path) {
  return fs::exists(fs::symlink_status(path));
}

void MachineFixture::SetUp() {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  char pattern[] = "/tmp/sxm-XXXXXX";
  root_ = mkdtemp(pattern);
  options.state_dir = root_;
  options.shim_path = SIXPN_SHIM;
  options.self = HostId(0x10001);
  options.host_name = "a";
  options.region = "fra";
  start_agent();
}

void MachineFixture::TearDown() {
  if (!service) return;
  for (const auto& machine : service->list()) static_cast<void>(destroy(machine.record.id, true));
  end_agent();
  fs::remove_all(root_);
}

void MachineFixture::start_agent() {
  loop = std::make_unique<EventLoop>("machine");
  service = std::make_unique<MachineService>(*loop, options, callbacks());
  auto outcome = service->load();
  ASSERT_TRUE(outcome) << outcome.error().message;
  loaded = *outcome;
  service->resume();
}

void MachineFixture::end_agent() {
  held.clear();
  service.reset();
  loop.reset();
}

void MachineFixture::complete(std::function<void()> done) {
  if (hold_publish)
    held.push_back(std::move(done));
  else
    loop->post(std::move(done));
}

MachineService::Callbacks MachineFixture::callbacks() {
  return {
      .publish =
          [this](const MachineRecord& record, std::function<void()> done) {
            calls.push_back("publish " + std::string(to_string(record.state)));
            complete(std::move(done));
          },
      .withdraw =
          [this](const MachineRecord& record, std::function<void()> done) {
            calls.push_back("withdraw " + std::string(to_string(record.state)));
            complete(std::move(done));
          },
      .erase = [this](MachineId) { calls.push_back("erase"); },
      .attach_network =
          [this](const Attachment& attachment, MachineService::Done done) {
            calls.push_back("attach");
            EXPECT_TRUE(exists(attachment.netns_path));
            Result<void> outcome = attach_error ? Result<void>(*attach_error) : Result<void>();
            loop->post([done = std::move(done), outcome] { done(outcome); });
          },
      .detach_network =
          [this](MachineId, MachineService::Done done) {
            calls.push_back("detach");
            loop->post([done = std::move(done)] { done({}); });
          },
  };
}

bool MachineFixture::wait_for(const std::function<bool()>& met) {
  auto deadline = monotonic_now() + std::chrono::seconds(30);
  while (!met()) {
    if (monotonic_now() > deadline) return false;
    loop->context().run_one_for(std::chrono::milliseconds(5));
  }
  return true;
}

template <class T>
T MachineFixture::await(std::optional<T>& outcome) {
  if (!wait_for([&] { return outcome.has_value(); })) return Error("no answer within 10 s");
  return *outcome;
}

Result<MachineRecord> MachineFixture::run(std::vector<std::string> command,
                                          const std::function<void(RunRequest&)>& change) {
  RunRequest request;
  request.placement.app = "web";
  request.placement.org = "acme";
  request.placement.network = NetworkId(0x20003);
  request.process.command = std::move(command);
  if (change) change(request);
  auto outcome = std::make_shared<std::optional<Result<MachineRecord>>>();
  service->run(request, [outcome](Result<MachineRecord> got) { *outcome = std::move(got); });
  EXPECT_FALSE(*outcome);  // never from inside the call
  return await(*outcome);
}

MachineId MachineFixture::run_script(const std::string& script,
                                     const std::function<void(RunRequest&)>& change) {
  auto outcome = run({"sh", "-c", script}, change);
  EXPECT_TRUE(outcome) << outcome.error().message;
  return outcome ? outcome->id : MachineId();
}

Result<MachineRecord> MachineFixture::attach(const std::string& netns_path) {
  AttachRequest request;
  request.placement.app = "db";
  request.placement.network = NetworkId(0x20003);
  request.netns_path = netns_path;
  auto outcome = std::make_shared<std::optional<Result<MachineRecord>>>();
  service->attach(request, [outcome](Result<MachineRecord> got) { *outcome = std::move(got); });
  return await(*outcome);
}

Result<void> MachineFixture::stop(MachineId id, std::optional<std::string> signal,
                                  std::optional<Duration> timeout) {
  auto outcome = std::make_shared<std::optional<Result<void>>>();
  service->stop(id, signal, timeout, [outcome](Result<void> got) { *outcome = std::move(got); });
  return await(*outcome);
}

Result<void> MachineFixture::start(MachineId id) {
  auto outcome = std::make_shared<std::optional<Result<void>>>();
  service->start(id, [outcome](Result<void> got) { *outcome = std::move(got); });
  return await(*outcome);
}

Result<void> MachineFixture::set_cordoned(MachineId id, bool cordoned) {
  auto outcome = std::make_shared<std::optional<Result<void>>>();
  service->set_cordoned(id, cordoned, [outcome](Result<void> got) { *outcome = std::move(got); });
  return await(*outcome);
}

Result<void> MachineFixture::destroy(MachineId id, bool force) {
  auto outcome = std::make_shared<std::optional<Result<void>>>();
  service->destroy(id, force, [outcome](Result<void> got) { *outcome = std::move(got); });
  return await(*outcome);
}

bool MachineFixture::wait_for_state(MachineId id, MachineState state) {
  return wait_for([&] { return local(id).record.state == state; });
}

LocalMachine MachineFixture::local(MachineId id) {
  return service->find(id).value_or(LocalMachine{});
}

std::string MachineFixture::log_of(MachineId id) {
  return read_all(folder(id) + "/log");
}

bool MachineFixture::wait_for_log(MachineId id, const std::string& text) {
  return wait_for([&] { return log_of(id).find(text) != std::string::npos; });
}

std::string MachineFixture::folder(MachineId id) const {
  return options.state_dir + "/machines/" + to_string(id);
}

}  // namespace sixpn::machine
