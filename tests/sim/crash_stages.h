// CrashStages: where the time goes between a crash and the moment when half of the hosts believe
// it: until somebody asks the dead host, until a question has failed, until others confirm it, the
// time left to the accused, the spreading. Looks at a Simulator between its events, so the stages
// are as fine as the steps in which it is asked to look(). Called by sim_detection crashes
// --explain 1.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "tests/sim/simulator.h"

namespace sixpn::sim {

class CrashStages {
 public:
  enum Stage : std::uint8_t {
    kAsked,    // the first question to the dead host is sent
    kAccused,  // the first host has given up on an answer
    kProven,   // somebody holds accusations enough for a proof
    kCertain,  // ... of three quarters of the observers
    kJudged,   // the first host believes that it is dead
    kHalf,     // half of the hosts do
    kStages,
  };
  // Takes the simulator's tap on what is sent, until it is destroyed.
  explicit CrashStages(Simulator& sim);
  CrashStages(const CrashStages&) = delete;
  CrashStages& operator=(const CrashStages&) = delete;
  ~CrashStages();

  void begin(unsigned victim);
  void on_death();  // one more host believes it
  void look();
  // Prints the median of each stage, and how many of the hosts had measured their path to the dead.
  void print() const;

 private:
  void reach(Stage stage);

  Simulator& sim_;
  unsigned victim_ = 0;
  unsigned deaths_ = 0;
  Instant crashed_ = kNever;
  std::array<std::optional<Duration>, kStages> reached_;
  std::array<std::vector<double>, kStages> took_;  // seconds since the stage before, by crash
  std::vector<double> measured_;                   // share of the paths to the dead host
};

}  // namespace sixpn::sim
