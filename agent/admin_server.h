// AdminServer: HTTP/1.1 on the agent's unix socket, mode 0600. It moves requests and replies and
// knows nothing of their meaning: agent/admin_api.h answers them. Control loop only.
//
// A reply is one text, mostly JSON, or a stream that is pulled from its source only as the client
// takes it (chunked; to HTTP/1.0 until the connection ends): of lines that go on until one side
// ends it, or of a list that is too long to be there at once (list_stream.h).
//
// Limits: 64 connections at once, 1 MiB per request, 60 s per read or write; a stream's client that
// takes nothing for 30 s is disconnected.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/io/event_loop.h"
#include "base/result.h"

namespace sixpn::agent {

struct ApiRequest {
  std::string method;  // "GET"
  std::string target;  // path and query, still percent-encoded
  std::string body;
};

// The source of a streamed reply. Control loop only.
class ApiStream {
 public:
  virtual ~ApiStream() = default;
  // What is next, about `budget` bytes; "": nothing now.
  virtual std::string next(std::size_t budget) = 0;
  // There is nothing more after what next() gave.
  [[nodiscard]] virtual bool ended() const = 0;
  // To be called when next() has something again.
  virtual void on_more(std::function<void()> wake) = 0;
  // It may have nothing for long: that its client is gone must be noticed without writing.
  [[nodiscard]] virtual bool waits() const { return true; }
};

struct ApiReply {
  unsigned status = 200;
  std::string body;
  std::shared_ptr<ApiStream> stream = nullptr;  // what follows `body`
  const char* content_type = "application/json";
};

// Called on the control loop; `reply` may be called at once or later, once, on the same loop.
using ApiResponder = std::function<void(ApiReply)>;
using ApiAnswerer = std::function<void(ApiRequest, ApiResponder)>;

class AdminServer {
 public:
  AdminServer(EventLoop& loop, std::string socket_path, ApiAnswerer answer);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // Replaces a stale socket file. Errors: the path cannot be bound (with the path and the reason).
  Result<void> start();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn::agent
