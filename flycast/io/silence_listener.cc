#include "flycast/io/silence_listener.h"

#include "base/io/clock.h"
#include "registry/core/address.h"

namespace sixpn::flycast {
namespace {

// A line nobody waits for may take its time.
constexpr Duration kConnectTimeout = std::chrono::seconds(5);

// No connection is asked for: its addresses are read, and mean nothing.
std::string listening_preamble(const IpEndpoint& own) {
  Preamble preamble;
  preamble.client = preamble.dialled = own;
  preamble.internal_port = own.port;
  preamble.listens = true;
  return encode_preamble(preamble);
}

}  // namespace

SilenceListener::SilenceListener(EventLoop& loop, const Ip6& own, std::uint16_t hop_port,
                                 OnSilence on_silence)
    : loop_(loop), own_(own), hop_port_(hop_port), on_silence_(std::move(on_silence)) {}

void SilenceListener::listen_to(HostId host) {
  auto found = lines_.find(host);
  if (found == lines_.end() && lines_.size() >= kMaxLines) return;
  if (found != lines_.end() && found->second.retry_at == kNever) return;
  if (found != lines_.end() && monotonic_now() < found->second.retry_at) return;
  Line& line = lines_[host];
  line.retry_at = kNever;
  line.granted = false;
  ConnectRequest request{own_,
                         SourceKind::kOwn,
                         {host_address(host), hop_port_},
                         kConnectTimeout,
                         listening_preamble({own_, hop_port_})};
  line.connector.emplace(loop_, request, [this, host](ConnectOutcome outcome) {
    on_connected(host, std::move(outcome));
  });
}

void SilenceListener::on_connected(HostId host, ConnectOutcome outcome) {
  Line& line = lines_[host];
  if (outcome.error != 0) return drop(line);
  line.stream = std::move(outcome.stream);
  await_frame(host, line);
}

void SilenceListener::await_frame(HostId host, Line& line) {
  line.reader.emplace(loop_, line.stream.get(),
                      [this, host](Result<std::string> body) { on_frame(host, std::move(body)); });
}

// Who hears of it may stop this listener, but not destroy it.
void SilenceListener::on_frame(HostId host, Result<std::string> body) {
  auto found = lines_.find(host);
  if (found == lines_.end()) return;
  if (!body || !understand(host, found->second, *body)) return drop(found->second);
  found = lines_.find(host);
  if (found != lines_.end()) await_frame(host, found->second);
}

bool SilenceListener::understand(HostId host, Line& line, const std::string& body) {
  if (!line.granted) {
    auto reply = decode_reply(body);
    return line.granted = reply && reply->status == HopStatus::kOk && reply->tells;
  }
  auto silence = decode_silence(body);
  if (!silence) return false;
  on_silence_(host, *silence);
  return true;
}

// The reader that calls this may be the line's own.
void SilenceListener::drop(Line& line) {
  line.reader.reset();
  line.stream.close();
  line.retry_at = monotonic_now() + kRetry;
}

void SilenceListener::stop() {
  lines_.clear();
}

}  // namespace sixpn::flycast
