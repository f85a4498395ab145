#include "loopback.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "dns/io/sockets.h"

namespace sixpn::dns::testing {
namespace {

sockaddr_in6 to_sockaddr(const IpEndpoint& endpoint) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(endpoint.port);
  std::memcpy(&address.sin6_addr, endpoint.ip.bytes.data(), 16);
  return address;
}

Fd connect_to(const IpEndpoint& server, int type) {
  Fd socket(::socket(AF_INET6, type | SOCK_CLOEXEC, 0));
  auto address = to_sockaddr(server);
  if (connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return {};
  return socket;
}

bool wait_readable(int fd, std::chrono::milliseconds patience) {
  pollfd wanted{fd, POLLIN, 0};
  return poll(&wanted, 1, static_cast<int>(patience.count())) == 1;
}

std::string read_some(int fd) {
  std::string bytes(65536, '\0');
  auto got = recv(fd, bytes.data(), bytes.size(), 0);
  bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return bytes;
}

// Takes a whole message off the front of a stream.
std::optional<std::string> take_message(std::string& input) {
  if (input.size() < 2) return std::nullopt;
  std::size_t length =
      static_cast<unsigned char>(input[0]) << 8 | static_cast<unsigned char>(input[1]);
  if (input.size() < 2 + length) return std::nullopt;
  auto message = input.substr(2, length);
  input.erase(0, 2 + length);
  return message;
}

void send_all(int fd, const std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    auto sent = ::send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (sent <= 0) return;
    at += static_cast<std::size_t>(sent);
  }
}

}  // namespace

std::string behind_length(const std::string& message) {
  return std::string{static_cast<char>(message.size() >> 8), static_cast<char>(message.size())} +
         message;
}

std::optional<std::string> udp_ask(const IpEndpoint& server, const std::string& query,
                                   std::chrono::milliseconds patience) {
  UdpClient client(server);
  client.send(query);
  return client.receive(patience);
}

UdpClient::UdpClient(const IpEndpoint& server) : socket_(connect_to(server, SOCK_DGRAM)) {}

void UdpClient::send(const std::string& message) const {
  static_cast<void>(::send(socket_.get(), message.data(), message.size(), 0));
}

std::optional<std::string> UdpClient::receive(std::chrono::milliseconds patience) const {
  if (!wait_readable(socket_.get(), patience)) return std::nullopt;
  auto message = read_some(socket_.get());  // empty: an error, such as a port that is closed
  return message.empty() ? std::nullopt : std::optional(message);
}

TcpClient::TcpClient(const IpEndpoint& server) : socket_(connect_to(server, SOCK_STREAM)) {}

void TcpClient::send_raw(const std::string& bytes) const {
  send_all(socket_.get(), bytes);
}

void TcpClient::send(const std::string& message) const {
  send_raw(behind_length(message));
}

void TcpClient::shut_down_writing() const {
  shutdown(socket_.get(), SHUT_WR);
}

std::optional<std::string> TcpClient::receive(std::chrono::milliseconds patience) {
  for (;;) {
    if (auto message = take_message(input_)) return message;
    if (!wait_readable(socket_.get(), patience)) return std::nullopt;
    auto more = read_some(socket_.get());
    if (more.empty()) return std::nullopt;
    input_ += more;
  }
}

bool TcpClient::wait_for_close(std::chrono::milliseconds patience) {
  while (wait_readable(socket_.get(), patience))
    if (read_some(socket_.get()).empty()) return true;
  return false;
}

std::string TcpClient::read_once(std::chrono::milliseconds patience) const {
  return wait_readable(socket_.get(), patience) ? read_some(socket_.get()) : "";
}

Upstream::Upstream(Respond respond) : respond_(std::move(respond)) {
  IpEndpoint any{*parse_ip6("::1"), 0};
  // The port that the kernel chose for UDP may be taken for TCP: then another.
  for (int left = 16; !tcp_; --left) {
    udp_ = std::move(*bind_udp(any));
    auto listening = listen_tcp(local_endpoint(udp_));
    if (!listening && left > 0) continue;
    tcp_ = std::move(*listening);
  }
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  wake_read_ = Fd(ends[0]);
  wake_write_ = Fd(ends[1]);
  thread_ = std::thread([this] { run(); });
}

Upstream::~Upstream() {
  wake_write_.close();
  thread_.join();
}

std::vector<std::uint16_t> Upstream::ports() const {
  std::lock_guard hold(ports_lock_);
  return ports_;
}

IpEndpoint Upstream::endpoint() const {
  return local_endpoint(udp_);
}

void Upstream::run() {
  for (;;) {
    pollfd wanted[] = {{udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}, {wake_read_.get(), 0, 0}};
    if (poll(wanted, 3, -1) < 0 || wanted[2].revents != 0) return;
    if (wanted[1].revents != 0) serve_tcp();
    if (wanted[0].revents == 0) continue;
    std::string query(65536, '\0');
    sockaddr_in6 from{};
    socklen_t size = sizeof from;
    auto* address = reinterpret_cast<sockaddr*>(&from);
    auto got = recvfrom(udp_.get(), query.data(), query.size(), 0, address, &size);
    if (got < 0) continue;
    query.resize(static_cast<std::size_t>(got));
    {
      std::lock_guard hold(ports_lock_);
      ports_.push_back(ntohs(from.sin6_port));
    }
    ++queries_;
    if (auto reply = respond_(query, false))
      sendto(udp_.get(), reply->data(), reply->size(), 0, address, size);
  }
}

// One connection at a time, until its first reply: what c-ares needs after a truncated answer.
void Upstream::serve_tcp() {
  Fd stream(accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  std::string input;
  while (wait_readable(stream.get(), kPatience)) {
    auto more = read_some(stream.get());
    if (more.empty()) return;
    input += more;
    auto query = take_message(input);
    if (!query) continue;
    ++queries_;
    if (auto reply = respond_(*query, true)) send_all(stream.get(), behind_length(*reply));
    return;
  }
}

}  // namespace sixpn::dns::testing
