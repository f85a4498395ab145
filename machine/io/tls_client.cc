#include "machine/io/tls_client.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>

namespace sixpn::machine {
namespace {

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Connection = std::unique_ptr<SSL, decltype(&SSL_free)>;

Context make_context(bool verify) {
  Context made(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  if (!made) return made;
  SSL_CTX_set_min_proto_version(made.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(made.get(), verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (verify) SSL_CTX_set_default_verify_paths(made.get());
  return made;
}

}  // namespace

struct TlsClient::Impl {
  explicit Impl(bool verify)
      : context(make_context(verify)),
        ssl(context ? SSL_new(context.get()) : nullptr, &SSL_free),
        incoming(BIO_new(BIO_s_mem())),
        outgoing(BIO_new(BIO_s_mem())) {
    if (ssl) SSL_set_bio(ssl.get(), incoming, outgoing);  // which owns both from here on
  }

  Context context;
  Connection ssl;
  BIO* incoming;
  BIO* outgoing;
};

TlsClient::TlsClient(const std::string& server_name, bool verify)
    : impl_(std::make_unique<Impl>(verify)) {
  SSL* ssl = impl_->ssl.get();
  bool ready = ssl != nullptr;
  if (ready && !server_name.empty())
    ready = SSL_set_tlsext_host_name(ssl, server_name.c_str()) == 1 &&
            SSL_set1_host(ssl, server_name.c_str()) == 1;
  if (ready)
    SSL_set_connect_state(ssl);
  else
    fail();
}

TlsClient::~TlsClient() {
  if (impl_->ssl) return;
  BIO_free(impl_->incoming);
  BIO_free(impl_->outgoing);
}

void TlsClient::receive(std::string_view wire) {
  BIO_write(impl_->incoming, wire.data(), static_cast<int>(wire.size()));
}

std::string TlsClient::take_outgoing() {
  std::string out;
  std::array<char, 4096> buffer;
  for (int got; (got = BIO_read(impl_->outgoing, buffer.data(), buffer.size())) > 0;)
    out.append(buffer.data(), static_cast<std::size_t>(got));
  return out;
}

TlsClient::State TlsClient::advance() {
  if (!error_.empty()) return State::kFailed;
  ERR_clear_error();
  int done = SSL_do_handshake(impl_->ssl.get());
  if (done == 1) return State::kOpen;
  if (SSL_get_error(impl_->ssl.get(), done) == SSL_ERROR_WANT_READ) return State::kHandshake;
  fail();
  return State::kFailed;
}

void TlsClient::write(std::string_view plain) {
  ERR_clear_error();
  if (SSL_write(impl_->ssl.get(), plain.data(), static_cast<int>(plain.size())) <= 0) fail();
}

std::string TlsClient::read() {
  std::string plain;
  std::array<char, 4096> buffer;
  ERR_clear_error();
  int got = 0;
  while ((got = SSL_read(impl_->ssl.get(), buffer.data(), buffer.size())) > 0)
    plain.append(buffer.data(), static_cast<std::size_t>(got));
  int why = SSL_get_error(impl_->ssl.get(), got);
  ended_ = why != SSL_ERROR_WANT_READ;
  if (ended_ && why != SSL_ERROR_ZERO_RETURN) fail();
  return plain;
}

// A certificate's fault says more than that the handshake failed.
void TlsClient::fail() {
  long certificate = impl_->ssl ? SSL_get_verify_result(impl_->ssl.get()) : X509_V_OK;
  const char* reason = ERR_reason_error_string(ERR_get_error());
  error_ = "TLS: ";
  if (certificate != X509_V_OK)
    error_ += std::string("certificate: ") + X509_verify_cert_error_string(certificate);
  else
    error_ += reason != nullptr ? reason : "it failed";
}

}  // namespace sixpn::machine
