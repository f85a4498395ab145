// Agent: the composition root. Builds the rooms, wires them, starts them in order and stops them in
// reverse. No logic of its own: what a command writes is planned in agent/core, what a room does is
// in the room.
//
//   control loop   registry, knock, admin API
//   mesh, machine, dns, flycast loops   one room each
//
// Snapshots flow from the registry to every loop; local changes flow from the machine room and the
// admin API into the registry. Rooms never see one another.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/io/event_loop.h"
#include "base/io/watchdog.h"
#include "base/result.h"
#include "config/agent_config.h"
#include "mesh/io/host_keys.h"
#include "mesh/io/identity_store.h"

namespace sixpn::agent {

struct AgentOptions {
  config::AgentConfig config;
  mesh::Identity identity;
  mesh::HostKeys keys;
  mesh::TlsIdentity tls;
  Secret gateway_key;  // of the WireGuard device that peers connect to
  std::string shim_path;
  // This run enrolled the host: when every host refuses it, the agent gives up instead of retrying.
  bool first_join = false;
};

class Agent {
 public:
  // `control` must not run yet; the agent's other loops have threads of their own.
  Agent(EventLoop& control, AgentOptions options);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // On the thread that will run `control`, before it runs. Errors name the room and the reason;
  // then nothing is left running.
  Result<void> start();
  // Stops every room; the data plane and the machines stay as they are. Idempotent.
  void stop();

  // In place of stop(), so that another agent can take this one's place without a failed
  // connection or question: stops what a host has once, and returns; then the state folder may be
  // another's. Names are answered until that other one does; what Flycast has begun goes on, until
  // `on_done` on `waiting` (the caller's, which runs from then on): stop() then. After start().
  void depart(EventLoop& waiting, std::function<void()> on_done);

  // The loops beside `control`, for the watchdog: they run between start() and stop().
  [[nodiscard]] std::vector<Watched> loops();

  // Called on the control loop after `sixpn host leave`: the others were told, the agent may end.
  void on_left(std::function<void()> callback);
  // Called on the control loop when the agent cannot go on (a joining host was refused), with why.
  void on_fatal(std::function<void(const std::string& reason)> callback);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::agent
