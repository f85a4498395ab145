#include "registry/io/tcp_probe.h"

#include <netinet/in.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <list>
#include <utility>

#include "base/io/event_loop.h"
#include "registry/core/address.h"
#include "registry/core/sync_codec.h"

namespace sixpn::registry {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

using FreeBind = asio::detail::socket_option::boolean<IPPROTO_IPV6, 78>;  // IPV6_FREEBIND

tcp::endpoint to_asio(const Ip6& ip, std::uint16_t port) {
  return {asio::ip::address_v6(ip.bytes), port};
}

}  // namespace

struct TcpProbe::Attempt : std::enable_shared_from_this<Attempt> {
  Attempt(Impl& owner, HostId asked, std::string datagram);
  void connect();
  void speak();
  void listen();
  void on_bytes(std::string_view bytes);
  void end(bool answered, const std::vector<std::string>& said = {});
  void close();

  Impl& impl;  // outlives every open attempt: its destructor closes them
  HostId host;
  tcp::socket socket;
  LoopTimer timer;
  std::string question;
  std::string answer;  // what of it has come
  std::array<char, 4096> buffer{};
  bool closed = false;
};

struct TcpProbe::Impl {
  EventLoop& loop;
  Ip6 address;
  std::uint16_t port;
  OnAnswer on_answer;
  std::list<std::shared_ptr<Attempt>> attempts;
};

TcpProbe::Attempt::Attempt(Impl& owner, HostId asked, std::string datagram)
    : impl(owner),
      host(asked),
      socket(owner.loop.context()),
      timer(owner.loop, [this] { end(false); }),
      question(encode_frame(TalkFrame{{std::move(datagram)}})) {}

void TcpProbe::Attempt::connect() {
  timer.arm_after(kTcpProbeTimeout);
  error_code failed;
  socket.open(tcp::v6(), failed);
  if (!failed) socket.set_option(FreeBind(true), failed);
  if (!failed) socket.bind(to_asio(impl.address, 0), failed);
  if (failed) {
    // Not from within the caller, who is in the middle of an event.
    return impl.loop.post([self = shared_from_this()] { self->end(false); });
  }
  socket.async_connect(to_asio(host_address(host), impl.port),
                       [self = shared_from_this()](const error_code& refused) {
                         if (self->closed) return;
                         if (refused) return self->end(false);
                         self->speak();
                       });
}

void TcpProbe::Attempt::speak() {
  asio::async_write(socket, asio::buffer(question),
                    [self = shared_from_this()](const error_code& failed, std::size_t) {
                      if (self->closed) return;
                      failed ? self->end(false) : self->listen();
                    });
}

void TcpProbe::Attempt::listen() {
  socket.async_read_some(asio::buffer(buffer),
                         [self = shared_from_this()](const error_code& failed, std::size_t n) {
                           if (self->closed) return;
                           if (failed) return self->end(failed == asio::error::eof);
                           self->on_bytes({self->buffer.data(), n});
                         });
}

// Its first frame is the whole answer; whatever else it says, it lives.
void TcpProbe::Attempt::on_bytes(std::string_view bytes) {
  answer += bytes;
  auto frame = take_frame(answer);
  if (!frame) return end(true);
  if (!frame->has_value()) return listen();
  const auto* talk = std::get_if<TalkFrame>(&**frame);
  end(true, talk == nullptr ? std::vector<std::string>() : talk->datagrams);
}

void TcpProbe::Attempt::end(bool answered, const std::vector<std::string>& said) {
  if (closed) return;
  auto self = shared_from_this();
  close();
  impl.attempts.remove(self);
  impl.on_answer(host, answered, said);
}

void TcpProbe::Attempt::close() {
  closed = true;
  timer.cancel();
  error_code ignored;
  socket.close(ignored);
}

TcpProbe::TcpProbe(EventLoop& loop, const Ip6& address, std::uint16_t port, OnAnswer on_answer)
    : impl_(std::make_shared<Impl>(Impl{loop, address, port, std::move(on_answer), {}})) {}

TcpProbe::~TcpProbe() {
  for (const auto& attempt : impl_->attempts) attempt->close();
}

void TcpProbe::ask(HostId host, std::string datagram) {
  if (impl_->attempts.size() >= kMaxTcpProbes) return;
  impl_->attempts.push_back(std::make_shared<Attempt>(*impl_, host, std::move(datagram)));
  impl_->attempts.back()->connect();
}

}  // namespace sixpn::registry
