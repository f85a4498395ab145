#include "tests/netns/registry/test_host.h"

#include <filesystem>
#include <thread>

#include "tests/netns/registry/private_network.h"

namespace sixpn::test {
namespace {

registry::RegistryOptions make_options(const sim::TestCluster& cluster,
                                       const sim::EnrolledHost& identity,
                                       const std::string& state_dir) {
  return {.self = identity.id,
          .signing_key = identity.key,
          .root_key = cluster.root().public_key(),
          .state_dir = state_dir,
          .own_host = identity.record,
          .port = registry::kGossipPort,
          .bind_address = std::nullopt,
          .expects_peers = identity.id != sim::host_id(0)};
}

}  // namespace

TestHost::TestHost(const sim::TestCluster& cluster, unsigned index, std::string state_dir)
    : identity_(cluster.enrol(index)),
      state_dir_(std::move(state_dir)),
      loop_("registry-" + std::to_string(index)) {
  std::filesystem::create_directories(state_dir_);
  add_host_address(identity_.id);
  service_ = std::make_unique<registry::RegistryService>(
      loop_, make_options(cluster, identity_, state_dir_));
  loop_.start_thread();
}

TestHost::~TestHost() {
  on_loop([](auto& service) {
    service.stop();
    return true;
  });
  loop_.stop();
  loop_.join();
}

Result<void> TestHost::open_and_start() {
  return on_loop([](auto& service) -> Result<void> {
    if (auto opened = service.open(); !opened) return opened;
    return service.start();
  });
}

Result<void> TestHost::write(registry::LocalWrite write) {
  std::promise<Result<void>> answer;
  loop_.post([&] {
    service_->write({write}, [&answer](Result<void> outcome) { answer.set_value(outcome); });
  });
  return answer.get_future().get();
}

void TestHost::meet(TestHost& other) {
  auto own = [](auto& service) { return service.own_host_record(); };
  auto mine = on_loop(own);
  auto theirs = other.on_loop(own);
  auto admit = [](TestHost& host, const SignedRecordPtr& record) {
    host.on_loop([record](auto& service) {
      service.admit(record);
      return true;
    });
  };
  admit(*this, theirs);
  admit(other, mine);
}

void TestHost::leave() {
  std::promise<void> left;
  loop_.post([&] { service_->leave([&left] { left.set_value(); }); });
  left.get_future().get();
}

SnapshotPtr TestHost::snapshot() {
  return on_loop([](auto& service) { return service.snapshot(); });
}

registry::Counters TestHost::counters() {
  return on_loop([](auto& service) { return service.counters(); });
}

std::optional<Error> TestHost::disk_error() {
  return on_loop([](auto& service) { return service.disk_error(); });
}

std::size_t TestHost::record_count() {
  return on_loop([](auto& service) { return service.dump().size(); });
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // between polls
  }
  return true;
}

}  // namespace sixpn::test
