// HTTPS checks against a real TLS server on loopback: which certificates pass, and what is said of
// those that do not.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "base/fd.h"
#include "machine/io/check_probe.h"

namespace sixpn::machine {
namespace {

constexpr Ip6 kLoopback = Ip6::from_words({0, 0, 0, 0, 0, 0, 0, 1});

struct Identity {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();

  // For web.example, from now on for an hour, by itself.
  Identity() {
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("web.example"), -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_EXTENSION* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:web.example");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key, EVP_sha256());
  }
  ~Identity() {
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;

  [[nodiscard]] std::string pem() const {
    std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
    PEM_write_bio_X509(out.get(), certificate);
    char* text = nullptr;
    auto size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }
};

// Takes one connection, shakes hands, reads a request's head and answers it.
class TlsServer {
 public:
  TlsServer(const Identity& identity, std::string answer)
      : fd_(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)), answer_(std::move(answer)) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    socklen_t length = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(fd_.get(), raw, length), 0);
    EXPECT_EQ(getsockname(fd_.get(), raw, &length), 0);
    port_ = ntohs(address.sin6_port);
    EXPECT_EQ(listen(fd_.get(), 8), 0);
    SSL_CTX_use_certificate(context_.get(), identity.certificate);
    SSL_CTX_use_PrivateKey(context_.get(), identity.key);
    thread_ = std::thread([this] { serve(); });
  }
  ~TlsServer() {
    shutdown(fd_.get(), SHUT_RDWR);
    thread_.join();
  }
  [[nodiscard]] IpEndpoint at() const { return {kLoopback, port_}; }
  // Once the check has ended.
  std::string server_name() {
    shutdown(fd_.get(), SHUT_RDWR);
    return name_.get_future().get();
  }

 private:
  void serve() {
    Fd peer(accept(fd_.get(), nullptr, nullptr));
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context_.get()), &SSL_free);
    SSL_set_fd(ssl.get(), peer.get());
    bool accepted = peer && SSL_accept(ssl.get()) == 1;
    const char* name = SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name);
    name_.set_value(name != nullptr ? name : "");
    if (!accepted) return;
    std::string request;
    char bytes[512];
    while (request.find("\r\n\r\n") == std::string::npos) {
      int got = SSL_read(ssl.get(), bytes, sizeof bytes);
      if (got <= 0) return;
      request.append(bytes, static_cast<std::size_t>(got));
    }
    SSL_write(ssl.get(), answer_.data(), static_cast<int>(answer_.size()));
    SSL_shutdown(ssl.get());
  }

  Fd fd_;
  std::uint16_t port_ = 0;
  std::string answer_;
  std::promise<std::string> name_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{SSL_CTX_new(TLS_server_method()),
                                                             &SSL_CTX_free};
  std::thread thread_;
};

class HttpsProbe : public ::testing::Test {
 protected:
  HttpsProbe() {
    signal(SIGPIPE, SIG_IGN);  // OpenSSL's, on the server's side
    loop_.start_thread();
    trusted_ = testing::TempDir() + "trusted." + std::to_string(getpid());
    std::ofstream(trusted_) << identity_.pem();
    setenv("SSL_CERT_FILE", trusted_.c_str(), 1);
  }
  ~HttpsProbe() override {
    loop_.stop();
    loop_.join();
    unsetenv("SSL_CERT_FILE");
    std::filesystem::remove(trusted_);
  }

  Verdict run(const IpEndpoint& at, const std::string& name, bool skip_verify = false) {
    ServiceCheck check;
    check.kind = CheckKind::kHttp;
    check.timeout = std::chrono::seconds(30);
    check.tls = true;
    check.tls_server_name = name;
    check.tls_skip_verify = skip_verify;
    std::promise<Verdict> told;
    std::unique_ptr<CheckProbe> probe;
    loop_.post([&] {
      probe = std::make_unique<CheckProbe>(
          loop_, ProbeTarget{kLoopback, at}, check,
          [&](Verdict verdict) { told.set_value(std::move(verdict)); });
    });
    Verdict verdict = told.get_future().get();
    std::promise<void> gone;
    loop_.post([&] {
      probe.reset();
      gone.set_value();
    });
    gone.get_future().get();
    return verdict;
  }

  Identity identity_;
  std::string trusted_;
  EventLoop loop_{"probe"};
};

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST_F(HttpsProbe, ATrustedCertificateOfThatNamePasses) {
  TlsServer server(identity_, kOk);
  Verdict verdict = run(server.at(), "web.example");
  EXPECT_TRUE(verdict.passed) << verdict.output;
  EXPECT_EQ(server.server_name(), "web.example");
}

TEST_F(HttpsProbe, TheAnswerIsJudgedAsThatOfHttp) {
  TlsServer server(identity_, "HTTP/1.1 503 Busy\r\n\r\nno database");
  Verdict verdict = run(server.at(), "web.example");
  EXPECT_FALSE(verdict.passed);
  EXPECT_NE(verdict.output.find("503 Busy"), std::string::npos) << verdict.output;
}

TEST_F(HttpsProbe, WithoutANameAnyTrustedCertificatePasses) {
  TlsServer server(identity_, kOk);
  Verdict verdict = run(server.at(), "");
  EXPECT_TRUE(verdict.passed) << verdict.output;
  EXPECT_EQ(server.server_name(), "");
}

TEST_F(HttpsProbe, AnotherNameFails) {
  TlsServer server(identity_, kOk);
  Verdict verdict = run(server.at(), "other.example");
  EXPECT_FALSE(verdict.passed);
  EXPECT_EQ(verdict.output, "TLS: certificate: hostname mismatch");
}

TEST_F(HttpsProbe, AnUntrustedCertificateFailsUnlessNobodyLooks) {
  Identity stranger;
  {
    TlsServer server(stranger, kOk);
    Verdict verdict = run(server.at(), "web.example");
    EXPECT_FALSE(verdict.passed);
    EXPECT_EQ(verdict.output.find("TLS: certificate: "), 0u) << verdict.output;
  }
  TlsServer server(stranger, kOk);
  Verdict verdict = run(server.at(), "other.example", true);
  EXPECT_TRUE(verdict.passed) << verdict.output;
}

}  // namespace
}  // namespace sixpn::machine
