#include "tools/cli/api_client.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>

#include "tools/cli/command.h"
#include "tools/cli/json_view.h"

namespace sixpn::cli {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace json = boost::json;
using Protocol = asio::local::stream_protocol;
using Request = http::request<http::string_body>;

constexpr std::size_t kMaxAnswer = 64 << 20;
constexpr auto kTimeout = std::chrono::minutes(10);
constexpr std::size_t kMaxLine = 1 << 20;
constexpr auto kStreamTimeout = std::chrono::seconds(60);  // four heartbeats of the agent

struct Answer {
  unsigned status = 0;
  std::string body;
};

Error unreachable(const std::string& socket_path, const boost::system::error_code& failed) {
  if (failed == boost::system::errc::permission_denied)
    return Error(
        fmt::format("no permission to talk to the agent at {}: run this as root", socket_path),
        kUnreachableError);
  return Error(
      fmt::format("no agent answers at {} ({}). Start it with `systemctl start sixpnd`, or "
                  "`sixpnd --dev` for a first look; --socket names another place",
                  socket_path, failed.message()),
      kUnreachableError);
}

// One exchange; each step runs the loop until that step is over.
class Exchange {
 public:
  boost::system::error_code connect(const std::string& socket_path) {
    boost::system::error_code failed;
    if (socket_path.size() >= sizeof(sockaddr_un::sun_path))
      return boost::system::errc::make_error_code(boost::system::errc::filename_too_long);
    stream_.socket().connect(Protocol::endpoint(socket_path), failed);
    return failed;
  }

  boost::system::error_code write(const Request& request) {
    stream_.expires_after(kTimeout);
    http::async_write(stream_, request,
                      [this](beast::error_code code, std::size_t) { outcome_ = code; });
    return run();
  }

  boost::system::error_code read(Answer& answer) {
    parser_.body_limit(kMaxAnswer);
    stream_.expires_after(kTimeout);
    http::async_read(stream_, buffer_, parser_,
                     [this](beast::error_code code, std::size_t) { outcome_ = code; });
    boost::system::error_code failed = run();
    if (!failed) answer = {parser_.get().result_int(), std::move(parser_.get().body())};
    return failed;
  }

  // Like read(), in pieces: `take` gets each as it comes, until it returns false.
  boost::system::error_code read_stream(unsigned& status,
                                        const std::function<bool(std::string_view)>& take) {
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(boost::none);
    stream_.expires_after(kStreamTimeout);
    http::async_read_header(stream_, buffer_, parser,
                            [this](beast::error_code code, std::size_t) { outcome_ = code; });
    if (auto failed = run()) return failed;
    status = parser.get().result_int();
    std::array<char, 16 * 1024> piece{};
    while (!parser.is_done()) {
      parser.get().body() = {piece.data(), piece.size(), true};
      stream_.expires_after(kStreamTimeout);
      http::async_read_some(stream_, buffer_, parser,
                            [this](beast::error_code code, std::size_t) { outcome_ = code; });
      auto failed = run();
      if (failed && failed != http::error::need_buffer) return failed;
      std::size_t size = piece.size() - parser.get().body().size;
      if (!take({piece.data(), size})) return {};
    }
    return {};
  }

 private:
  boost::system::error_code run() {
    context_.restart();
    context_.run();
    return outcome_;
  }

  asio::io_context context_;
  beast::basic_stream<Protocol> stream_{context_};
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  boost::system::error_code outcome_;
};

Request make_request(std::string_view method, const ApiTarget& target,
                     std::optional<std::string> body) {
  Request request(http::string_to_verb({method.data(), method.size()}), target.text(), 11);
  request.set(http::field::host, "sixpn");
  request.set(http::field::user_agent, "sixpn/" SIXPN_VERSION);
  request.set(http::field::connection, "close");
  if (body) {
    request.set(http::field::content_type, "application/json");
    request.body() = std::move(*body);
  }
  request.prepare_payload();
  return request;
}

Error error_of(unsigned status, const json::value& body) {
  JsonView answer(body);
  std::string sentence = answer["error"].text();
  if (sentence.empty()) sentence = fmt::format("the agent answered with HTTP status {}", status);
  for (const std::string& detail : answer["details"].texts()) sentence += "\n" + detail;
  return Error(sentence);
}

Result<json::value> read_answer(Answer answer) {
  json::value body;
  if (!answer.body.empty()) {
    boost::system::error_code malformed;
    body = json::parse(answer.body, malformed);
    if (malformed)
      return Error(fmt::format("the agent's answer is not JSON (HTTP status {})", answer.status));
  }
  if (answer.status < 200 || answer.status >= 300) return error_of(answer.status, body);
  return body;
}

}  // namespace

Result<json::value> ApiClient::request(std::string_view method, const ApiTarget& target,
                                       std::optional<std::string> body) {
  Exchange exchange;
  if (auto failed = exchange.connect(socket_path_)) return unreachable(socket_path_, failed);
  if (auto failed = exchange.write(make_request(method, target, std::move(body))))
    return Error(fmt::format("the agent did not take the request: {}", failed.message()));
  Answer answer;
  auto failed = exchange.read(answer);
  if (failed == http::error::end_of_stream || failed == http::error::partial_message)
    return Error("the agent closed the connection before it answered; its log may say why");
  if (failed) return Error(fmt::format("the agent did not answer: {}", failed.message()));
  return read_answer(std::move(answer));
}

namespace {

// Cuts what arrives into lines.
class LineSplitter {
 public:
  explicit LineSplitter(const std::function<bool(std::string_view)>& on_line) : on_line_(on_line) {}

  bool take(std::string_view piece) {
    for (std::size_t end = piece.find('\n'); end != std::string_view::npos;
         end = piece.find('\n')) {
      rest_ += piece.substr(0, end);
      if (!on_line_(rest_)) return false;
      rest_.clear();
      piece.remove_prefix(end + 1);
    }
    rest_ += piece;
    too_long_ = rest_.size() > kMaxLine;
    return !too_long_;
  }
  [[nodiscard]] bool too_long() const { return too_long_; }

 private:
  const std::function<bool(std::string_view)>& on_line_;
  std::string rest_;
  bool too_long_ = false;
};

}  // namespace

Result<void> ApiClient::stream(const ApiTarget& target,
                               const std::function<bool(std::string_view)>& on_line) {
  Exchange exchange;
  if (auto failed = exchange.connect(socket_path_)) return unreachable(socket_path_, failed);
  if (auto failed = exchange.write(make_request("GET", target, std::nullopt)))
    return Error(fmt::format("the agent did not take the request: {}", failed.message()));
  unsigned status = 0;
  std::string refusal;
  LineSplitter lines(on_line);
  auto failed = exchange.read_stream(status, [&](std::string_view piece) {
    if (status == 200) return lines.take(piece);
    refusal += piece;
    return refusal.size() <= kMaxLine;
  });
  if (lines.too_long()) return Error("the agent sent a line of more than 1 MiB");
  if (failed == beast::error::timeout) return Error("the agent has gone silent");
  if (failed) return Error(fmt::format("the agent ended the stream: {}", failed.message()));
  if (status == 200) return {};
  auto answer = read_answer({status, std::move(refusal)});
  return answer ? Error(fmt::format("the agent answered with HTTP status {}", status))
                : std::move(answer).error();
}

Result<json::value> ApiClient::get(const ApiTarget& target) {
  return request("GET", target, std::nullopt);
}

Result<json::value> ApiClient::post(const ApiTarget& target, const json::object& body) {
  return request("POST", target, json::serialize(body));
}

Result<json::value> ApiClient::remove(const ApiTarget& target) {
  return request("DELETE", target, std::nullopt);
}

}  // namespace sixpn::cli
