// SilenceWatches: who of one loop waits on which hop for an answer, and wants to hear that the
// machine at its other end acknowledges nothing (silence_listener.h). Loop thread. Bounded by the
// requests that wait.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "base/ids.h"

namespace sixpn::flycast {

class SilenceWatches {
 public:
  // This end of a hop: the other host, and our port.
  using Stream = std::pair<HostId, std::uint16_t>;

  SilenceWatches() = default;
  SilenceWatches(const SilenceWatches&) = delete;
  SilenceWatches& operator=(const SilenceWatches&) = delete;

  // Somebody who waits on a stream; ends by being destroyed, before the watches.
  class Watch {
   public:
    Watch(SilenceWatches& all, const Stream& stream, std::function<void()> on_silence)
        : all_(all), stream_(stream), on_silence_(std::move(on_silence)) {
      all_.watches_[stream_] = this;
    }
    // Its stream's port may be another's by now.
    ~Watch() {
      auto found = all_.watches_.find(stream_);
      if (found != all_.watches_.end() && found->second == this) all_.watches_.erase(found);
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    SilenceWatches& all_;
    Stream stream_;
    std::function<void()> on_silence_;
    friend class SilenceWatches;
  };

  // Port 0 is nobody's.
  void tell(const Stream& stream) const {
    auto waits = watches_.find(stream);
    if (stream.second == 0 || waits == watches_.end()) return;
    auto on_silence = waits->second->on_silence_;  // it may end by this
    on_silence();
  }

 private:
  std::map<Stream, Watch*> watches_;
};

}  // namespace sixpn::flycast
