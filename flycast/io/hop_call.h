// HopCall: asks the proxy of a machine's own host for a connection: a link at rest, a spare one or
// a new connection, preamble, reply. Calls back exactly once, never from its constructor;
// destroying it cancels. Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "flycast/core/hop_frame.h"
#include "flycast/core/preamble.h"
#include "flycast/io/frame_reader.h"
#include "flycast/io/hop_links.h"
#include "flycast/io/http_stream.h"
#include "flycast/io/rested_links.h"
#include "flycast/io/stream_connector.h"

namespace sixpn::flycast {

struct HopOutcome {
  // Nothing when that host's proxy did not answer: then `error` says why (ETIMEDOUT, ECONNREFUSED,
  // ...).
  std::optional<HopReply> reply;
  int error = 0;
  Fd stream;  // joined to the machine, when the reply is kOk
  // Or this, a link that was at rest; what the machine has said already is read from it.
  std::unique_ptr<HttpStream> rested;
  std::size_t early_bytes = 0;  // of the client's, that went with the preamble
  std::string unsent;           // of HopRequest::ahead, what did not: it comes next
  // Without a reply: that host's kernel has such bytes, and nobody can tell whether a machine got
  // them. They must not be sent to another.
  bool may_be_delivered = false;
  // Without a reply: it was awaited on a link at rest, which a machine may have spoilt. That says
  // nothing of the host.
  bool was_rested = false;
};

// What is asked of the other host, and how it gets there.
struct HopRequest {
  // Its timeout covers all of it; or, with a reply_timeout, as much of it as connecting takes.
  ConnectRequest connect;
  Preamble preamble;
  // A socket whose first bytes, those that are there, go with the preamble. They also stay in its
  // kernel, so a refusal loses nothing; -1: none.
  int early_from = -1;
  // Or these, of an HTTP request: they go with the preamble, and in full, before anything else.
  std::string ahead;
  // Of the answer, where a machine has to be started first.
  std::optional<Duration> reply_timeout;
  // A host that has first bytes gets so much longer to say what became of them: a refusal that is
  // late is worth more than not knowing.
  Duration answer_grace{};
};

class HopCall {
 public:
  using Done = std::function<void(HopOutcome)>;

  // `rested` for exchanges, whose preamble has a nonce.
  HopCall(EventLoop& loop, HopLinks& links, RestedLinks& rested, const HopRequest& request,
          Done done);
  ~HopCall();
  HopCall(const HopCall&) = delete;
  HopCall& operator=(const HopCall&) = delete;

  // It has not called back.
  [[nodiscard]] bool is_open() const { return static_cast<bool>(done_); }
  // Nobody will answer any more: calls back at once, as if the time was over.
  void give_up();
  // Whether its stream was a spare link.
  [[nodiscard]] bool was_warm() const { return warm_; }

 private:
  void connect();
  bool speak(int stream);
  void hear(Fd stream);
  void hear_rested();
  std::optional<Result<std::string>> read_rested();
  void on_connected(ConnectOutcome outcome);
  void on_reply(Result<std::string> body);
  void on_deadline();
  void fail(int error);
  [[nodiscard]] bool may_be_delivered() const;
  // That the question went over; -1: none.
  [[nodiscard]] int stream() const;
  void finish(HopOutcome outcome);

  EventLoop& loop_;
  ConnectRequest request_;
  std::string preamble_;
  int early_from_;
  std::string ahead_;
  std::optional<Duration> reply_timeout_;
  Duration answer_grace_;
  std::size_t early_bytes_ = 0;
  std::uint64_t acknowledged_before_ = 0;  // of the stream's bytes, when the early ones went
  bool warm_ = false;
  std::uint64_t nonce_;
  bool in_grace_ = false;
  Done done_;
  std::unique_ptr<HttpStream> rested_;  // its link has carried another exchange
  HopFrame answer_;                     // over that
  Fd stream_;                           // or of any other
  std::optional<FrameReader> reader_;
  LoopTimer deadline_;
  std::optional<StreamConnector> connector_;
};

}  // namespace sixpn::flycast
