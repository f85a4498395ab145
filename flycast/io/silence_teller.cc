#include "flycast/io/silence_teller.h"

#include <string>
#include <utility>
#include <vector>

#include "flycast/core/preamble.h"
#include "flycast/io/sockets.h"

namespace sixpn::flycast {

void SilenceTeller::add(HostId host, Fd line) {
  if (!lines_.contains(host) && lines_.size() >= kMaxListeners) return;
  Line& kept = lines_[host];
  kept.watch.reset();
  kept.stream = std::move(line);
  // It has nothing to say: whatever comes is its end.
  kept.watch =
      std::make_unique<FdWatch>(loop_, kept.stream.get(), [this, host] { lines_.erase(host); });
}

void SilenceTeller::tell(const MachineEnd& silent, Instant now) {
  Silence word{silent.network, silent.service.machine, silent.service.internal_port};
  bool news = is_news(silent.service, now);
  std::string to_all = encode_silence(word);
  word.stream = silent.hop_port;
  std::string to_one = encode_silence(word);
  std::vector<HostId> hosts;
  for (const auto& [host, line] : lines_) hosts.push_back(host);
  for (HostId host : hosts) {
    bool asked = silent.hop_port != 0 && host == silent.asked_by;
    if (asked || news) send_to(host, asked ? to_one : to_all);
  }
}

bool SilenceTeller::is_news(const ServiceKey& machine, Instant now) {
  std::erase_if(told_, [&](const auto& one) { return now - one.second >= kPause; });
  return told_.emplace(machine, now).second;
}

void SilenceTeller::send_to(HostId host, const std::string& frame) {
  auto found = lines_.find(host);
  if (!send_whole(found->second.stream.get(), frame)) lines_.erase(found);
}

void SilenceTeller::stop() {
  lines_.clear();
}

}  // namespace sixpn::flycast
