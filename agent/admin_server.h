// AdminServer: HTTP/1.1 on the agent's unix socket, mode 0600. It moves requests and replies and
// knows nothing of their meaning: agent/admin_api.h answers them. Control loop only.
//
// Limits: 64 connections at once, 1 MiB per request, 60 s per read or write.
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

struct ApiReply {
  unsigned status = 200;
  std::string body;  // JSON
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
