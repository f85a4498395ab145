#include "flycast/core/meters.h"

#include <algorithm>

namespace sixpn::flycast {

void TimeHistogram::add(Duration time) {
  double seconds = std::chrono::duration<double>(time).count();
  auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  ++counts.at(static_cast<std::size_t>(bound - kBounds.begin()));
  sum += time;
}

std::shared_ptr<AppMeter> Meters::app(NetworkId network, std::string_view name) {
  AppId id{network, name};
  auto found = apps_.find(id);
  if (found != apps_.end()) return found->second;
  if (apps_.size() >= kMostMetered) {
    ++left_out_;
    return nullptr;
  }
  return apps_.emplace(std::move(id), std::make_shared<AppMeter>()).first->second;
}

HandshakeMeter* Meters::handshakes(NetworkId network, std::string_view name) {
  auto found = apps_.find(AppId{network, name});
  return found == apps_.end() ? nullptr : &found->second->handshakes;
}

std::shared_ptr<MachineMeter> Meters::machine(NetworkId network, MachineId machine) {
  auto found = machines_.find({network, machine});
  if (found != machines_.end()) return found->second;
  if (machines_.size() >= kMostMetered) {
    ++left_out_;
    return nullptr;
  }
  return machines_.emplace(InstanceId{network, machine}, std::make_shared<MachineMeter>())
      .first->second;
}

std::shared_ptr<const void> Meters::connection(std::shared_ptr<AppMeter> meter) {
  if (meter == nullptr) return nullptr;
  ++meter->connects;
  AppMeter* counted = meter.get();
  return {counted, [kept = std::move(meter)](const AppMeter*) { ++kept->disconnects; }};
}

void Meters::on_admitted(const ServiceKey& key) {
  auto found = admitted_.find(key);
  if (found == admitted_.end()) {
    if (admitted_.size() >= kMostMetered) {
      ++left_out_;
      return;
    }
    found = admitted_.emplace(key, 0).first;
  }
  ++found->second;
}

void Meters::on_response(ResponseTimes* responses, int status, Duration time) {
  if (responses == nullptr) return;
  auto found = responses->find(status);
  if (found == responses->end()) {
    if (responses->size() >= kMostStatuses) {
      ++left_out_;
      return;
    }
    found = responses->emplace(status, TimeHistogram()).first;
  }
  found->second.add(time);
}

}  // namespace sixpn::flycast
