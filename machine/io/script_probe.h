// ScriptProbe: one run of a script check: a program inside the machine's namespaces, as the
// machine's user and with its environment, by the shim's second mode (shim_check.h). Passes on exit
// code 0; at the deadline it is killed with everything that it started. Calls back exactly once,
// never from its constructor; destroying it kills the program. Machine loop. Holds two descriptors,
// and at most kMaxScriptOutput bytes of what the program printed.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/io/event_loop.h"
#include "base/result.h"
#include "machine/core/check_board.h"
#include "machine/core/shim_spec.h"

namespace sixpn::machine {

inline constexpr std::size_t kMaxScriptOutput = 4096;

// Where a script runs.
struct ScriptTarget {
  ShimSpec spec;     // of the machine; its command is replaced
  int machine = -1;  // a pidfd of its init, the caller's
  std::string shim;  // the program sixpn-shim
};

class ScriptProbe {
 public:
  using Done = std::function<void(Verdict)>;

  // Its timeout covers all of it. Without a target the run fails, with that error's words.
  ScriptProbe(EventLoop& loop, const Result<ScriptTarget>& target, const ServiceCheck& check,
              Done done);
  ~ScriptProbe();
  ScriptProbe(const ScriptProbe&) = delete;
  ScriptProbe& operator=(const ScriptProbe&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::machine
