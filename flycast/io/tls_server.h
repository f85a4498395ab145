// TlsServer: the server's side of one TLS connection of a client, bytes in and bytes out: what came
// from the client goes in, what is to be sent there comes out; no socket. And what all connections
// of a proxy share: TlsContext. The only place of this room that speaks with OpenSSL. TLS 1.2 or
// newer with forward secrecy, no renegotiation; sessions are resumed by tickets, whose keys live in
// memory for kTicketKeyLife. Loop thread. Memory: some 15 kB while a connection is open, and what
// the caller feeds it; a message of a handshake is at most 128 kB, by OpenSSL's own limits.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "flycast/core/tls_offer.h"

namespace sixpn::flycast {

inline constexpr Duration kTicketKeyLife = std::chrono::hours(12);

// A leaf, the certificate of its issuer, and the leaf's key, as OpenSSL holds them.
class TlsCredentials {
 public:
  // All in DER. Errors: OpenSSL's.
  static Result<std::shared_ptr<const TlsCredentials>> load(std::string_view leaf,
                                                            std::string_view issuer,
                                                            std::string_view private_key);
  struct Impl;
  explicit TlsCredentials(std::unique_ptr<Impl> impl);
  ~TlsCredentials();
  TlsCredentials(const TlsCredentials&) = delete;
  TlsCredentials& operator=(const TlsCredentials&) = delete;
  [[nodiscard]] const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};
using TlsCredentialsPtr = std::shared_ptr<const TlsCredentials>;

class TlsContext {
 public:
  TlsContext();
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  // False: OpenSSL has no memory.
  [[nodiscard]] bool valid() const { return impl_ != nullptr; }

 private:
  friend class TlsServer;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class TlsServer {
 public:
  TlsServer(const TlsContext& context, TlsOffer offer, const TlsCredentialsPtr& credentials);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  // What the client sent.
  void receive(std::string_view wire);
  // What to send it now; "" mostly.
  std::string take_outgoing();

  enum class State { kHandshake, kOpen, kFailed };
  // Goes as far as what was received allows.
  State advance();
  [[nodiscard]] bool was_resumed() const;
  // What was agreed on; "": nothing.
  [[nodiscard]] std::string alpn() const;
  // "TLSv1.3", once open.
  [[nodiscard]] std::string version() const;
  // Which of the offer's names the client asked for, in lower case; "" when none of them, or not
  // yet.
  [[nodiscard]] std::string server_name() const;

  enum class Got { kBytes, kNothing, kEnd, kFailed };
  // Once open: at most `most` bytes of what was received; `size` is how many.
  Got read(char* into, std::size_t most, std::size_t& size);
  // Something was received and not read yet: whole bytes, or the beginning of some.
  [[nodiscard]] bool has_unread() const;
  // False: it is broken.
  bool write(std::string_view plain);
  // Nothing more will be written: says so to the client (close_notify).
  void finish();

  // Why it failed, in words.
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  struct Impl;
  void fail();
  std::unique_ptr<Impl> impl_;
  std::string error_;
};

}  // namespace sixpn::flycast
