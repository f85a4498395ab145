#include "flycast/io/hop_call.h"

#include <cerrno>

namespace sixpn::flycast {

HopCall::HopCall(EventLoop& loop, const ConnectRequest& request, const Preamble& preamble,
                 Done done, std::optional<Duration> reply_timeout)
    : loop_(loop),
      preamble_(encode_preamble(preamble)),
      done_(std::move(done)),
      reply_timeout_(reply_timeout),
      deadline_(loop, [this] { fail(ETIMEDOUT); }),
      connector_(loop, request,
                 [this](ConnectOutcome outcome) { on_connected(std::move(outcome)); }) {
  deadline_.arm_after(request.timeout);
}

void HopCall::on_connected(ConnectOutcome outcome) {
  if (outcome.error != 0) return fail(outcome.error);
  stream_ = std::move(outcome.stream);
  if (!send_frame(stream_.get(), preamble_)) return fail(ECONNRESET);
  if (reply_timeout_) deadline_.arm_after(*reply_timeout_);
  reader_.emplace(loop_, stream_.get(),
                  [this](Result<std::string> body) { on_reply(std::move(body)); });
}

void HopCall::on_reply(Result<std::string> body) {
  if (!body) return fail(body.error().code != 0 ? body.error().code : EPROTO);
  auto reply = decode_reply(*body);
  if (!reply) return fail(EPROTO);
  HopOutcome outcome;
  outcome.reply = *reply;
  outcome.stream = std::move(stream_);
  finish(std::move(outcome));
}

void HopCall::fail(int error) {
  HopOutcome outcome;
  outcome.error = error;
  finish(std::move(outcome));
}

// Last: the callback may destroy the call.
void HopCall::finish(HopOutcome outcome) {
  deadline_.cancel();
  Done call = std::exchange(done_, nullptr);
  if (call) call(std::move(outcome));
}

}  // namespace sixpn::flycast
