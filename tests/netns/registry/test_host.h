// A RegistryService on a loop of its own, with an identity of the test cluster: a host as far as
// the registry goes. Its methods may be called from the test's thread.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>

#include "base/io/event_loop.h"
#include "registry/io/registry_service.h"
#include "tests/sim/enrolled_host.h"

namespace sixpn::test {

class TestHost {
 public:
  TestHost(const sim::TestCluster& cluster, unsigned index, std::string state_dir);
  ~TestHost();

  Result<void> open_and_start();
  Result<void> write(registry::LocalWrite write);
  // Knocks: each side learns the other's host record.
  void meet(TestHost& other);
  void leave();
  SnapshotPtr snapshot();
  registry::Counters counters();
  std::optional<Error> disk_error();
  std::size_t record_count();
  // Runs `action` on the host's loop and returns what it returned.
  template <class Action>
  auto on_loop(Action action) {
    std::promise<decltype(action(*service_))> answer;
    loop_.post([&] { answer.set_value(action(*service_)); });
    return answer.get_future().get();
  }

  [[nodiscard]] HostId id() const { return identity_.id; }
  [[nodiscard]] const sim::EnrolledHost& identity() const { return identity_; }

 private:
  sim::EnrolledHost identity_;
  std::string state_dir_;
  EventLoop loop_;
  std::unique_ptr<registry::RegistryService> service_;
};

// Polls until `condition` holds; false after `limit`.
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit);

}  // namespace sixpn::test
