#include "flycast/io/tls_relay.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "base/io/clock.h"
#include "flycast/io/relay.h"
#include "flycast/io/sockets.h"

namespace sixpn::flycast {
namespace {

constexpr std::size_t kReadSize = 64 * 1024;
// What one relay moves before others get their turn.
constexpr int kReadsPerTurn = 4;
// How often idle and silent ends are looked for.
constexpr Duration kLook = std::chrono::seconds(1);

class TlsRelay : public Session, public std::enable_shared_from_this<TlsRelay> {
 public:
  TlsRelay(ProxyState& state, SessionId id, ClientStream client, TlsRelayMachine machine)
      : state_(state),
        id_(id),
        tickets_(std::move(machine.tickets)),
        idle_timeout_(machine.idle_timeout),
        hop_host_(machine.hop_host),
        client_(state, std::move(client), [this] { turn(); }),
        machine_(state, std::move(machine.stream), [this] { turn(); }),
        timer_(state.loop, [this] { look(); }) {}

  void start() {
    if (!client_.valid() || !machine_.valid()) return state_.end(id_);
    active_at_ = monotonic_now();
    timer_.arm_after(kLook);
    turn();
  }

  [[nodiscard]] bool deals_with(HostId host) const override { return host == hop_host_; }
  void on_host_dead(HostId host) override {
    if (over_ || !deals_with(host)) return;
    ++state_.stats.silent_hops;
    end();
  }

 private:
  // One direction.
  struct Flow {
    HttpStream& from;
    HttpStream& to;
    bool ended = false;  // `from` has said its last, and `to` was told
  };

  void turn() {
    auto self = shared_from_this();
    if (over_ || std::exchange(in_turn_, true)) return;
    client_.flush();
    machine_.flush();
    bool more = false;
    for (Flow* flow : {&up_, &down_}) more = pump(*flow) || more;
    in_turn_ = false;
    if (over_) return;
    if (client_.broken() || machine_.broken()) return end();
    bool whole = up_.ended && down_.ended && client_.held() == 0 && machine_.held() == 0;
    if (whole) return end_cleanly();
    if (!(up_.ended && down_.ended)) look_for_resets();
    if (more && !over_) go_on_later();
  }

  void look_for_resets() {
    for (const Flow* flow : {&up_, &down_}) {
      if (!is_gone(*flow)) continue;
      if (flow->ended && flow->to.held() == 0) return end();
      if (gone_at_ == kNever) gone_at_ = monotonic_now();
    }
  }

  // Of a side that said its last nothing is read any more, nor of one whose words nobody takes: no
  // read tells that it went.
  [[nodiscard]] static bool is_gone(const Flow& flow) {
    bool unread = flow.ended || flow.to.held() >= kMostUntakenOfTls;
    return unread && flow.from.failed();
  }

  // True: there may be more to move at once.
  bool pump(Flow& flow) {
    for (int i = 0; i < kReadsPerTurn; ++i) {
      if (over_ || flow.ended || !flow.from.readable()) return false;
      if (flow.to.held() >= kMostUntakenOfTls) return false;
      std::string_view bytes;
      switch (flow.from.read(bytes, kReadSize)) {
        case HttpStream::Got::kNothing:
          return false;
        case HttpStream::Got::kReset:
          end();
          return false;
        case HttpStream::Got::kEnd:
          flow.ended = true;
          flow.to.finish();
          return false;
        case HttpStream::Got::kBytes:
          active_at_ = monotonic_now();
          flow.to.send(bytes);
      }
    }
    return true;
  }

  void go_on_later() {
    boost::asio::post(state_.loop.context(), [weak = weak_from_this()] {
      if (auto later = weak.lock()) later->turn();
    });
  }

  void look() {
    Instant now = monotonic_now();
    if (idle_timeout_ > Duration::zero() && now - active_at_ >= idle_timeout_) {
      ++state_.stats.idle_timeouts;
      return end();
    }
    if (hop_host_ != HostId{} && is_unanswered(machine_.fd(), state_.options.hop_silence)) {
      ++state_.stats.silent_hops;
      return end();
    }
    if (gone_at_ != kNever && now - gone_at_ >= Relay::kResetGrace) return end();
    timer_.arm_after(kLook);
  }

  void end_cleanly() {
    allow_clean_close(client_.fd());
    allow_clean_close(machine_.fd());
    end();
  }

  // Resets what was not ended cleanly.
  void end() {
    if (std::exchange(over_, true)) return;
    timer_.cancel();
    state_.end(id_);
  }

  ProxyState& state_;
  SessionId id_;
  SessionTickets tickets_;
  Duration idle_timeout_;
  HostId hop_host_;
  HttpStream client_;
  HttpStream machine_;
  LoopTimer timer_;
  Flow up_{client_, machine_};
  Flow down_{machine_, client_};
  Instant active_at_{};
  Instant gone_at_ = kNever;  // when a reset was first seen behind what is still to be taken
  bool in_turn_ = false;
  bool over_ = false;
};

}  // namespace

void start_tls_relay(ProxyState& state, SessionId id, ClientStream client,
                     TlsRelayMachine machine) {
  auto session = std::make_shared<TlsRelay>(state, id, std::move(client), std::move(machine));
  state.keep(id, session);
  session->start();
}

}  // namespace sixpn::flycast
