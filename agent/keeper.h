// Keeper: the process that a supervisor sees in place of the agent (sixpnd --supervised). It starts
// the agent as its child, passes signals to it and its words to the service manager, and ends as
// the agent ends; except that an agent which is told to stop can outlive it: once that one says
// that its place is free (Kept::release), the keeper ends, the supervisor starts the next agent,
// and the old one serves what it had begun (Agent::depart). It knows nothing of what an agent
// does; should it be killed, the agent is too.
//
// One thread, before any other is started. No limits: one child.
#pragma once

#include <functional>

#include "base/io/service_notify.h"

namespace sixpn::agent {

// The agent's side of its keeper.
class Kept {
 public:
  explicit Kept(ServiceNotify to_keeper) : to_keeper_(std::move(to_keeper)) {}
  // Passed on to the service manager, if there is one.
  [[nodiscard]] const ServiceNotify& notify() const { return to_keeper_; }
  // The next agent may start: the keeper ends, with status 0, and this process goes on without it.
  void release() const;

 private:
  ServiceNotify to_keeper_;
};

// Runs `agent` in a child process, and returns twice: there with what it returned, and here with
// the status that this process should end with: the child's, 0 once it was released, 1 (and a line
// on standard error) when there could be no child. A child that a signal ended ends this process
// by the same signal.
int run_kept(const std::function<int(const Kept&)>& agent);

}  // namespace sixpn::agent
