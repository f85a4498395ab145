// DoubtedHosts: the hosts that the cluster suspects or holds for down, and whether they are dead.
// The cluster's word alone is not taken for that: an agent may be stalled on a host that lives, and
// with it all that is open to the host would end. So this host asks the other's kernel itself; dead
// is who is down in the cluster's eyes and has not answered kQuestions of ours.
//
// It says whom to ask and who is dead, and neither asks nor ends anything (io/host_questions.h).
// Pure; one loop. Limits: as many as the cluster has hosts; kMostAsked are asked at a time.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "registry/core/snapshot.h"

namespace sixpn::flycast {

class DoubtedHosts {
 public:
  static constexpr Duration kAskEvery = std::chrono::milliseconds(250);
  // In a row, without an answer. Each is given kAskEvery at least, and the first of them all:
  // counted, and not timed, so that a stall of our own proves nothing.
  static constexpr int kQuestions = 4;
  // One that answered, or whose answer nobody needed, is asked again so much later.
  static constexpr Duration kAskAgain = std::chrono::seconds(5);
  static constexpr std::size_t kMostAsked = 64;

  struct Due {
    std::vector<HostId> to_ask;
    std::vector<HostId> dead;  // each is named once, until it has been alive again
  };

  // What the cluster believes now. Answers of hosts that it does not doubt any more mean nothing.
  void on_hosts(const std::map<HostId, HostView>& hosts, HostId self, Instant now);
  // It lives, or nothing is to be known of it for now.
  void on_answer(HostId host, Instant now);
  // Counts as a question who is to be asked.
  Due due(Instant now);
  // When somebody is due next; kNever: nobody is doubted.
  [[nodiscard]] Instant next() const;
  [[nodiscard]] bool is_doubted(HostId host) const { return doubts_.contains(host); }

 private:
  struct Doubt {
    bool is_down = false;
    bool is_dead = false;
    int unanswered = 0;
    Instant ask_at{};
  };

  void doubt(HostId host, bool is_down, Instant now);
  [[nodiscard]] std::size_t asked() const;

  std::map<HostId, Doubt> doubts_;
};

}  // namespace sixpn::flycast
