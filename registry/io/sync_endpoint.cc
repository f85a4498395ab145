#include "registry/io/sync_endpoint.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <list>
#include <utility>

#include "base/io/clock.h"
#include "base/io/event_loop.h"
#include "registry/core/address.h"
#include "registry/core/sync_budget.h"
#include "registry/core/sync_session.h"

namespace sixpn::registry {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

tcp::endpoint to_asio(const Ip6& ip, std::uint16_t port) {
  return {asio::ip::address_v6(ip.bytes), port};
}

constexpr std::chrono::seconds kAcceptPause{1};
constexpr int kBacklog = 64;  // what is over the limit is accepted and closed, not left waiting
using FreeBind = asio::detail::socket_option::boolean<IPPROTO_IPV6, 78>;  // IPV6_FREEBIND

std::optional<HostId> host_behind(const tcp::endpoint& endpoint) {
  if (!endpoint.address().is_v6()) return std::nullopt;
  return host_from_address(Ip6{endpoint.address().to_v6().to_bytes()});
}

}  // namespace

// One session over one socket: reads and writes run side by side, so that neither end can block the
// other.
struct SyncEndpoint::Connection : std::enable_shared_from_this<Connection> {
  Connection(Impl& owner, tcp::socket connected, HostId other, SyncSession::Role role);
  void connect(const tcp::endpoint& local, const tcp::endpoint& remote);
  void run();
  void read();
  void write();
  void on_bytes(std::string_view bytes);
  void merge_later();
  void merge_some();
  void refuse();
  void touch();
  [[nodiscard]] bool is_over() const {
    return session.finished() && writing.empty() && arrived.empty();
  }
  [[nodiscard]] Duration pace();
  void end(bool settled);
  void close();

  Impl& impl;  // outlives every open connection: its destructor closes them
  tcp::socket socket;
  HostId peer;
  bool initiator;
  SyncSession session;
  LoopTimer timer;
  LoopTimer write_again;
  SyncPace own_pace;
  SyncChunk chunk;
  Instant deadline;
  std::deque<SignedRecordPtr> arrived;  // not merged yet; nothing is read while there are some
  std::array<char, 16 * 1024> buffer{};
  std::string writing;
  bool speaking = false;  // bytes have come, and no question
  bool turned_away = false;
  bool closed = false;
};

struct SyncEndpoint::Impl : std::enable_shared_from_this<Impl> {
  Impl(EventLoop& event_loop, Rng& random, const Store& records, const Ip6& own,
       std::uint16_t own_port, Callbacks calls)
      : loop(event_loop),
        rng(random),
        store(records),
        address(own),
        port(own_port),
        callbacks(std::move(calls)),
        acceptor(event_loop.context()),
        accept_again(event_loop, [this] { accept(); }) {}

  Result<void> listen();
  void accept();
  void admit(tcp::socket socket);
  void forget(const Connection* connection);
  void end_served(HostId peer, bool speaking, const Connection* but);
  [[nodiscard]] std::size_t served() const;
  [[nodiscard]] std::size_t refusals() const;
  // Whether this connection is the one that goes at the pace of a first sync.
  [[nodiscard]] bool goes_first(const Connection* connection);

  EventLoop& loop;
  Rng& rng;
  const Store& store;
  Ip6 address;
  std::uint16_t port;
  Callbacks callbacks;
  tcp::acceptor acceptor;
  LoopTimer accept_again;
  std::list<std::shared_ptr<Connection>> connections;
  SyncPace pace;                      // of all connections
  const Connection* first = nullptr;  // the one that serves a first sync
  Counts counts;
  bool stopped = false;
};

// ---- listener
// --------------------------------------------------------------------------------------

Result<void> SyncEndpoint::Impl::listen() {
  error_code failed;
  auto attempt = [&](auto&& step) {
    if (!failed) step();
  };
  attempt([&] { acceptor.open(tcp::v6(), failed); });
  attempt([&] { acceptor.set_option(tcp::acceptor::reuse_address(true), failed); });
  attempt([&] { acceptor.set_option(FreeBind(true), failed); });
  attempt([&] { acceptor.bind(to_asio(address, port), failed); });
  attempt([&] { acceptor.listen(kBacklog, failed); });
  if (failed)
    return Error(
        "listening on TCP " + to_string(IpEndpoint{address, port}) + ": " + failed.message(),
        failed.value());
  accept();
  return {};
}

void SyncEndpoint::Impl::accept() {
  acceptor.async_accept([weak = weak_from_this()](const error_code& failed, tcp::socket socket) {
    auto self = weak.lock();
    if (!self || self->stopped || failed == asio::error::operation_aborted) return;
    // Out of descriptors, say: wait for some to come back.
    if (failed) return self->accept_again.arm_after(kAcceptPause);
    self->admit(std::move(socket));
    self->accept();
  });
}

void SyncEndpoint::Impl::admit(tcp::socket socket) {
  error_code failed;
  auto peer = host_behind(socket.remote_endpoint(failed));
  if (failed || !peer || !callbacks.is_member(*peer)) {
    ++counts.refused;
    return;  // the socket closes
  }
  // One silent one for each peer, the newest: else a single one could hold all places, half open.
  // One that speaks stays until another speaks: a question (tcp_probe.h) breaks no session.
  end_served(*peer, false, nullptr);
  bool full = served() >= kMaxSyncsServed;
  if (full) ++counts.refused;
  if (full && refusals() >= kMaxRefusals) return;
  auto connection =
      std::make_shared<Connection>(*this, std::move(socket), *peer, SyncSession::Role::kResponder);
  connections.push_back(connection);
  full ? connection->refuse() : connection->run();
}

std::size_t SyncEndpoint::Impl::served() const {
  return static_cast<std::size_t>(
      std::count_if(connections.begin(), connections.end(),
                    [](const auto& each) { return !each->initiator && !each->turned_away; }));
}

std::size_t SyncEndpoint::Impl::refusals() const {
  return static_cast<std::size_t>(std::count_if(
      connections.begin(), connections.end(), [](const auto& each) { return each->turned_away; }));
}

bool SyncEndpoint::Impl::goes_first(const Connection* connection) {
  if (first == nullptr) first = connection;
  return first == connection;
}

void SyncEndpoint::Impl::end_served(HostId peer, bool speaking, const Connection* but) {
  auto found = std::find_if(connections.begin(), connections.end(), [&](const auto& each) {
    return !each->initiator && each->peer == peer && each->speaking == speaking &&
           each.get() != but;
  });
  if (found == connections.end()) return;
  ++counts.broken;
  auto connection = *found;  // outlives its place in the list
  connection->end(false);
}

void SyncEndpoint::Impl::forget(const Connection* connection) {
  if (first == connection) first = nullptr;
  connections.remove_if([connection](const auto& each) { return each.get() == connection; });
}

// ---- one connection
// --------------------------------------------------------------------------------

SyncEndpoint::Connection::Connection(Impl& owner, tcp::socket connected, HostId other,
                                     SyncSession::Role role)
    : impl(owner),
      socket(std::move(connected)),
      peer(other),
      initiator(role == SyncSession::Role::kInitiator),
      session(role, owner.store,
              {.version = kSyncByHeads,
               .first = role == SyncSession::Role::kInitiator && owner.callbacks.is_filling(),
               .selection = owner.callbacks.to_compare(other)}),
      timer(owner.loop, [this] { end(false); }),
      write_again(owner.loop, [this] { write(); }),
      deadline(monotonic_now() + kSyncDeadline) {}

void SyncEndpoint::Connection::connect(const tcp::endpoint& local, const tcp::endpoint& remote) {
  touch();
  error_code failed;
  socket.open(tcp::v6(), failed);
  // From our own host address: that is how the other side knows us.
  if (!failed) socket.set_option(FreeBind(true), failed);
  if (!failed) socket.bind(local, failed);
  if (failed) {
    // Not from within the caller, who is in the middle of an event.
    return impl.loop.post([self = shared_from_this()] { self->end(false); });
  }
  socket.async_connect(remote, [self = shared_from_this()](const error_code& refused) {
    if (self->closed) return;
    if (refused) return self->end(false);
    self->run();
  });
}

void SyncEndpoint::Connection::run() {
  touch();
  read();
  write();
}

// Silence and a total time both end it.
void SyncEndpoint::Connection::touch() {
  timer.arm_at(std::min(deadline, monotonic_now() + kSyncIdleTimeout));
}

void SyncEndpoint::Connection::read() {
  socket.async_read_some(asio::buffer(buffer),
                         [self = shared_from_this()](const error_code& failed, std::size_t size) {
                           if (self->closed) return;
                           if (failed) return self->end(false);
                           self->on_bytes({self->buffer.data(), size});
                           if (self->closed) return;
                           self->arrived.empty() ? self->read() : self->merge_later();
                         });
}

// Says so, and then waits for the peer to close: closing before its hello is read would reset the
// connection and could take the answer with it.
void SyncEndpoint::Connection::refuse() {
  turned_away = true;
  touch();
  auto spread = static_cast<std::uint64_t>((kRetryAfterMost - kRetryAfterLeast).count());
  writing = refuse_sync(kRetryAfterLeast + std::chrono::milliseconds(impl.rng.below(spread)));
  asio::async_write(socket, asio::buffer(writing),
                    [self = shared_from_this()](const error_code& failed, std::size_t) {
                      if (self->closed) return;
                      if (failed) return self->end(false);
                      error_code ignored;
                      self->socket.shutdown(tcp::socket::shutdown_send, ignored);
                      self->read();
                    });
}

void SyncEndpoint::Connection::on_bytes(std::string_view bytes) {
  if (turned_away) return;  // its hello came too late
  touch();
  auto records = session.on_bytes(bytes);
  if (!records) {
    ++impl.counts.broken;
    return end(false);
  }
  if (!initiator && !session.is_question() && !std::exchange(speaking, true))
    impl.end_served(peer, true, this);
  if (auto question = session.take_question())
    session.answer(impl.callbacks.on_question(peer, *question));
  if (closed) return;
  if (session.refused_for().count() > 0) return end(false);
  arrived.insert(arrived.end(), records->begin(), records->end());
  if (is_over()) return end(session.settled());
  write();
}

// Lets the loop do something else first.
void SyncEndpoint::Connection::merge_later() {
  impl.loop.post([self = shared_from_this()] {
    if (!self->closed) self->merge_some();
  });
}

void SyncEndpoint::Connection::merge_some() {
  touch();
  auto last = arrived.begin() + static_cast<std::ptrdiff_t>(std::min(chunk.size(), arrived.size()));
  std::vector<SignedRecordPtr> some(arrived.begin(), last);
  arrived.erase(arrived.begin(), last);
  Instant begin = monotonic_now();
  impl.callbacks.on_records(peer, some);
  chunk.on_merged(monotonic_now() - begin);
  if (closed) return;
  if (is_over()) return end(session.settled());
  arrived.empty() ? read() : merge_later();
}

// How long to wait before the next frame; zero: it may go.
Duration SyncEndpoint::Connection::pace() {
  Instant now = monotonic_now();
  if (session.is_first() && impl.goes_first(this)) return own_pace.wait(now);
  return std::max(own_pace.wait(now), impl.pace.wait(now));
}

void SyncEndpoint::Connection::write() {
  if (closed || !writing.empty()) return;
  // An answer to a question is little, and somebody waits for it.
  if (auto wait = pace(); wait > Duration::zero() && !session.is_question())
    return write_again.arm_after(wait);
  writing = session.take_output();
  if (writing.empty()) return;
  bool fast = session.is_first() && impl.first == this;
  own_pace.take(monotonic_now(), writing.size(), fast ? kFirstSyncRate : kSyncRatePerPeer);
  if (!fast) impl.pace.take(monotonic_now(), writing.size(), kSyncRateInAll);
  asio::async_write(socket, asio::buffer(writing),
                    [self = shared_from_this()](const error_code& failed, std::size_t) {
                      if (self->closed) return;
                      if (failed) return self->end(false);
                      self->touch();
                      self->writing.clear();
                      if (self->is_over()) return self->end(self->session.settled());
                      self->write();
                    });
}

void SyncEndpoint::Connection::end(bool settled) {
  if (closed) return;
  auto self = shared_from_this();
  close();
  impl.counts.malformed += session.malformed();
  impl.forget(this);
  if (initiator) impl.callbacks.on_finished(peer, settled, session.refused_for());
}

void SyncEndpoint::Connection::close() {
  closed = true;
  timer.cancel();
  write_again.cancel();
  error_code ignored;
  socket.close(ignored);
}

// ---- public
// ----------------------------------------------------------------------------------------

SyncEndpoint::SyncEndpoint(EventLoop& loop, Rng& rng, const Store& store, const Ip6& address,
                           std::uint16_t port, Callbacks callbacks)
    : impl_(std::make_shared<Impl>(loop, rng, store, address, port, std::move(callbacks))) {}

SyncEndpoint::~SyncEndpoint() {
  impl_->stopped = true;
  impl_->accept_again.cancel();
  error_code ignored;
  impl_->acceptor.close(ignored);
  for (const auto& connection : impl_->connections) connection->close();
}

Result<void> SyncEndpoint::listen() {
  return impl_->listen();
}

void SyncEndpoint::connect(HostId peer) {
  auto connection = std::make_shared<Connection>(*impl_, tcp::socket(impl_->loop.context()), peer,
                                                 SyncSession::Role::kInitiator);
  impl_->connections.push_back(connection);
  connection->connect(to_asio(impl_->address, 0), to_asio(host_address(peer), impl_->port));
}

SyncEndpoint::Counts SyncEndpoint::counts() const {
  return impl_->counts;
}

}  // namespace sixpn::registry
