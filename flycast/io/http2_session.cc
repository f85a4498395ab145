#include "flycast/io/http2_session.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/io/clock.h"
#include "base/log.h"
#include "flycast/core/http_port.h"
#include "flycast/core/kept_briefly.h"
#include "flycast/io/early_timer.h"
#include "flycast/io/http2_codec.h"
#include "flycast/io/http2_stream.h"
#include "flycast/io/http_session.h"
#include "flycast/io/lingering.h"
#include "flycast/io/sockets.h"

namespace sixpn::flycast {
namespace {

// What one session does before others get their turn.
constexpr int kReadsPerTurn = 4;
constexpr int kRoundsPerTurn = 4;
constexpr std::size_t kReadSize = 64 * 1024;
// Frames are gathered up to this size before they are sent.
constexpr std::size_t kOutputBatch = 64 * 1024;

class Http2Session : public Session, public std::enable_shared_from_this<Http2Session> {
 public:
  Http2Session(ProxyState& state, SessionId id, ClientStream client, const IpEndpoint& from,
               const IpEndpoint& dialled, ClientTicket ticket)
      : state_(state),
        id_(id),
        from_(from),
        dialled_(dialled),
        arrival_(from.ip, dialled, state.options.region, client.tls != nullptr),
        ticket_(std::move(ticket)),
        client_(state, std::move(client), [this] { turn(); }),
        codec_(events()),
        timer_(state.loop, [this] { on_timer(); }) {}
  ~Http2Session() override {
    state_.http.held -= counted_;
    state_.http.kept_by_http2 -= kept_.size();
  }

  void start(std::string_view first) {
    if (!client_.valid()) return state_.end(id_);
    ++state_.stats.http2_connections;
    active_at_ = monotonic_now();
    open_ = codec_.feed(first, active_at_);
    turn();
  }

  // What has begun is answered here. Its next request, and any that crosses this word, the client
  // takes to the proxy that comes: it is told which ones were not begun (RFC 9113 section 6.8).
  void on_departure() override {
    if (ended_ || lingering_) return;
    codec_.shut_down();
    for (auto& [id, stream] : streams_) {
      stream.on_departure();
      make_ready(id);
    }
    turn();
  }

  [[nodiscard]] bool deals_with(HostId host) const override {
    return std::any_of(streams_.begin(), streams_.end(),
                       [host](const auto& one) { return one.second.deals_with(host); }) ||
           std::any_of(kept_.begin(), kept_.end(),
                       [host](const Kept& one) { return one.machine->is_behind(host); });
  }

  // Its streams wake this session, later.
  void on_host_dead(HostId host) override {
    state_.http.kept_by_http2 -=
        std::erase_if(kept_, [host](const Kept& one) { return one.machine->is_behind(host); });
    for (auto& [id, stream] : streams_) stream.on_host_dead(host);
  }

 private:
  Http2Codec::Events events() {
    return {[this](Http2StreamId id, RequestHead head) { on_request(id, std::move(head)); },
            [this](Http2StreamId id, std::string_view piece) { on_body(id, piece); },
            [this](Http2StreamId id, const HeaderList& trailers) { on_request_end(id, trailers); },
            [this](Http2StreamId id) { on_closed(id); }};
  }

  // Moves what can be moved; what hinders the rest tells when it does not any more.
  void turn() {
    auto self = shared_from_this();
    if (ended_ || std::exchange(in_turn_, true)) return;
    client_.flush();
    bool more = lingering_ ? discard() : read_client();
    if (!ended_) more = move_responses() || more;
    in_turn_ = false;
    if (ended_) return;
    if (client_.broken()) return end();
    if (codec_.is_over() && client_.held() == 0) linger();
    count_held();
    arm();
    if (more) go_on_later();
  }

  // Frames that go make room to read more. True: there is still more to move.
  bool move_responses() {
    for (int i = 0; i < kRoundsPerTurn; ++i) {
      move_streams();
      bool wrote = write_client();
      if (wrote) ready_.insert(ready_.end(), full_.begin(), full_.end());
      if (wrote) full_.clear();
      if (ready_.empty()) return false;
    }
    return true;
  }

  void move_streams() {
    if (ready_.empty()) return;
    std::vector<Http2StreamId> due = std::exchange(ready_, {});
    Instant now = monotonic_now();
    for (Http2StreamId id : due) {
      auto found = streams_.find(id);
      if (found == streams_.end()) continue;
      Http2Stream& stream = found->second;
      if (stream.turn()) full_.push_back(id);
      keep(stream.take_machine());
      timer_.arm_by(stream.deadline(now));
    }
  }

  // Others first, then the rest: what comes meanwhile for several streams goes in one write.
  void go_on_later() {
    if (std::exchange(posted_, true)) return;
    boost::asio::post(state_.loop.context(), [weak = weak_from_this()] {
      auto later = weak.lock();
      if (!later) return;
      later->posted_ = false;
      later->turn();
    });
  }

  void make_ready(Http2StreamId id) {
    if (ready_.empty() || ready_.back() != id) ready_.push_back(id);
  }

  void wake(Http2StreamId id) {
    make_ready(id);
    if (!in_turn_) go_on_later();
  }

  // ---------------------------------------------------------------- the client

  // True: there may be more to read at once.
  bool read_client() {
    for (int i = 0; i < kReadsPerTurn; ++i) {
      if (!open_ || !client_.readable() || client_.held() >= kMaxHttp2Held) return false;
      std::string_view bytes;
      switch (client_.read(bytes, kReadSize)) {
        case HttpStream::Got::kNothing:
          return false;
        case HttpStream::Got::kEnd:
        case HttpStream::Got::kReset:
          end();
          return false;
        case HttpStream::Got::kBytes:
          open_ = codec_.feed(bytes, monotonic_now());
      }
    }
    return true;
  }

  // Whether frames went, or are held for the client: there is room for more of the responses.
  bool write_client() {
    std::string batch;
    bool wrote = false;
    while (client_.held() < kMaxHttp2Held) {
      std::string_view frame = codec_.next_output();
      batch.append(frame);
      if (!frame.empty() && batch.size() < kOutputBatch) continue;
      if (batch.empty()) break;
      client_.send(batch);
      batch.clear();
      wrote = true;
    }
    if (wrote) active_at_ = monotonic_now();
    return wrote;
  }

  // ---------------------------------------------------------------- requests

  void on_request(Http2StreamId id, RequestHead head) {
    auto ticket = admit();
    if (!ticket) return codec_.reset(id, Http2Error::kRefusedStream);
    HttpCall::Client client{from_, dialled_, arrival_,
                            [this] { return ended_ || is_reset(client_.fd()); },
                            [this, id] { wake(id); }};
    auto kept = take_kept();
    if (kept) kept->stream->set_ready(client.wake);
    auto call = std::make_unique<HttpCall>(state_, std::move(client), std::move(head));
    call->keep(std::move(kept));
    streams_.try_emplace(id, state_, codec_, id, std::move(*ticket), std::move(call));
    make_ready(id);
  }

  // A request has a connection to a machine, and counts as one of a client.
  std::optional<ClientTicket> admit() {
    const FlycastOptions& options = state_.options;
    if (state_.open_everywhere() >= options.max_sessions) {
      ++state_.stats.over_session_limit;
      return std::nullopt;
    }
    auto ticket = state_.commons.clients.admit(
        from_.ip, static_cast<std::uint32_t>(options.max_sessions_per_client));
    if (!ticket) ++state_.stats.over_client_limit;
    return ticket;
  }

  void on_body(Http2StreamId id, std::string_view piece) {
    auto found = streams_.find(id);
    if (found == streams_.end()) return codec_.consume(id, piece.size());
    found->second.on_body(piece);
    make_ready(id);
  }

  void on_request_end(Http2StreamId id, const HeaderList& trailers) {
    auto found = streams_.find(id);
    if (found == streams_.end()) return;
    found->second.on_request_end(trailers);
    make_ready(id);
  }

  void on_closed(Http2StreamId id) {
    auto found = streams_.find(id);
    if (found == streams_.end()) return;
    Duration idle = found->second.idle_timeout();
    idle_timeout_ = idle == Duration::zero() ? kHttp2IdleTimeout : idle;
    streams_.erase(found);
    active_at_ = monotonic_now();
  }

  // ---------------------------------------------------------------- kept connections to machines

  struct Kept {
    std::unique_ptr<HttpMachine> machine;
    Instant since;
  };

  void keep(std::unique_ptr<HttpMachine> machine) {
    if (!machine) return;
    if (state_.http.kept_by_http2 >= state_.most_kept())
      return allow_clean_close(machine->stream->fd());
    machine->stream->set_ready([this] {
      kept_speaks_ = true;
      go_on_later();
    });
    ++state_.http.kept_by_http2;
    kept_.push_back({std::move(machine), monotonic_now()});
  }

  // The one used last: the others may go to waste.
  std::unique_ptr<HttpMachine> take_kept() {
    drop_ended();
    if (kept_.empty()) return nullptr;
    auto machine = std::move(kept_.back().machine);
    kept_.pop_back();
    --state_.http.kept_by_http2;
    return machine;
  }

  std::deque<Kept>::iterator drop_kept(std::deque<Kept>::iterator which) {
    allow_clean_close(which->machine->stream->fd());
    --state_.http.kept_by_http2;
    return kept_.erase(which);
  }

  // Of the one that rests longest. As many as the client has requests at once are kept, or they
  // would connect anew each time; but each may hold a place at its machine, so many not for long.
  [[nodiscard]] Instant kept_until() const {
    return kept_.front().since + (kept_.size() > kHttp2KeptLong ? kKeptBriefly : kKeptMachine);
  }

  void drop_all_kept() {
    while (!kept_.empty()) drop_kept(kept_.begin());
  }

  // Of which the machine closed, or spoke unasked.
  void drop_ended() {
    if (!std::exchange(kept_speaks_, false)) return;
    for (auto each = kept_.begin(); each != kept_.end();)
      each = each->machine->stream->rests() ? std::next(each) : drop_kept(each);
  }

  // ---------------------------------------------------------------- time

  // Of the connection; the streams' own deadlines are seen to as they move.
  void arm() {
    drop_ended();
    timer_.arm_by(active_at_ + (lingering_ ? kLinger : patience()));
    if (!kept_.empty()) timer_.arm_by(kept_until());
  }

  [[nodiscard]] Duration patience() const {
    return streams_.empty() && client_.held() == 0 ? idle_timeout_ : kHttp2IdleTimeout;
  }

  void on_timer() {
    auto self = shared_from_this();
    if (ended_) return;
    Instant now = monotonic_now();
    while (!kept_.empty() && kept_until() <= now) drop_kept(kept_.begin());
    for (auto& [id, stream] : streams_) {
      if (stream.on_time(now)) make_ready(id);
      timer_.arm_by(stream.deadline(now));
    }
    if (now >= active_at_ + (lingering_ ? kLinger : patience())) on_idle();
    turn();
  }

  void on_idle() {
    if (client_.held() != 0 || lingering_) return end();
    if (!streams_.empty()) {
      active_at_ = monotonic_now();  // a machine may think as long as its call lets it
      return;
    }
    codec_.shut_down();
    open_ = false;
    write_client();
    linger();
  }

  void count_held() {
    std::size_t held = codec_.buffered();
    state_.http.held += held - counted_;  // modulo, where it is less
    counted_ = held;
  }

  // ---------------------------------------------------------------- its end

  // What the client still says is read, lest a reset overtakes what it was told last.
  void linger() {
    if (lingering_) return;
    lingering_.emplace();
    open_ = false;
    if (!codec_.reproach().empty()) log_reproach();
    streams_.clear();
    drop_all_kept();
    client_.finish();
    active_at_ = monotonic_now();
    go_on_later();
  }

  void log_reproach() {
    ++state_.stats.http2_sent_away;
    if (auto held_back = state_.give_up_log.pass(monotonic_now()))
      log::warn("flycast", "the HTTP/2 client {} of {} was sent away: {} ({} such lines held back)",
                to_string(from_), to_string(dialled_), codec_.reproach(), *held_back);
  }

  bool discard() {
    Lingering::Read read = lingering_->read(client_);
    if (read == Lingering::Read::kOver || read == Lingering::Read::kReset) end();
    return read == Lingering::Read::kMore;
  }

  void end() {
    if (std::exchange(ended_, true)) return;
    if (client_.held() == 0) allow_clean_close(client_.fd());
    drop_all_kept();
    timer_.cancel();
    state_.end(id_);
  }

  ProxyState& state_;
  SessionId id_;
  IpEndpoint from_;
  IpEndpoint dialled_;
  HttpArrival arrival_;
  ClientTicket ticket_;
  HttpStream client_;
  Http2Codec codec_;
  EarlyTimer timer_;
  Instant active_at_{};  // when the client last took something, or had its answer
  Duration idle_timeout_ = kHttp2IdleTimeout;
  std::map<Http2StreamId, Http2Stream> streams_;
  std::vector<Http2StreamId> ready_;  // streams that something has come for
  std::vector<Http2StreamId> full_;   // those that wait for frames to go
  std::deque<Kept> kept_;
  bool kept_speaks_ = false;
  std::size_t counted_ = 0;             // in what the loop's sessions hold
  bool open_ = true;                    // the client may say more
  std::optional<Lingering> lingering_;  // once nothing more is answered
  bool posted_ = false;
  bool in_turn_ = false;
  bool ended_ = false;
};

}  // namespace

void start_http2_session(ProxyState& state, SessionId id, ClientStream client,
                         std::string_view first, const IpEndpoint& from, const IpEndpoint& dialled,
                         ClientTicket ticket) {
  auto session = std::make_shared<Http2Session>(state, id, std::move(client), from, dialled,
                                                std::move(ticket));
  state.keep(id, session);
  session->start(first);
}

}  // namespace sixpn::flycast
