#include "tools/cli/ping_session.h"

#include <fmt/format.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <set>

#include "base/fd.h"
#include "base/io/clock.h"
#include "base/io/sockaddr.h"
#include "registry/core/keys.h"

namespace sixpn::cli {

namespace {

volatile std::sig_atomic_t interrupted = 0;

// Catches SIGINT while it lives, so that the summary is still printed.
class InterruptGuard {
 public:
  InterruptGuard() {
    interrupted = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = 1; };
    ::sigaction(SIGINT, &action, &before_);
  }
  ~InterruptGuard() { ::sigaction(SIGINT, &before_, nullptr); }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction before_ {};
};

Result<Fd> open_socket(const Ip6& source) {
  Fd fd(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6));
  if (!fd && errno == EPERM) return Error("ping needs root", EPERM);
  if (!fd) return Error::from_errno("opening an ICMPv6 socket");
  icmp6_filter filter;
  ICMP6_FILTER_SETBLOCKALL(&filter);
  for (int type : {ICMP6_ECHO_REPLY, ICMP6_DST_UNREACH, ICMP6_PACKET_TOO_BIG, ICMP6_TIME_EXCEEDED,
                   ICMP6_PARAM_PROB})
    ICMP6_FILTER_SETPASS(type, &filter);
  if (::setsockopt(fd.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) != 0)
    return Error::from_errno("filtering ICMPv6");
  sockaddr_in6 address = to_sockaddr({source, 0});
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return Error(fmt::format("{} is not an address of this host ({}): is the agent's mesh up?",
                             to_string(source), Error::errno_text(errno)),
                 errno);
  return fd;
}

// One address that is pinged.
class Pinged {
 public:
  Pinged(const PingTarget& target, Fd socket, std::uint64_t nonce)
      : socket_(std::move(socket)),
        count_{target.address, target.label, 0, {}},
        nonce_(nonce),
        identifier_(static_cast<std::uint16_t>(nonce)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] bool is_waiting() const { return !waiting_.empty(); }
  [[nodiscard]] const EchoCount& count() const { return count_; }

  // The trouble when nothing could be sent.
  std::optional<std::string> send() {
    sent_at_.push_back(monotonic_now());
    auto sequence = static_cast<std::uint16_t>(++count_.sent);
    auto packet = encode_echo_request({identifier_, sequence, nonce_});
    sockaddr_in6 to = to_sockaddr({count_.address, 0});
    ssize_t n = ::sendto(socket_.get(), packet.data(), packet.size(), 0,
                         reinterpret_cast<sockaddr*>(&to), sizeof to);
    if (n < 0) return Error::errno_text(errno);
    waiting_.insert(sequence);
    return std::nullopt;
  }

  // The next event of the packets that arrived; nothing when there is none.
  std::optional<PingEvent> receive() {
    std::array<std::uint8_t, 2048> packet;
    sockaddr_in6 from{};
    socklen_t from_size = sizeof from;
    ssize_t n;
    while ((n = ::recvfrom(socket_.get(), packet.data(), packet.size(), 0,
                           reinterpret_cast<sockaddr*>(&from), &from_size)) >= 0) {
      Instant now = monotonic_now();
      std::span<const std::uint8_t> bytes(packet.data(), static_cast<std::size_t>(n));
      bool from_target = to_ip(from.sin6_addr) == count_.address;
      auto reply = decode_echo_reply(bytes);
      if (reply && from_target && take(*reply)) return answered(reply->sequence, now);
      auto error = decode_echo_error(bytes);
      if (error && error->destination == count_.address && take(error->echo))
        return PingEvent{0, error->echo.sequence, std::nullopt, describe(*error)};
    }
    return std::nullopt;
  }

 private:
  // Whether it is ours and not answered yet.
  bool take(const Echo& echo) {
    return echo.identifier == identifier_ && echo.nonce == nonce_ &&
           waiting_.erase(echo.sequence) > 0;
  }

  PingEvent answered(std::uint16_t sequence, Instant now) {
    Duration round_trip = now - sent_at_[sequence - 1u];
    count_.round_trips.push_back(round_trip);
    return PingEvent{0, sequence, round_trip, ""};
  }

  Fd socket_;
  EchoCount count_;
  std::uint64_t nonce_;
  std::uint16_t identifier_;
  std::vector<Instant> sent_at_;
  std::set<std::uint16_t> waiting_;
};

class Session {
 public:
  Session(std::vector<Pinged> pinged, const std::function<void(const PingEvent&)>& on_event)
      : pinged_(std::move(pinged)), on_event_(on_event) {}

  void run(const PingOptions& options) {
    for (unsigned i = 0; i < options.count && interrupted == 0; ++i) {
      Instant next = monotonic_now() + options.interval;
      send_all();
      bool last = i + 1 == options.count;
      wait_until(last ? monotonic_now() + options.timeout : next, last);
    }
  }

  [[nodiscard]] std::vector<EchoCount> counts() const {
    std::vector<EchoCount> counts;
    for (const Pinged& pinged : pinged_) counts.push_back(pinged.count());
    return counts;
  }

 private:
  void send_all() {
    for (std::size_t i = 0; i < pinged_.size(); ++i)
      if (auto trouble = pinged_[i].send())
        on_event_({i, pinged_[i].count().sent, std::nullopt, *trouble});
  }

  // Receives until then; with `until_answered`, no longer than replies are missing.
  void wait_until(Instant deadline, bool until_answered) {
    std::vector<pollfd> entries;
    for (const Pinged& pinged : pinged_) entries.push_back({pinged.fd(), POLLIN, 0});
    while (interrupted == 0) {
      receive_all();
      if (until_answered && none_waiting()) return;
      Duration left = deadline - monotonic_now();
      if (left <= Duration::zero()) return;
      auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
      ::poll(entries.data(), entries.size(), static_cast<int>(milliseconds));
    }
  }

  void receive_all() {
    for (std::size_t i = 0; i < pinged_.size(); ++i) {
      while (auto event = pinged_[i].receive()) {
        event->target = i;
        on_event_(*event);
      }
    }
  }

  [[nodiscard]] bool none_waiting() const {
    return std::none_of(pinged_.begin(), pinged_.end(),
                        [](const Pinged& pinged) { return pinged.is_waiting(); });
  }

  std::vector<Pinged> pinged_;
  const std::function<void(const PingEvent&)>& on_event_;
};

}  // namespace

Result<std::vector<EchoCount>> ping(const std::vector<PingTarget>& targets,
                                    const PingOptions& options,
                                    const std::function<void(const PingEvent&)>& on_event) {
  std::vector<Pinged> pinged;
  for (const PingTarget& target : targets) {
    auto socket = open_socket(target.source);
    if (!socket) return socket.error();
    pinged.emplace_back(target, std::move(*socket), random_u64());
  }
  InterruptGuard guard;
  Session session(std::move(pinged), on_event);
  session.run(options);
  return session.counts();
}

}  // namespace sixpn::cli
