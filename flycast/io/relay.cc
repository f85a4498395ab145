#include "flycast/io/relay.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "flycast/io/sockets.h"

namespace sixpn::flycast {
namespace {

// Chunks per turn of one direction, so that a fast stream does not starve the others.
constexpr int kChunksPerTurn = 8;
// A direction is spliced once this much came without a small read between; less than kSmallRead at
// once is a small one.
constexpr std::size_t kSpliceAfter = 256 * 1024;
constexpr std::size_t kSmallRead = 4096;

constexpr std::uint32_t kInput = EPOLLIN | EPOLLRDHUP | EPOLLHUP;

bool control(int epoll, int operation, Relay::End& end) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET | (end.tells_room ? EPOLLOUT : 0u);
  event.data.u64 = end.name;
  return epoll_ctl(epoll, operation, end.fd.get(), &event) == 0;
}

}  // namespace

Relay::Relay(RelayStreams streams, RelayShared& shared)
    : shared_(&shared),
      id_(streams.id),
      bytes_(std::move(streams.bytes)),
      up_{client_, machine_},
      down_{machine_, client_},
      active_at_(shared.now),
      idle_timeout_(streams.idle_timeout) {
  client_.name = client_name(id_);
  machine_.name = machine_name(id_);
  client_.fd = std::move(streams.client);
  client_.is_hop = streams.client_host != HostId{};
  machine_.fd = std::move(streams.machine);
  machine_.is_hop = streams.machine_host != HostId{};
  machine_.is_bare = streams.machine_is_bare;
  // A client that speaks first has done so by now; of a machine that does, watch() brings an event.
  machine_.readable = false;
  is_near_ = !machine_.is_hop;
}

// Between leave() and join() it shares nothing.
Relay::~Relay() {
  if (shared_ == nullptr) return;
  for (Flow* flow : {&up_, &down_}) {
    drop_held(*flow);
    drop_pipe(*flow);
  }
}

bool Relay::watch(int epoll) {
  epoll_ = epoll;
  return control(epoll, EPOLL_CTL_ADD, client_) && control(epoll, EPOLL_CTL_ADD, machine_);
}

void Relay::make_lasting() {
  if (std::exchange(machine_.is_bare, false)) flycast::make_lasting(machine_.fd.get());
}

void Relay::leave() {
  for (const End* end : {&client_, &machine_})
    epoll_ctl(epoll_, EPOLL_CTL_DEL, end->fd.get(), nullptr);
  epoll_ = -1;
  shared_->held_bytes -= up_.held.size() + down_.held.size();
  shared_ = nullptr;
}

void Relay::join(RelayShared& shared) {
  shared_ = &shared;
  shared.held_bytes += up_.held.size() + down_.held.size();
}

void Relay::on_events(std::uint64_t name, std::uint32_t events) {
  if (ended_) return;
  End& end = name == client_.name ? client_ : machine_;
  bool news = (events & kInput) != 0 || ((events & EPOLLOUT) != 0 && end.blocked);
  if ((events & kInput) != 0) end.readable = true;
  if ((events & EPOLLRDHUP) != 0) end.hung_up = true;
  if ((events & EPOLLPRI) != 0) end.urgent = true;
  if ((events & EPOLLOUT) != 0) end.blocked = false;
  if ((events & EPOLLERR) != 0 && take_error(end.fd.get()) != 0) on_reset(end);
  if (news || was_reset_) move_some();
}

void Relay::move_some() {
  was_reset_ = false;
  bool more_up = pump(up_);
  bool more_down = pump(down_);
  wants_turn_ = !ended_ && (more_up || more_down || was_reset_);
}

void Relay::sweep() {
  if (idle_timeout_ != Duration::zero() && shared_->now - active_at_ >= idle_timeout_) {
    ++shared_->idle_timeouts;
    ended_ = true;
    return;
  }
  for (End* end : {&client_, &machine_}) {
    if (!ended_ && is_silent(*end)) give_up_hop(*end);
  }
  if (was_reset_) move_some();
}

void Relay::lose_hop() {
  for (End* end : {&client_, &machine_}) {
    if (!ended_ && end->is_hop && !end->reset) give_up_hop(*end);
  }
  if (was_reset_) move_some();
}

void Relay::give_up_hop(End& end) {
  ++shared_->silent_hops;
  end.is_gone = true;
  on_reset(end);
}

bool Relay::is_silent(End& end) {
  if (!end.is_hop || !end.owing || end.reset) return false;
  end.owing = unacknowledged(end.fd.get()) != 0;
  return end.owing && is_unanswered(end.fd.get(), shared_->hop_silence);
}

Relay::Look Relay::look_at_machine() {
  if (ended_ || machine_.reset || !machine_.owing) return {};
  Duration since = shared_->now - asked_at_;
  if (since < kSilenceLook) return {false, asked_at_ + kSilenceLook};
  machine_.owing = since < kSilenceTold && unacknowledged(machine_.fd.get()) != 0;
  if (!machine_.owing) return {};
  bool silent = acknowledges_nothing(machine_.fd.get(), kSilentMachine, since);
  return {silent, shared_->now + kSilenceLook};
}

void Relay::check_ending() {
  if (shared_->now >= grace_until_) {
    ended_ = true;
  } else if (reset_next_ != nullptr) {
    reset_when_received(*reset_next_);
  }
}

// Moves what can be moved; true when it stopped only to let others have their turn.
bool Relay::pump(Flow& flow) {
  for (int i = 0; i < kChunksPerTurn; ++i) {
    if (ended_ || flow.finished || !flush(flow)) return false;
    if (flow.ended) {
      finish(flow);
      return false;
    }
    if (!flow.from.readable) return false;
    fill(flow);
  }
  return !ended_ && !flow.finished && !flow.to.blocked && (flow.from.readable || flow.ended);
}

// Reads one chunk and passes it on; what does not fit is held.
void Relay::fill(Flow& flow) {
  if (flow.bulk >= kSpliceAfter && !flow.from.urgent && fill_pipe(flow)) return;
  std::size_t chunk = shared_->held_bytes < kMaxHeldBytes ? kRelayChunk : kSmallRelayChunk;
  char* buffer = shared_->chunk.get();
  auto got = recv(flow.from.fd.get(), buffer, chunk, 0);
  if (got <= 0) return on_no_input(flow, got == 0 ? 0 : errno);
  auto size = static_cast<std::size_t>(got);
  count_read(flow, size);
  // A short read has emptied the socket, and what comes after it makes a new edge; except a FIN
  // that was told before.
  if (size < chunk && !flow.from.hung_up && !flow.from.urgent) flow.from.readable = false;
  // Its FIN is here already: then it goes in one packet with these bytes, as finish() follows.
  bool last = size < chunk && flow.from.hung_up && !flow.from.urgent && !flow.from.reset;
  std::size_t sent = 0;
  if (!send_some(flow, {buffer, size}, sent, last ? MSG_MORE : 0) || sent == size) return;
  block(flow.to);
  flow.held.assign(buffer + sent, size - sent);
  shared_->held_bytes += flow.held.size();
}

// False when there is no pipe: copy.
bool Relay::fill_pipe(Flow& flow) {
  if (!flow.pipe && !lend_pipe(flow)) return false;
  auto got = splice(flow.from.fd.get(), nullptr, flow.pipe.in.get(), nullptr, PipePool::kPipeBytes,
                    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (got <= 0) {
    int error = got == 0 ? 0 : errno;
    drop_pipe(flow);
    on_no_input(flow, error);
    return true;
  }
  flow.piped = static_cast<std::size_t>(got);
  count_read(flow, flow.piped);
  flush_pipe(flow);
  return true;
}

// The destination's kernel may then hold what fits its send buffer: cut at kUnsentBytes, as small
// exchanges are, bulk takes four times as many wake-ups (decisions/0100).
bool Relay::lend_pipe(Flow& flow) {
  flow.pipe = shared_->pipes.borrow();
  if (flow.pipe && !std::exchange(flow.to.takes_bulk, true)) allow_bulk(flow.to.fd.get());
  return static_cast<bool>(flow.pipe);
}

void Relay::count_read(Flow& flow, std::size_t size) {
  ++reads_;
  flow.bulk = size < kSmallRead ? 0 : flow.bulk + size;
  active_at_ = shared_->now;
}

void Relay::count_sent(Flow& flow, std::size_t size) {
  shared_->bytes += size;
  if (bytes_) &flow == &up_ ? bytes_->add_in(size) : bytes_->add_out(size);
  active_at_ = shared_->now;
  flow.to.owing = flow.to.is_hop || (&flow.to == &machine_ && is_near_);
  if (&flow.to == &machine_) asked_at_ = shared_->now;
}

void Relay::on_no_input(Flow& flow, int error) {
  if (error == EAGAIN && !flow.from.is_gone) {
    flow.from.readable = false;
    return;
  }
  flow.ended = true;
  if (error != 0) mark_reset(flow.from);
}

// True when nothing is held any more.
bool Relay::flush(Flow& flow) {
  if (flow.to.blocked) return false;
  if (flow.piped > 0) return flush_pipe(flow);
  if (flow.held.empty()) return true;
  std::size_t sent = 0;
  if (!send_some(flow, std::string_view(flow.held).substr(flow.held_from), sent)) return false;
  flow.held_from += sent;
  if (flow.held_from < flow.held.size()) {
    block(flow.to);
    return false;
  }
  drop_held(flow);
  return true;
}

// Most are never blocked, and watched for room from the beginning they would wake the loop for
// nothing. An end that has room by now is told of at once.
void Relay::block(End& end) {
  end.blocked = true;
  if (!std::exchange(end.tells_room, true)) control(epoll_, EPOLL_CTL_MOD, end);
}

bool Relay::flush_pipe(Flow& flow) {
  while (flow.piped > 0) {
    auto put = splice(flow.pipe.out.get(), nullptr, flow.to.fd.get(), nullptr, flow.piped,
                      SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (put < 0 && errno == EAGAIN) {
      block(flow.to);
      return false;
    }
    if (put <= 0) {
      on_reset(flow.to);
      return false;
    }
    flow.piped -= static_cast<std::size_t>(put);
    count_sent(flow, static_cast<std::size_t>(put));
  }
  if (!flow.from.readable) drop_pipe(flow);
  return true;
}

// False when the destination is gone; `sent` may be short when its buffer is full.
bool Relay::send_some(Flow& flow, std::string_view bytes, std::size_t& sent, int more) {
  auto put = send(flow.to.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | more);
  if (put < 0 && errno != EAGAIN) {
    on_reset(flow.to);
    return false;
  }
  sent = put < 0 ? 0 : static_cast<std::size_t>(put);
  count_sent(flow, sent);
  return true;
}

void Relay::drop_held(Flow& flow) {
  shared_->held_bytes -= flow.held.size();
  flow.held_from = 0;
  std::string().swap(flow.held);  // gives the memory back
}

// An empty one can serve another stream; one with bytes in it cannot.
void Relay::drop_pipe(Flow& flow) {
  if (!flow.pipe) return;
  Pipe pipe = std::move(flow.pipe);
  if (flow.piped == 0) return shared_->pipes.give_back(std::move(pipe));
  flow.piped = 0;
  shared_->pipes.report_lost();
}

// The source has ended and all of it is with the destination's kernel.
void Relay::finish(Flow& flow) {
  flow.finished = true;
  if (flow.from.reset) return reset_when_received(flow.to);
  if (up_.finished && down_.finished) {
    allow_clean_close(client_.fd.get());
    allow_clean_close(machine_.fd.get());
    ended_ = true;
  } else if (shutdown(flow.to.fd.get(), SHUT_WR) != 0) {
    on_reset(flow.to);
  }
}

// A reset must not overtake the bytes before it; and what was sent but not acknowledged is lost
// with the socket if a packet of it was.
void Relay::reset_when_received(End& end) {
  reset_next_ = &end;
  ended_ = end.reset || unacknowledged(end.fd.get()) == 0;
}

// Nothing more can be sent to `end`; what it sent before is still passed on, within the grace.
void Relay::on_reset(End& end) {
  if (end.reset) return;
  mark_reset(end);
  Flow& away = &up_.from == &end ? up_ : down_;
  if (away.finished) return reset_when_received(away.to);
  end.readable = true;
  was_reset_ = true;
}

void Relay::mark_reset(End& end) {
  end.reset = true;
  end.hung_up = true;
  end.blocked = false;
  Flow& towards = &up_.to == &end ? up_ : down_;
  towards.finished = true;
  drop_held(towards);
  drop_pipe(towards);
  grace_until_ = std::min(grace_until_, shared_->now + kResetGrace);
}

}  // namespace sixpn::flycast
