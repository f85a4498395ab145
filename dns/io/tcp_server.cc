#include "dns/io/tcp_server.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/io/clock.h"
#include "base/io/sockaddr.h"

namespace sixpn::dns {
namespace {

// When the process or system is out of descriptors: try again, instead of spinning on readiness.
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);
constexpr int kAcceptsPerWakeUp = 64;
constexpr int kLooksPerIdle = 4;

}  // namespace

struct TcpServer::Impl : std::enable_shared_from_this<TcpServer::Impl> {
  Impl(EventLoop& on, const TcpLimits& limits, TcpQuota& all, TcpShared::OnMessage handler,
       TcpShared::Ahead ahead)
      : loop(on),
        quota(all),
        shared{on,
               limits,
               std::move(handler),
               [this](TcpSession& closed, Close why) { forget(closed, why); },
               std::vector<char>(TcpSession::kReadBytes),
               0,
               [this] { relieve(); },
               std::move(ahead)},
        look(on, [this] { close_overdue(); }) {}

  struct Listener {
    Listener(Impl& owner, Fd fd)
        : server(owner), socket(std::move(fd)), retry(owner.loop, [this] { watch(); }) {
      watch();
    }

    void watch() {
      readable.emplace(server.loop, socket.get(), [this] { on_readable(); });
    }

    void on_readable() {
      for (int i = 0; i < kAcceptsPerWakeUp; ++i) {
        sockaddr_in6 address{};
        socklen_t size = sizeof address;
        Fd accepted(accept4(socket.get(), reinterpret_cast<sockaddr*>(&address), &size,
                            SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (accepted) {
          server.admit(std::move(accepted), address);
          continue;
        }
        bool exhausted = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        if (exhausted) {
          readable.reset();
          retry.arm_after(kAcceptPause);
        }
        return;
      }
    }

    Impl& server;
    Fd socket;
    LoopTimer retry;
    std::optional<FdWatch> readable;
  };

  void admit(Fd socket, const sockaddr_in6& address) {
    Ip6 source = to_ip(address.sin6_addr);
    auto [verdict, ticket] = quota.admit(source, evict);
    if (verdict != TcpQuota::Verdict::kAdmitted) {
      ++counters.rejected;
      if (verdict == TcpQuota::Verdict::kSourceFull) ++counters.rejected_source;
      if (verdict == TcpQuota::Verdict::kNetworkFull) ++counters.rejected_network;
      return;
    }
    ++counters.accepted;
    auto session = std::make_shared<TcpSession>(shared, std::move(socket), source);
    sessions.emplace(session.get(), Open{session, ticket});
    if (sessions.size() == 1) look_soon();
    session->start();
  }

  void forget(TcpSession& session, Close why) {
    if (why == Close::kIdle) ++counters.timed_out;
    if (why == Close::kStalled) ++counters.evicted;
    auto found = sessions.find(&session);
    quota.release(found->second.ticket);
    sessions.erase(found);
  }

  // From whichever worker took its place; all of ours are released before we end.
  void make_room_later(TcpQuota::Ticket ticket) {
    loop.post([weak = weak_from_this(), ticket] {
      if (auto self = weak.lock()) self->make_room(ticket);
    });
  }

  void make_room(TcpQuota::Ticket ticket) {
    auto found = std::find_if(sessions.begin(), sessions.end(),
                              [&](const auto& one) { return one.second.ticket == ticket; });
    if (found == sessions.end()) return;  // it has gone by itself
    ++counters.displaced;
    auto session = found->second.session;
    session->close(Close::kByServer);
  }

  // Whoever has a reply that he takes at his pace is not to pay for those who take none.
  void relieve() {
    while (shared.unsent > shared.limits.unsent_in_all) {
      auto most = std::max_element(sessions.begin(), sessions.end(), [](auto& a, auto& b) {
        return a.first->unsent() < b.first->unsent();
      });
      auto session = most->second.session;
      session->close(Close::kStalled);
    }
  }

  void look_soon() {
    look.arm_after(std::min(shared.limits.idle, shared.limits.idle_when_crowded) / kLooksPerIdle);
  }

  void close_overdue() {
    auto now = monotonic_now();
    auto idle = quota.is_crowded() ? std::min(shared.limits.idle, shared.limits.idle_when_crowded)
                                   : shared.limits.idle;
    std::vector<std::pair<std::shared_ptr<TcpSession>, Close>> overdue;
    for (const auto& [key, one] : sessions)
      if (Close why{}; one.session->is_overdue(now, idle, why))
        overdue.emplace_back(one.session, why);
    for (const auto& [session, why] : overdue) session->close(why);
    if (!sessions.empty()) look_soon();
  }

  EventLoop& loop;
  TcpQuota& quota;
  TcpShared shared;
  TcpCounters counters;
  struct Open {
    std::shared_ptr<TcpSession> session;
    TcpQuota::Ticket ticket = 0;
  };
  std::map<TcpSession*, Open> sessions;
  const TcpQuota::Evict evict = [this](TcpQuota::Ticket ticket) { make_room_later(ticket); };
  std::list<Listener> listeners;
  LoopTimer look;
};

TcpServer::TcpServer(EventLoop& loop, const TcpLimits& limits, TcpQuota& quota,
                     TcpShared::OnMessage on_message, TcpShared::Ahead ahead)
    : impl_(std::make_shared<Impl>(loop, limits, quota, std::move(on_message), std::move(ahead))) {}

TcpServer::~TcpServer() {
  impl_->listeners.clear();
  auto open = impl_->sessions;  // closing takes them out of the map
  for (auto& [key, one] : open) one.session->close(Close::kByServer);
}

void TcpServer::add_listener(Fd listener) {
  impl_->listeners.emplace_back(*impl_, std::move(listener));
}

TcpCounters TcpServer::counters() const {
  auto counters = impl_->counters;
  counters.open = impl_->sessions.size();
  return counters;
}

}  // namespace sixpn::dns
