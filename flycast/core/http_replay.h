// HttpReplay: what replays make of one exchange. It looks at each response's head: an instruction
// to replay is not the client's, its body is read here; at its end the exchange goes on to another
// machine, or ends in an error code. It asks and fills the cache, and says of the request what the
// next machine is to be told.
//
// The steps are ReplayCourse's; dialling, sending and counting are the session's. One per exchange;
// pure: the registry, the cache and the time are passed in. Memory: a JSON instruction while it is
// read, and the client's head once a step changes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flycast/core/error_code.h"
#include "flycast/core/replay_cache.h"
#include "flycast/core/replay_course.h"
#include "flycast/core/replay_reach.h"

namespace sixpn::flycast {

class HttpReplay {
 public:
  // What of the proxy it works with.
  struct Desk {
    const Snapshot* snapshot = nullptr;
    const ReplayReach& reach;
    ReplayCache& cache;
  };
  // Why the client gets an error instead.
  struct Failure {
    ErrorCode code{};
    std::string why;
  };

  HttpReplay() : course_({}) {}
  // Of a request to that app, as the client sent it and the proxy completed it. `rules`: of the
  // port.
  HttpReplay(const AppName& dialled, const std::vector<ReplayCacheRule>& rules,
             const RequestHead& request, ReplayCache& cache, Instant now);

  // For the dialer.
  [[nodiscard]] const RoutingWish& wish() const { return course_.wish(); }
  [[nodiscard]] std::optional<Instant> deadline() const { return course_.deadline(); }
  // Any machine of the app that was dialled will do, and has.
  [[nodiscard]] bool is_plain() const { return wish().is_plain() && !wish().app && is_unchanged(); }

  // Makes the request the one for that machine.
  void address(RequestHead& request, MachineId machine);

  // Whether a response is an instruction. If so nothing of it is for the client: its body goes to
  // on_piece(), its end to on_end().
  bool takes(const ResponseHead& head);
  [[nodiscard]] bool is_taking() const { return form_ != ReplayForm::kNone; }
  // False: it is too long, there is no need to read on; on_end() comes next.
  bool on_piece(std::string_view piece);
  // Follows the instruction of the machine `from`, of `region`. Nothing: dial wish().
  std::optional<Failure> on_end(MachineId from, std::string_view region, bool request_kept,
                                const RequestHead& request, const Desk& desk, Now now);

  // No machine for wish(). True: there is another way, dial again.
  bool on_no_machine(bool had_candidates, const RequestHead& request, ReplayCache& cache, Now now);

  [[nodiscard]] int replays() const { return course_.replays(); }

 private:
  [[nodiscard]] bool is_unchanged() const { return !original_; }
  [[nodiscard]] CacheRequest cache_request(const RequestHead& request) const;
  [[nodiscard]] std::variant<AppName, ErrorCode> find_target(const std::string& name,
                                                             const AppName& from,
                                                             const Desk& desk) const;

  AppName dialled_;
  std::vector<ReplayCacheRule> rules_;
  ReplayCourse course_;
  std::optional<RequestHead> original_;  // once a step changes it
  ReplayForm form_ = ReplayForm::kNone;
  HeaderList head_;   // of the instruction
  std::string body_;  // of its JSON form
  std::size_t read_ = 0;
};

}  // namespace sixpn::flycast
