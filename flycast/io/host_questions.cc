#include "flycast/io/host_questions.h"

#include <cerrno>

#include "base/io/clock.h"
#include "flycast/io/sockets.h"
#include "registry/core/address.h"

namespace sixpn::flycast {
namespace {

// Nothing came back. Any other outcome is an answer, or a trouble of this host, which says nothing
// of the other.
bool is_silence(int error) {
  return error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH;
}

}  // namespace

HostQuestions::HostQuestions(EventLoop& loop, const Ip6& own, std::uint16_t hop_port,
                             Callbacks callbacks)
    : loop_(loop),
      own_(own),
      hop_port_(hop_port),
      callbacks_(std::move(callbacks)),
      due_(loop, [this] { serve(); }) {}

void HostQuestions::on_snapshot(const SnapshotPtr& snapshot) {
  if (seen_ && seen_->hosts.is(snapshot->hosts)) return;
  seen_ = snapshot;
  doubted_.on_hosts(snapshot->hosts, snapshot->self, monotonic_now());
  std::erase_if(asking_, [this](const auto& one) { return !doubted_.is_doubted(one.first.first); });
  serve();
}

void HostQuestions::serve() {
  Instant now = monotonic_now();
  DoubtedHosts::Due due = doubted_.due(now);
  for (HostId host : due.to_ask) {
    if (callbacks_.deals_with(host)) {
      ask(host);
    } else {
      doubted_.on_answer(host, now);
    }
  }
  due_.arm_at(doubted_.next());
  for (HostId host : due.dead) {
    drop_questions(host);
    callbacks_.on_dead(host);
  }
}

void HostQuestions::ask(HostId host) {
  Question question{host, ++last_number_};
  ConnectRequest request{
      own_, SourceKind::kOwn, {host_address(host), hop_port_}, kAnswerWithin, {}};
  asking_[question] = std::make_unique<StreamConnector>(
      loop_, request,
      [this, question](ConnectOutcome outcome) { on_outcome(question, std::move(outcome)); });
}

void HostQuestions::on_outcome(const Question& question, ConnectOutcome outcome) {
  HostId host = question.first;
  asking_.erase(question);
  if (is_silence(outcome.error)) return;
  if (outcome.stream) allow_clean_close(outcome.stream.get());
  drop_questions(host);
  doubted_.on_answer(host, monotonic_now());
  due_.arm_at(doubted_.next());
}

void HostQuestions::drop_questions(HostId host) {
  std::erase_if(asking_, [host](const auto& one) { return one.first.first == host; });
}

void HostQuestions::stop() {
  due_.cancel();
  asking_.clear();
  doubted_ = {};
  seen_.reset();
}

}  // namespace sixpn::flycast
