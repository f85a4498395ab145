#include "agent/admin_server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <optional>
#include <utility>

#include "base/log.h"

namespace sixpn::agent {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Protocol = asio::local::stream_protocol;
using Stream = beast::basic_stream<Protocol>;

constexpr std::size_t kMaxConnections = 64;
constexpr std::size_t kMaxBody = 1 << 20;
constexpr auto kIdle = std::chrono::seconds(60);
constexpr auto kStalledStream = std::chrono::seconds(30);
constexpr std::size_t kStreamBudget = 64 * 1024;  // of one write
constexpr auto kLongestAnswer =
    std::chrono::minutes(10);  // `machine stop` may wait for its machine

// One connection: reads a request, waits for the answer, writes it, and again while kept alive.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Protocol::socket socket, ApiAnswerer answer, std::shared_ptr<std::size_t> open)
      : stream_(std::move(socket)), answer_(std::move(answer)), open_(std::move(open)) {
    ++*open_;
  }
  ~Connection() { --*open_; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void read() {
    parser_.emplace();
    parser_->body_limit(kMaxBody);
    stream_.expires_after(kIdle);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](beast::error_code failed, std::size_t) {
                       self->on_read(failed);
                     });
  }

 private:
  void on_read(beast::error_code failed) {
    if (failed == http::error::body_limit) {
      write(ApiReply{413, R"({"error":"the request is larger than 1 MiB"})"}, false);
      return;
    }
    if (failed) return;
    const auto& request = parser_->get();
    ApiRequest asked{std::string(request.method_string()), std::string(request.target()),
                     request.body()};
    bool keep_alive = request.keep_alive();
    stream_.expires_after(kLongestAnswer);
    answer_(std::move(asked), [self = shared_from_this(), keep_alive](ApiReply reply) mutable {
      if (!self) return;  // a second reply to one request changes nothing
      if (reply.stream) {
        self->stream(std::move(reply));
      } else {
        self->write(std::move(reply), keep_alive);
      }
      self.reset();
    });
  }

  void write(ApiReply reply, bool keep_alive) {
    reply_ = http::response<http::string_body>(static_cast<http::status>(reply.status), 11);
    reply_.set(http::field::content_type, reply.content_type);
    reply_.keep_alive(keep_alive);
    reply_.body() = std::move(reply.body);
    reply_.prepare_payload();
    stream_.expires_after(kIdle);
    http::async_write(stream_, reply_,
                      [self = shared_from_this()](beast::error_code failed, std::size_t) {
                        if (!failed && self->reply_.keep_alive()) self->read();
                      });
  }

  // ---- a streamed reply: a pump that writes while there is something and the client takes it

  void stream(ApiReply reply) {
    source_ = std::move(reply.stream);
    source_->on_more([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->pump();
    });
    if (source_->waits()) await_hang_up();
    chunked_ = parser_->get().version() >= 11;
    write_text("HTTP/1.1 200 OK\r\nContent-Type: " + std::string(reply.content_type) + "\r\n" +
               (chunked_ ? "Transfer-Encoding: chunked\r\n" : "") + "Connection: close\r\n\r\n" +
               piece(reply.body));
  }

  // Such a client has nothing more to say: whatever comes is its end.
  void await_hang_up() {
    stream_.expires_never();
    stream_.async_read_some(
        buffer_.prepare(1),
        [self = shared_from_this()](beast::error_code, std::size_t) { self->end_stream(); });
  }

  void pump() {
    if (writing_ || !source_) return;
    std::string text = source_->next(kStreamBudget);
    if (!text.empty()) {
      write_text(piece(text));
    } else if (source_->ended()) {
      source_.reset();
      write_text(chunked_ ? "0\r\n\r\n" : "");
    }
  }

  std::string piece(const std::string& text) const {
    if (!chunked_ || text.empty()) return text;
    std::array<char, 20> size{};
    auto end = std::to_chars(size.data(), size.data() + size.size(), text.size(), 16).ptr;
    return std::string(size.data(), end) + "\r\n" + text + "\r\n";
  }

  void write_text(std::string text) {
    writing_ = true;
    text_ = std::move(text);
    stream_.expires_after(kStalledStream);
    asio::async_write(stream_, asio::buffer(text_),
                      [self = shared_from_this()](beast::error_code failed, std::size_t) {
                        self->writing_ = false;
                        if (failed || !self->source_) return self->end_stream();
                        self->pump();
                      });
  }

  void end_stream() {
    source_.reset();
    beast::error_code ignored;
    stream_.socket().close(ignored);
  }

  Stream stream_;
  ApiAnswerer answer_;
  std::shared_ptr<std::size_t> open_;
  beast::flat_buffer buffer_{kMaxBody + 64 * 1024};
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> reply_;
  std::shared_ptr<ApiStream> source_;
  std::string text_;  // being written
  bool chunked_ = true;
  bool writing_ = false;
};

}  // namespace

struct AdminServer::Impl : std::enable_shared_from_this<AdminServer::Impl> {
  Impl(EventLoop& loop, std::string socket_path, ApiAnswerer answerer)
      : path(std::move(socket_path)), answer(std::move(answerer)), acceptor(loop.context()) {}

  Result<void> listen() {
    sockaddr_un longest{};
    if (path.size() >= sizeof longest.sun_path)
      return Error("admin socket " + path + ": the path is longer than a unix socket allows (" +
                   std::to_string(sizeof longest.sun_path - 1) + " bytes)");
    unlink(path.c_str());  // ours alone: the state folder is locked
    beast::error_code failed;
    acceptor.open(Protocol(), failed);
    mode_t previous = umask(0177);
    if (!failed) acceptor.bind(Protocol::endpoint(path), failed);
    umask(previous);
    if (!failed) acceptor.listen(asio::socket_base::max_listen_connections, failed);
    if (failed) return Error("admin socket " + path + ": " + failed.message(), failed.value());
    return {};
  }

  void accept() {
    acceptor.async_accept(
        [self = shared_from_this()](beast::error_code failed, Protocol::socket socket) {
          if (failed == asio::error::operation_aborted || !self->acceptor.is_open()) return;
          if (failed) {
            log::warn("agent", "accepting on the admin socket: {}", failed.message());
          } else if (*self->open < kMaxConnections) {
            std::make_shared<Connection>(std::move(socket), self->answer, self->open)->read();
          }
          self->accept();
        });
  }

  std::string path;
  ApiAnswerer answer;
  Protocol::acceptor acceptor;
  std::shared_ptr<std::size_t> open = std::make_shared<std::size_t>(0);
};

AdminServer::AdminServer(EventLoop& loop, std::string socket_path, ApiAnswerer answer)
    : impl_(std::make_shared<Impl>(loop, std::move(socket_path), std::move(answer))) {}

AdminServer::~AdminServer() {
  beast::error_code ignored;
  impl_->acceptor.close(ignored);
  unlink(impl_->path.c_str());
}

Result<void> AdminServer::start() {
  auto listening = impl_->listen();
  if (listening) impl_->accept();
  return listening;
}

}  // namespace sixpn::agent
