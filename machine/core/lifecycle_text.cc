// The words of lifecycle.h, for files, errors and tests.
#include <array>

#include "machine/core/lifecycle_actions.h"
#include "machine/core/run_request.h"

namespace sixpn::machine {
namespace {

constexpr std::array<std::string_view, 17> kActionNames{
    "prepare",        "attach network", "spawn",   "announce", "open gate", "withdraw",
    "detach network", "freeze",         "publish", "signal",   "thaw",      "arm timer",
    "cancel timer",   "save desired",   "erase",   "remove",   "answer"};
constexpr std::array<std::string_view, kRequests> kRequestNames{"start", "stop", "destroy",
                                                                "suspend"};
constexpr std::array<std::string_view, 3> kDesiredNames{"started", "stopped", "destroyed"};

}  // namespace

std::string seconds_text(Duration duration) {
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

std::string_view to_string(Desired desired) {
  return kDesiredNames[static_cast<std::size_t>(desired) - 1];
}

std::optional<Desired> parse_desired(std::string_view text) {
  for (auto desired : {Desired::kStarted, Desired::kStopped, Desired::kDestroyed})
    if (text == to_string(desired)) return desired;
  return std::nullopt;
}

std::string to_string(const Action& action) {
  std::string text(kActionNames[static_cast<std::size_t>(action.kind)]);
  if (action.kind == ActionKind::kSignal) text += " " + signal_name(action.signal);
  if (action.kind == ActionKind::kArmTimer) text += " " + seconds_text(action.delay);
  if (action.kind != ActionKind::kAnswer) return text;
  text += " " + std::string(kRequestNames[static_cast<std::size_t>(action.request)]);
  return action.error.empty() ? text : text + ": " + action.error;
}

}  // namespace sixpn::machine
