#include "dns/io/tcp_server.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <list>
#include <map>
#include <optional>

namespace sixpn::dns {
namespace {

// When the process or system is out of descriptors: try again, instead of spinning on readiness.
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);
constexpr int kAcceptsPerWakeUp = 64;

}  // namespace

struct TcpServer::Impl {
  Impl(EventLoop& on, TcpLimits bounds, TcpSession::OnMessage handler)
      : loop(on), limits(bounds), on_message(std::move(handler)) {}

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
    Ip6 source;
    std::memcpy(source.bytes.data(), &address.sin6_addr, source.bytes.size());
    auto of_source = per_source.find(source);
    bool full =
        sessions.size() >= limits.connections ||
        (of_source != per_source.end() && of_source->second >= limits.connections_per_source);
    if (full) {
      ++counters.rejected;
      return;
    }
    ++counters.accepted;
    ++per_source[source];
    auto session = std::make_shared<TcpSession>(loop, std::move(socket), source, limits);
    sessions.emplace(session.get(), session);
    session->start(on_message, [this](TcpSession& closed, Close why) { forget(closed, why); });
  }

  void forget(TcpSession& session, Close why) {
    if (why == Close::kIdle) ++counters.timed_out;
    auto of_source = per_source.find(session.source());
    if (--of_source->second == 0) per_source.erase(of_source);
    sessions.erase(&session);
  }

  EventLoop& loop;
  TcpLimits limits;
  TcpSession::OnMessage on_message;
  TcpCounters counters;
  std::map<TcpSession*, std::shared_ptr<TcpSession>> sessions;
  std::map<Ip6, std::size_t> per_source;
  std::list<Listener> listeners;
};

TcpServer::TcpServer(EventLoop& loop, TcpLimits limits, TcpSession::OnMessage on_message)
    : impl_(std::make_unique<Impl>(loop, limits, std::move(on_message))) {}

TcpServer::~TcpServer() {
  impl_->listeners.clear();
  auto open = impl_->sessions;  // closing takes them out of the map
  for (auto& [key, session] : open) session->close(Close::kByServer);
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
