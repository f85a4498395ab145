// ApiClient: one HTTP/1.1 request to the agent on its unix socket, and its JSON answer
// (docs/api.md). The only file of this program that knows Beast and asio is api_client.cc.
// Blocking; a connection per request.
//
// A stream of lines (`registry watch`) is given line by line as it comes.
//
// Errors are sentences for a person. kUnreachableError (command.h) when no agent answers on the
// socket, and how to start one; an error of the agent in its own words, each of its details on a
// line of its own. Limits: 64 MiB of answer, 10 minutes per request (`machine stop` waits for its
// machine); of a stream 1 MiB per line and 60 s without one.
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "tools/cli/api_target.h"

namespace sixpn::cli {

class ApiClient {
 public:
  explicit ApiClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  Result<boost::json::value> get(const ApiTarget& target);
  Result<boost::json::value> post(const ApiTarget& target, const boost::json::object& body);
  Result<boost::json::value> remove(const ApiTarget& target);
  // GET of a stream: calls `on_line` with every line, without its end, until that returns false or
  // the agent ends the stream.
  Result<void> stream(const ApiTarget& target,
                      const std::function<bool(std::string_view line)>& on_line);

 private:
  Result<boost::json::value> request(std::string_view method, const ApiTarget& target,
                                     std::optional<std::string> body);

  std::string socket_path_;
};

}  // namespace sixpn::cli
