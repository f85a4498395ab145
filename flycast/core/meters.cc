#include "flycast/core/meters.h"

#include <algorithm>
#include <iterator>
#include <tuple>

namespace sixpn::flycast {

void TimeHistogram::add(Duration time) {
  double seconds = std::chrono::duration<double>(time).count();
  auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  ++counts.at(static_cast<std::size_t>(bound - kBounds.begin()));
  sum += time;
}

TimeHistogram& TimeHistogram::operator+=(const TimeHistogram& other) {
  for (std::size_t i = 0; i < counts.size(); ++i) counts.at(i) += other.counts.at(i);
  sum += other.sum;
  return *this;
}

HandshakeMeter& HandshakeMeter::operator+=(const HandshakeMeter& other) {
  for (const auto& [version, taken] : other.times) times[version] += taken;
  for (const auto& [name, count] : other.errors) errors[name] += count;
  return *this;
}

AppMeter& AppMeter::operator+=(const AppMeter& other) {
  connects += other.connects;
  disconnects += other.disconnects;
  for (const auto& [status, taken] : other.responses) responses[status] += taken;
  handshakes += other.handshakes;
  return *this;
}

MachineMeter& MachineMeter::operator+=(const MachineMeter& other) {
  connects += other.connects;
  for (const auto& [status, taken] : other.responses) responses[status] += taken;
  return *this;
}

namespace {

// Merges two ascending lists; `join(into, one)` where both have it.
template <class One, class Less, class Join>
void merge_into(std::vector<One>& into, std::vector<One> more, Less less, Join join) {
  std::vector<One> all;
  all.reserve(into.size() + more.size());
  std::merge(std::make_move_iterator(into.begin()), std::make_move_iterator(into.end()),
             std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()),
             std::back_inserter(all), less);
  into.clear();
  for (One& one : all) {
    if (into.empty() || less(into.back(), one))
      into.push_back(std::move(one));
    else
      join(into.back(), one);
  }
}

}  // namespace

void MeterReadings::add(MeterReadings other) {
  merge_into(
      apps, std::move(other.apps),
      [](const App& a, const App& b) {
        return std::tie(a.network, a.name) < std::tie(b.network, b.name);
      },
      [](App& into, const App& one) {
        into.meter += one.meter;
        into.data_in += one.data_in;
        into.data_out += one.data_out;
      });
  merge_into(
      machines, std::move(other.machines),
      [](const Machine& a, const Machine& b) {
        return std::tie(a.network, a.machine) < std::tie(b.network, b.machine);
      },
      [](Machine& into, const Machine& one) { into.meter += one.meter; });
  left_out += other.left_out;
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

void AdmissionMeter::on_admitted(const ServiceKey& key) {
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
