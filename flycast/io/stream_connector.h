// StreamConnector: one TCP connect with a deadline, and the first bytes over it. Calls back exactly
// once, never from its constructor; destroying it cancels. Loop thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "base/ip.h"
#include "flycast/io/sockets.h"

namespace sixpn::flycast {

struct ConnectRequest {
  Ip6 source;
  SourceKind source_kind = SourceKind::kOwn;
  IpEndpoint remote;
  Duration timeout{};
  std::string greeting;  // sent as soon as it is connected; short, it fits an empty send buffer
  bool speaks_at_once = false;  // bytes wait to be sent over it
  Lasting lasting = Lasting::kNow;
};

// What came of a connect at once: a stream that is connected and has been sent the greeting; one
// that is connecting (EINPROGRESS); or why there is none.
struct BegunConnect {
  Fd stream;
  int error = 0;
};
BegunConnect begin_connect(const ConnectRequest& request);

// Either a connected stream, or the errno that says why not (ETIMEDOUT at the deadline).
struct ConnectOutcome {
  Fd stream;
  int error = 0;
};

class StreamConnector {
 public:
  using Done = std::function<void(ConnectOutcome)>;

  StreamConnector(EventLoop& loop, const ConnectRequest& request, Done done);
  // Goes on with one that is connecting.
  StreamConnector(EventLoop& loop, const ConnectRequest& request, Fd connecting, Done done);
  ~StreamConnector();
  StreamConnector(const StreamConnector&) = delete;
  StreamConnector& operator=(const StreamConnector&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn::flycast
