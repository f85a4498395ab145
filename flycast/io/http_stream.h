// HttpStream: one side of an HTTP exchange, a non-blocking socket without a buffer of its own: it
// reads into its loop's shared chunk, and holds only what the other end did not take. It tells when
// something has come, or there is room again; destroying it closes the socket. Where a client
// speaks TLS, what is read and sent is what is inside. Loop thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "flycast/io/client_bytes.h"
#include "flycast/io/http_poller.h"
#include "flycast/io/proxy_state.h"
#include "flycast/io/tls_server.h"

namespace sixpn::flycast {

// A client's connection on its way from one session to the next.
struct ClientStream {
  Fd fd;
  std::unique_ptr<TlsServer> tls = nullptr;      // null: it speaks none
  std::shared_ptr<ClientBytes> bytes = nullptr;  // null: nobody counts
};

class HttpStream final : private HttpPoller::Listener {
 public:
  // Called whenever the stream may have become readable, or takes more. May destroy the stream.
  using Ready = std::function<void()>;

  HttpStream(ProxyState& state, Fd fd, Ready ready);
  HttpStream(ProxyState& state, ClientStream client, Ready ready);
  ~HttpStream();
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;

  [[nodiscard]] int fd() const { return fd_.get(); }
  // False when the loop could not take the socket; nothing works then.
  [[nodiscard]] bool valid() const { return static_cast<bool>(fd_); }

  [[nodiscard]] bool is_tls() const { return tls_ != nullptr; }
  // Of TLS, before anything else is read or sent: takes it as far as what has come allows. Once it
  // has failed, the reason was sent to the client.
  TlsServer::State shake_hands();
  [[nodiscard]] const TlsServer& tls() const { return *tls_; }

  enum class Got { kBytes, kNothing, kEnd, kReset };
  // One read of at most `most` bytes into the shared chunk: `bytes` live until anybody reads again.
  Got read(std::string_view& bytes, std::size_t most = kHttpChunk);
  // What was read last and is for somebody else: the next read gives it again, first. Once, until
  // it is read; of a stream that speaks no TLS.
  void unread(std::string_view bytes);
  // Open, as far as the kernel knows, and without a byte to read.
  [[nodiscard]] bool is_quiet() const;
  // Between two messages: nothing has come and it is open. An event that is older than the last
  // read may say otherwise, so the kernel is asked before that is believed.
  [[nodiscard]] bool rests() {
    if (readable_ && is_quiet()) readable_ = false;
    return !readable_;
  }
  // Worth a read: the kernel said so, or the last read may have left something.
  [[nodiscard]] bool readable() const { return readable_; }

  // Sends both, one behind the other; what does not go is held.
  void send(std::string_view first, std::string_view second = {});
  void flush();  // what is held
  // Says that nothing more is sent (FIN, and close_notify before it), once what is held has gone.
  void finish();
  [[nodiscard]] std::size_t held() const { return held_.size(); }
  // The other end takes nothing any more: what is sent is dropped. What it sent before may still be
  // there to read, and the end of it.
  [[nodiscard]] bool broken() const { return broken_; }
  // Its end, or a reset, is there, behind what was not read yet.
  [[nodiscard]] bool ended() const { return ended_; }
  // It was reset, or given up by the kernel: so far as is known without a read.
  [[nodiscard]] bool failed() const { return failed_; }
  // Bytes that the kernel took, since the socket is here.
  [[nodiscard]] std::uint64_t sent() const { return sent_; }

  // Of this end; 0: it is not known.
  [[nodiscard]] std::uint16_t own_port();

  // Gives the socket away; of a stream that speaks no TLS, and of which nobody counts more.
  Fd release();
  ClientStream release_client();
  void set_ready(Ready ready) { ready_ = std::move(ready); }

 private:
  void on_events(std::uint32_t events) override;
  Got read_again(std::string_view& bytes, std::size_t most);
  Got read_tls(std::string_view& bytes, std::size_t most);
  Got receive_tls();
  void send_wire(std::string_view first, std::string_view second);
  void send_tls();
  void end_sending();
  std::size_t on_sent(ssize_t put);
  void hold(std::string_view bytes);
  void await_room();

  ProxyState& state_;
  Fd fd_;
  std::unique_ptr<TlsServer> tls_;
  std::shared_ptr<ClientBytes> bytes_;
  Ready ready_;
  std::string held_;
  std::unique_ptr<std::string> unread_;  // null: nothing
  std::uint64_t sent_ = 0;
  std::uint16_t own_port_ = 0;  // once it was asked for
  bool readable_ = false;
  bool readable_behind_ = false;  // the same, of what is behind unread_
  bool ended_ = false;  // a FIN or a reset was seen: behind what was read it is still there
  bool failed_ = false;
  bool broken_ = false;
  bool told_of_room_ = false;
  bool finishing_ = false;
};

}  // namespace sixpn::flycast
