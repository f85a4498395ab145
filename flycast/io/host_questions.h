// HostQuestions: asks hosts whose life is in doubt (core/doubted_hosts.h) whether they live, and
// tells who is dead. The question is a TCP connection to the host's proxy, which its kernel
// answers, whatever its agent is doing: taken or refused, it lives. An agent of any version takes
// it for a spare link that was not used.
//
// It ends no connection itself (ProxyState). Loop thread. Limits: DoubtedHosts, and kAnswerWithin
// over kAskEvery questions to a host at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "base/io/event_loop.h"
#include "base/ip.h"
#include "flycast/core/doubted_hosts.h"
#include "flycast/io/stream_connector.h"

namespace sixpn::flycast {

class HostQuestions {
 public:
  static constexpr Duration kAnswerWithin = std::chrono::seconds(1);

  struct Callbacks {
    // Something is open to that host, or from it: else it is not asked.
    std::function<bool(HostId)> deals_with;
    std::function<void(HostId)> on_dead;
  };

  // `own`: the address that questions are bound to.
  HostQuestions(EventLoop& loop, const Ip6& own, std::uint16_t hop_port, Callbacks callbacks);
  HostQuestions(const HostQuestions&) = delete;
  HostQuestions& operator=(const HostQuestions&) = delete;

  void on_snapshot(const SnapshotPtr& snapshot);
  void stop();  // idempotent

 private:
  using Question = std::pair<HostId, std::uint64_t>;

  void serve();
  void ask(HostId host);
  void on_outcome(const Question& question, ConnectOutcome outcome);
  void drop_questions(HostId host);

  EventLoop& loop_;
  Ip6 own_;
  std::uint16_t hop_port_;
  Callbacks callbacks_;
  DoubtedHosts doubted_;
  SnapshotPtr seen_;  // whose hosts doubted_ knows
  std::map<Question, std::unique_ptr<StreamConnector>> asking_;
  std::uint64_t last_number_ = 0;
  LoopTimer due_;
};

}  // namespace sixpn::flycast
