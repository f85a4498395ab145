// SilenceListener: hears from other hosts' proxies that machines of theirs acknowledge nothing any
// more (silence_teller.h), and passes that on. It opens a stream to each host that says that it
// tells, and keeps it.
//
// It does not judge what it hears, nor knows who waits (silence_watches.h). Loop thread. Limits:
// kMaxLines hosts; one that does not let us listen is asked again after kRetry, when it answers
// something else.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "base/ip.h"
#include "flycast/core/preamble.h"
#include "flycast/io/frame_reader.h"
#include "flycast/io/stream_connector.h"

namespace sixpn::flycast {

class SilenceListener {
 public:
  static constexpr std::size_t kMaxLines = 256;
  static constexpr Duration kRetry = std::chrono::seconds(1);

  using OnSilence = std::function<void(HostId from, const Silence&)>;
  // `own`: the address lines are bound to. `on_silence`: of every word.
  SilenceListener(EventLoop& loop, const Ip6& own, std::uint16_t hop_port, OnSilence on_silence);
  SilenceListener(const SilenceListener&) = delete;
  SilenceListener& operator=(const SilenceListener&) = delete;

  // An answer of that host said that it tells.
  void listen_to(HostId host);
  // That host is dead, and so is the line to it.
  void forget(HostId host) { lines_.erase(host); }
  void stop();  // closes all; idempotent

 private:
  struct Line {
    std::optional<StreamConnector> connector;
    Fd stream;
    std::optional<FrameReader> reader;
    bool granted = false;
    Instant retry_at = kNever;  // kNever: it lives, or is on its way
  };

  void on_connected(HostId host, ConnectOutcome outcome);
  void await_frame(HostId host, Line& line);
  void on_frame(HostId host, Result<std::string> body);
  [[nodiscard]] bool understand(HostId host, Line& line, const std::string& body);
  void drop(Line& line);

  EventLoop& loop_;
  Ip6 own_;
  std::uint16_t hop_port_;
  OnSilence on_silence_;
  std::map<HostId, Line> lines_;
};

}  // namespace sixpn::flycast
