// TlsClient: the client's side of one TLS connection, bytes in and bytes out: what came from the
// other end goes in, what is to be sent there comes out; no socket. For HTTPS checks
// (check_probe.h). The only place that speaks with OpenSSL. TLS 1.2 or newer; certificates are
// judged by the system's authorities (ca-certificates), unless told not to. Machine loop. Memory:
// some 50 kB while it lives, and what the caller feeds it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace sixpn::machine {

class TlsClient {
 public:
  // `server_name`: asked for (SNI), and what the certificate must be for; "": none is asked for,
  // and any certificate of an authority will do. `verify` false: any certificate at all.
  TlsClient(const std::string& server_name, bool verify);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // What the other end sent.
  void receive(std::string_view wire);
  // What to send it now; "" mostly.
  std::string take_outgoing();

  enum class State { kHandshake, kOpen, kFailed };
  // Goes as far as what was received allows.
  State advance();
  // Once open; of a size that a check's request has.
  void write(std::string_view plain);
  // All that is there.
  std::string read();
  // The other end has ended the stream properly, or broke the rules.
  [[nodiscard]] bool ended() const { return ended_; }
  // Why it failed, in words.
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  struct Impl;
  void fail();

  std::unique_ptr<Impl> impl_;
  bool ended_ = false;
  std::string error_;
};

}  // namespace sixpn::machine
