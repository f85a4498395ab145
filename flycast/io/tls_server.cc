#include "flycast/io/tls_server.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <limits>

namespace sixpn::flycast {
namespace {

// Without forward secrecy there is none; the order is that of what is fast here.
constexpr const char* kCiphersOfTls12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305";

template <auto Free>
struct Freed {
  void operator()(auto* owned) const { Free(owned); }
};

// Where a connection keeps its offer, for the callbacks.
int offer_slot() {
  static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return slot;
}
const TlsOffer& offer_of(const SSL* ssl) {
  return *static_cast<const TlsOffer*>(SSL_get_ex_data(ssl, offer_slot()));
}

int on_server_name(SSL* ssl, int* alert, void*) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (is_offered(offer_of(ssl), name == nullptr ? "" : name)) return SSL_TLSEXT_ERR_OK;
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// What is chosen must live where the client's list does.
int on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
            unsigned int in_size, void*) {
  const TlsOffer& offer = offer_of(ssl);
  if (offer.alpn.empty()) return SSL_TLSEXT_ERR_NOACK;
  std::string_view listed(reinterpret_cast<const char*>(in), in_size);
  auto chosen = choose_alpn(offer, listed);
  if (!chosen) return SSL_TLSEXT_ERR_ALERT_FATAL;
  std::string entry = std::string(1, static_cast<char>(chosen->size())) + *chosen;
  *out = in + listed.find(entry) + 1;
  *out_size = static_cast<unsigned char>(chosen->size());
  return SSL_TLSEXT_ERR_OK;
}

std::string reason() {
  const char* text = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return text != nullptr ? text : "it failed";
}

}  // namespace

// ---- credentials

struct TlsCredentials::Impl {
  std::unique_ptr<X509, Freed<X509_free>> leaf;
  std::unique_ptr<X509, Freed<X509_free>> issuer;
  std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>> key;
};

TlsCredentials::TlsCredentials(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsCredentials::~TlsCredentials() = default;

Result<TlsCredentialsPtr> TlsCredentials::load(std::string_view leaf, std::string_view issuer,
                                               std::string_view private_key) {
  auto at = [](std::string_view der) { return reinterpret_cast<const unsigned char*>(der.data()); };
  const unsigned char* leaf_at = at(leaf);
  const unsigned char* issuer_at = at(issuer);
  const unsigned char* key_at = at(private_key);
  auto impl = std::make_unique<Impl>();
  impl->leaf.reset(d2i_X509(nullptr, &leaf_at, static_cast<long>(leaf.size())));
  impl->issuer.reset(d2i_X509(nullptr, &issuer_at, static_cast<long>(issuer.size())));
  impl->key.reset(d2i_AutoPrivateKey(nullptr, &key_at, static_cast<long>(private_key.size())));
  if (!impl->leaf || !impl->issuer || !impl->key) return Error("TLS credentials: " + reason());
  return std::make_shared<const TlsCredentials>(std::move(impl));
}

// ---- context

struct TlsContext::Impl {
  std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> context{SSL_CTX_new(TLS_server_method())};
};

TlsContext::TlsContext() : impl_(std::make_unique<Impl>()) {
  SSL_CTX* context = impl_->context.get();
  if (context == nullptr) {
    impl_.reset();
    return;
  }
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context, kCiphersOfTls12);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets keep nothing here
  SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
  SSL_CTX_set_alpn_select_cb(context, on_alpn, nullptr);
}

TlsContext::~TlsContext() = default;

// ---- connection

struct TlsServer::Impl {
  TlsOffer offer;
  std::unique_ptr<SSL, Freed<SSL_free>> ssl;
  BIO* incoming = nullptr;  // of ssl
  BIO* outgoing = nullptr;
};

TlsServer::TlsServer(const TlsContext& context, TlsOffer offer,
                     const TlsCredentialsPtr& credentials)
    : impl_(std::make_unique<Impl>()) {
  impl_->offer = std::move(offer);
  impl_->ssl.reset(SSL_new(context.impl_->context.get()));
  SSL* ssl = impl_->ssl.get();
  impl_->incoming = BIO_new(BIO_s_mem());
  impl_->outgoing = BIO_new(BIO_s_mem());
  if (ssl == nullptr) {
    BIO_free(impl_->incoming);
    BIO_free(impl_->outgoing);
    fail();
    return;
  }
  SSL_set_bio(ssl, impl_->incoming, impl_->outgoing);
  SSL_set_ex_data(ssl, offer_slot(), &impl_->offer);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> id;
  const std::string& text = impl_->offer.id;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), id.data());
  const TlsCredentials::Impl& own = credentials->impl();
  bool ready = SSL_set_session_id_context(ssl, id.data(), id.size()) == 1 &&
               SSL_use_certificate(ssl, own.leaf.get()) == 1 &&
               SSL_use_PrivateKey(ssl, own.key.get()) == 1 &&
               SSL_add1_chain_cert(ssl, own.issuer.get()) == 1;
  if (impl_->offer.only_tls13) ready = ready && SSL_set_min_proto_version(ssl, TLS1_3_VERSION) == 1;
  SSL_set_accept_state(ssl);
  if (!ready) fail();
}

TlsServer::~TlsServer() = default;

void TlsServer::receive(std::string_view wire) {
  if (error_.empty()) BIO_write(impl_->incoming, wire.data(), static_cast<int>(wire.size()));
}

std::string TlsServer::take_outgoing() {
  if (!impl_->ssl) return {};
  std::string out(BIO_ctrl_pending(impl_->outgoing), '\0');
  if (!out.empty()) BIO_read(impl_->outgoing, out.data(), static_cast<int>(out.size()));
  return out;
}

TlsServer::State TlsServer::advance() {
  if (!error_.empty()) return State::kFailed;
  ERR_clear_error();
  int done = SSL_do_handshake(impl_->ssl.get());
  if (done == 1) return State::kOpen;
  if (SSL_get_error(impl_->ssl.get(), done) == SSL_ERROR_WANT_READ) return State::kHandshake;
  fail();
  return State::kFailed;
}

bool TlsServer::was_resumed() const {
  return SSL_session_reused(impl_->ssl.get()) == 1;
}

std::string TlsServer::version() const {
  return SSL_get_version(impl_->ssl.get());
}

std::string TlsServer::server_name() const {
  const char* name = SSL_get_servername(impl_->ssl.get(), TLSEXT_NAMETYPE_host_name);
  if (name == nullptr || !is_offered(impl_->offer, name)) return "";
  std::string out = name;
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  });
  return out;
}

std::string TlsServer::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(impl_->ssl.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

TlsServer::Got TlsServer::read(char* into, std::size_t most, std::size_t& size) {
  if (!error_.empty()) return Got::kFailed;
  ERR_clear_error();
  if (SSL_read_ex(impl_->ssl.get(), into, most, &size) == 1) return Got::kBytes;
  size = 0;
  switch (SSL_get_error(impl_->ssl.get(), 0)) {
    case SSL_ERROR_WANT_READ:
      return Got::kNothing;
    case SSL_ERROR_ZERO_RETURN:
      return Got::kEnd;
    default:
      fail();
      return Got::kFailed;
  }
}

bool TlsServer::has_unread() const {
  return SSL_has_pending(impl_->ssl.get()) == 1 || BIO_ctrl_pending(impl_->incoming) > 0;
}

bool TlsServer::write(std::string_view plain) {
  if (!error_.empty()) return false;
  if (plain.empty()) return true;
  ERR_clear_error();
  std::size_t written = 0;
  if (SSL_write_ex(impl_->ssl.get(), plain.data(), plain.size(), &written) == 1) return true;
  fail();
  return false;
}

void TlsServer::finish() {
  if (!error_.empty()) return;
  ERR_clear_error();
  SSL_shutdown(impl_->ssl.get());
  ERR_clear_error();
}

void TlsServer::fail() {
  error_ = "TLS: " + reason();
}

}  // namespace sixpn::flycast
