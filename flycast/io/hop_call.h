// HopCall: asks the proxy of a machine's own host for a connection: connect, preamble, reply. Calls
// back exactly once, never from its constructor; destroying it cancels. Loop thread.
#pragma once

#include <functional>
#include <optional>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "flycast/core/preamble.h"
#include "flycast/io/frame_reader.h"
#include "flycast/io/stream_connector.h"

namespace sixpn::flycast {

struct HopOutcome {
  // Nothing when that host's proxy did not answer: then `error` says why (ETIMEDOUT, ECONNREFUSED,
  // ...).
  std::optional<HopReply> reply;
  int error = 0;
  Fd stream;  // joined to the machine, when the reply is kOk
};

class HopCall {
 public:
  using Done = std::function<void(HopOutcome)>;

  // `request.timeout` covers all of it; or, where a machine has to be started first, as much of it
  // as connecting takes, and `reply_timeout` the answer.
  HopCall(EventLoop& loop, const ConnectRequest& request, const Preamble& preamble, Done done,
          std::optional<Duration> reply_timeout = {});
  HopCall(const HopCall&) = delete;
  HopCall& operator=(const HopCall&) = delete;

 private:
  void on_connected(ConnectOutcome outcome);
  void on_reply(Result<std::string> body);
  void fail(int error);
  void finish(HopOutcome outcome);

  EventLoop& loop_;
  std::string preamble_;
  Done done_;
  std::optional<Duration> reply_timeout_;
  Fd stream_;
  std::optional<FrameReader> reader_;
  LoopTimer deadline_;
  StreamConnector connector_;
};

}  // namespace sixpn::flycast
