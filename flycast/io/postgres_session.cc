#include "flycast/io/postgres_session.h"

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "base/io/clock.h"
#include "base/log.h"
#include "flycast/core/postgres_opening.h"
#include "flycast/io/client_session.h"
#include "flycast/io/sockets.h"
#include "flycast/io/tls_session.h"

namespace sixpn::flycast {
namespace {

// invalid_authorization_specification, as PostgreSQL itself answers where only TLS is let in.
constexpr std::string_view kRefusedState = "28000";
constexpr std::string_view kRefusal =
    "this port takes connections with TLS only: connect with sslmode=require or verify-full";

class PostgresSession : public Session, public std::enable_shared_from_this<PostgresSession> {
 public:
  PostgresSession(ProxyState& state, SessionId id, ClientStream client, const IpEndpoint& from,
                  const IpEndpoint& dialled, ClientTicket ticket)
      : state_(state),
        id_(id),
        client_(std::move(client)),
        from_(from),
        dialled_(dialled),
        ticket_(std::move(ticket)),
        timer_(state.loop, [this] { fail("it did not begin in time"); }) {}

  void start() {
    timer_.arm_after(state_.options.tls_handshake_timeout);
    set_least_input(client_.fd.get(), kPostgresOpeningBytes);
    watch_.emplace(state_.loop, client_.fd.get(), [this] { turn(); });
    turn();
  }

  // Also when it was told that there is no encryption by GSSAPI: what it says next begins anew,
  // with the one that takes this proxy's place.
  void on_departure() override {
    leave();
    state_.commons.first.pass_client(std::move(client_.fd));
    state_.end(id_);
  }

 private:
  void turn() {
    auto self = shared_from_this();
    while (true) {
      std::array<char, kPostgresOpeningBytes> first{};
      std::size_t size = peek_input(client_.fd.get(), first.data(), first.size());
      if (size < first.size()) {
        if (has_ended(client_.fd.get())) fail("it ended before it began");
        return;
      }
      switch (judge_postgres_opening({first.data(), first.size()})) {
        case PostgresOpening::kGss:
          if (std::exchange(told_no_gss_, true)) return fail("it insists on GSSAPI");
          if (!answer(kPostgresNoGss)) return fail("the client takes nothing");
          continue;
        case PostgresOpening::kTls:
          if (!answer(kPostgresTls)) return fail("the client takes nothing");
          return go_on(start_tls_handshake);
        case PostgresOpening::kDirectTls:
          return go_on(start_tls_handshake);
        case PostgresOpening::kCancel:
          return go_on(relay_plainly);
        case PostgresOpening::kPlain:
          send_whole(client_.fd.get(), postgres_refusal(kRefusedState, kRefusal));
          return fail("it asks for no TLS");
        case PostgresOpening::kOther:
          return fail("it does not speak PostgreSQL's protocol");
      }
    }
  }

  // In place of the question, which is read.
  bool answer(std::string_view words) {
    discard_input(client_.fd.get(), kPostgresOpeningBytes);
    return send_whole(client_.fd.get(), words);
  }

  // Last: another session takes this one's place.
  template <class Next>
  void go_on(Next next) {
    leave();
    next(state_, id_, std::move(client_), from_, dialled_, std::move(ticket_));
  }

  static void relay_plainly(ProxyState& state, SessionId id, ClientStream client,
                            const IpEndpoint& from, const IpEndpoint& dialled,
                            ClientTicket ticket) {
    start_client_session(state, id, std::move(client), from, dialled, std::move(ticket),
                         /*is_known=*/true);
  }

  void leave() {
    timer_.cancel();
    watch_.reset();
    set_least_input(client_.fd.get(), 1);
  }

  void fail(std::string_view why) {
    leave();
    ++state_.stats.tls_failed;
    if (auto held_back = state_.give_up_log.pass(monotonic_now()))
      log::info("flycast", "no TLS with a PostgreSQL client {} at {}: {} ({} such lines held back)",
                to_string(from_.ip), to_string(dialled_), why, *held_back);
    // What it was told must not be lost in a reset.
    discard_input(client_.fd.get());
    allow_clean_close(client_.fd.get());
    state_.end(id_);
  }

  ProxyState& state_;
  SessionId id_;
  ClientStream client_;
  IpEndpoint from_;
  IpEndpoint dialled_;
  ClientTicket ticket_;
  LoopTimer timer_;
  std::optional<FdWatch> watch_;
  bool told_no_gss_ = false;
};

}  // namespace

void start_postgres_session(ProxyState& state, SessionId id, ClientStream client,
                            const IpEndpoint& from, const IpEndpoint& dialled,
                            ClientTicket ticket) {
  auto session = std::make_shared<PostgresSession>(state, id, std::move(client), from, dialled,
                                                   std::move(ticket));
  state.keep(id, session);
  session->start();
}

}  // namespace sixpn::flycast
