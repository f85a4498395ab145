#include "flycast/io/relay_session.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <string>
#include <string_view>

#include "base/log.h"
#include "flycast/io/sockets.h"

namespace sixpn::flycast {
namespace {

using boost::asio::posix::stream_descriptor;

// Chunks per turn of one direction, so that a fast stream does not starve the others.
constexpr int kChunksPerTurn = 8;
// After one side was reset: how long the other may take to receive what came before, and how often
// its kernel is asked whether it has (no event tells that all was acknowledged).
constexpr Duration kResetGrace = std::chrono::seconds(2);
constexpr Duration kAcknowledgedCheck = std::chrono::milliseconds(10);

struct End {
  explicit End(EventLoop& loop) : stream(loop.context()) {}
  int fd() { return stream.native_handle(); }

  stream_descriptor stream;
  bool reset = false;
};

// One direction.
struct Flow {
  Flow(End& source, End& destination) : from(source), to(destination) {}

  End& from;
  End& to;
  std::string held;           // read, not all of it written
  std::size_t held_from = 0;  // what of it was written
  bool waiting = false;       // for `from` to be readable or `to` to be writable
  bool drained = false;       // the last read emptied `from`
  bool ended = false;         // `from` has nothing more
  bool finished = false;      // and `to` has been told
};

class RelaySession : public Session, public std::enable_shared_from_this<RelaySession> {
 public:
  RelaySession(ProxyState& state, SessionId id, SessionTickets tickets)
      : state_(state),
        id_(id),
        tickets_(std::move(tickets)),
        client_(state.loop),
        machine_(state.loop),
        up_(client_, machine_),
        down_(machine_, client_),
        grace_(state.loop, [this] { state_.end(id_); }),
        check_(state.loop, [this] { reset_when_received(*reset_next_); }) {}

  ~RelaySession() override { state_.held_bytes -= up_.held.size() + down_.held.size(); }

  bool adopt(Fd client, Fd machine) {
    return adopt(client_, std::move(client)) && adopt(machine_, std::move(machine));
  }

  void start() {
    auto self = shared_from_this();  // a failure at once may end the session
    watch_for_reset(client_);
    watch_for_reset(machine_);
    pump(up_);
    pump(down_);
  }

 private:
  static bool adopt(End& end, Fd fd) {
    boost::system::error_code failed;
    end.stream.assign(fd.get(), failed);
    if (!failed) static_cast<void>(fd.release());
    return !failed;
  }

  // Moves what can be moved, then waits for the one thing that hinders it.
  void pump(Flow& flow) {
    for (int i = 0; i < kChunksPerTurn; ++i) {
      if (flow.waiting || flow.finished) return;
      if (!flush(flow)) return;
      if (flow.ended) return finish(flow);
      if (flow.drained) break;
      fill(flow);
    }
    if (flow.waiting || flow.finished) return;
    if (flow.held.empty()) {
      flow.drained = false;
      wait(flow, flow.from, stream_descriptor::wait_read);
    } else {
      wait(flow, flow.to, stream_descriptor::wait_write);
    }
  }

  // Reads one chunk and passes it on; what does not fit is held.
  void fill(Flow& flow) {
    std::size_t chunk = state_.held_bytes < kMaxHeldBytes ? kRelayChunk : kSmallRelayChunk;
    char* buffer = state_.chunk.data();
    auto got = recv(flow.from.fd(), buffer, chunk, 0);
    if (got <= 0) return on_no_input(flow, got == 0 ? 0 : errno);
    auto size = static_cast<std::size_t>(got);
    flow.drained = size < chunk;
    std::size_t sent = 0;
    if (!send_some(flow, {buffer, size}, sent)) return;
    if (sent == size) return;
    flow.held.assign(buffer + sent, size - sent);
    state_.held_bytes += flow.held.size();
  }

  void on_no_input(Flow& flow, int error) {
    if (error == EAGAIN || error == EINTR) {
      flow.drained = true;
      return;
    }
    flow.ended = true;
    if (error != 0) mark_reset(flow.from);
  }

  // True when nothing is held any more.
  bool flush(Flow& flow) {
    if (flow.held.empty()) return true;
    std::size_t sent = 0;
    if (!send_some(flow, std::string_view(flow.held).substr(flow.held_from), sent)) return false;
    flow.held_from += sent;
    if (flow.held_from == flow.held.size()) {
      drop_held(flow);
      return true;
    }
    wait(flow, flow.to, stream_descriptor::wait_write);
    return false;
  }

  void drop_held(Flow& flow) {
    state_.held_bytes -= flow.held.size();
    flow.held_from = 0;
    std::string().swap(flow.held);  // gives the memory back
  }

  // False when the destination is gone; `sent` may be short when its buffer is full.
  bool send_some(Flow& flow, std::string_view bytes, std::size_t& sent) {
    auto put = send(flow.to.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN && errno != EINTR) {
      on_reset(flow.to);
      return false;
    }
    sent = put < 0 ? 0 : static_cast<std::size_t>(put);
    state_.stats.bytes += sent;
    return true;
  }

  void wait(Flow& flow, End& end, stream_descriptor::wait_type type) {
    flow.waiting = true;
    end.stream.async_wait(
        type, [weak = weak_from_this(), &flow](const boost::system::error_code& failed) {
          auto self = weak.lock();
          if (failed || !self) return;
          flow.waiting = false;
          self->pump(flow);
        });
  }

  // The source has ended and all of it is with the destination's kernel.
  void finish(Flow& flow) {
    flow.finished = true;
    if (flow.from.reset) return reset_when_received(flow.to);
    if (shutdown(flow.to.fd(), SHUT_WR) != 0) return on_reset(flow.to);
    if (!up_.finished || !down_.finished) return;
    allow_clean_close(client_.fd());
    allow_clean_close(machine_.fd());
    state_.end(id_);
  }

  // A reset must not overtake the bytes before it; and what was sent but not acknowledged is lost
  // with the socket if a packet of it was.
  void reset_when_received(End& end) {
    if (end.reset || unacknowledged(end.fd()) == 0) return state_.end(id_);
    reset_next_ = &end;
    check_.arm_after(kAcknowledgedCheck);
  }

  // Nothing more can be sent to `end`; what it sent before is still passed on, within the grace.
  void on_reset(End& end) {
    if (end.reset) return;
    mark_reset(end);
    Flow& away = &up_.from == &end ? up_ : down_;
    if (away.finished) return reset_when_received(away.to);
    pump(away);
  }

  void mark_reset(End& end) {
    end.reset = true;
    Flow& towards = &up_.to == &end ? up_ : down_;
    towards.finished = true;
    drop_held(towards);
    grace_.arm_after(kResetGrace);
  }

  // Notices a reset also while back-pressure keeps the side from being read. Called for urgent
  // bytes or a hang-up that is no error, it has done its work: reads and writes see the rest.
  void watch_for_reset(End& end) {
    end.stream.async_wait(stream_descriptor::wait_error,
                          [weak = weak_from_this(), &end](const boost::system::error_code& failed) {
                            auto self = weak.lock();
                            if (failed || !self) return;
                            if (take_error(end.fd()) != 0) self->on_reset(end);
                          });
  }

  ProxyState& state_;
  SessionId id_;
  SessionTickets tickets_;
  End client_;
  End machine_;
  Flow up_;
  Flow down_;
  LoopTimer grace_;
  LoopTimer check_;
  End* reset_next_ = nullptr;
};

}  // namespace

void start_relay(ProxyState& state, SessionId id, Fd client, Fd machine, SessionTickets tickets) {
  auto session = std::make_shared<RelaySession>(state, id, std::move(tickets));
  if (!session->adopt(std::move(client), std::move(machine))) {
    log::warn("flycast", "a connection was reset: its sockets could not be watched");
    state.end(id);
    return;
  }
  state.keep(id, session);
  session->start();
}

}  // namespace sixpn::flycast
