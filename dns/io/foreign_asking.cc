#include "dns/io/foreign_asking.h"

#include <optional>
#include <utility>

#include "base/io/clock.h"

namespace sixpn::dns {
namespace {

std::string failure(const ForeignQuery& query, const Telling& why) {
  return make_reply(make_failure(Rcode::kServFail), query, why);
}

}  // namespace

void ForeignAsking::ask(const ForeignQuestion& question, Done done) {
  ForwardRequest request;
  request.query = make_foreign_query(question.name, question.type);
  request.client = question.source;
  request.network = question.network.id;
  request.since = monotonic_now();
  auto group = rules_.group_of(request.query.name(), &question.network);
  if (!group) return done({failure(request.query, undecided()), false, true, {}});
  request.group = *group;
  const auto& servers = rules_.groups()[*group];
  if (auto kept = find_kept(request); !kept.empty())
    return done({std::move(kept), true, false, servers});
  auto reject = [&] {
    done({failure(request.query, unreachable(kTooManyForwarded)), false, true, servers});
  };
  if (!shared_.budget.admit(request.client, request.network)) {
    ++counts_.forward_rejected;
    return reject();
  }
  if (!forwarder_.reserve()) {
    shared_.budget.release(request.client, request.network);
    ++counts_.forward_queue_full;
    return reject();
  }
  request.is_admitted = true;
  // Moved on, so that whoever waits behind `done` is let go of where it is called.
  request.done = [done = std::move(done), servers](std::string message) mutable {
    std::exchange(done, nullptr)({std::move(message), false, false, std::move(servers)});
  };
  std::vector<ForwardRequest> one;
  one.push_back(std::move(request));
  forwarder_.submit(std::move(one));
}

std::string ForeignAsking::find_kept(const ForwardRequest& request) {
  using State = ForwardCache::State;
  auto key = key_of(request.query, request.group);
  std::string message;
  bool prefetch = false;
  auto tell = [&](const ForwardCache::Found& found, std::uint64_t& count, const Telling& telling) {
    ++count;
    message = make_reply(*found.reply, request.query, telling);
  };
  shared_.cache.find(key, hash_of(key), request.since, [&](const ForwardCache::Found& found) {
    prefetch = found.prefetch;
    if (found.state == State::kFresh) tell(found, counts_.forward_hits, {.age = found.age});
    if (found.state == State::kFailed) tell(found, counts_.forward_failure_hits, cached_failure());
    if (found.state == State::kStaleForNow) tell(found, counts_.forward_stale, stale(*found.reply));
  });
  if (prefetch && forwarder_.reserve()) forwarder_.submit({request});
  return message;
}

}  // namespace sixpn::dns
