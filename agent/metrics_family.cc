#include "agent/metrics_family.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "registry/core/keys.h"

namespace sixpn::agent {

using flycast::TimeHistogram;

std::string escape_label(std::string_view value) {
  std::string out;
  for (char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

Family::Family(std::string name, std::string_view kind, std::string_view help)
    : name_(std::move(name)),
      text_(fmt::format("# HELP {} {}\n# TYPE {} {}\n", name_, help, name_, kind)) {}

void Family::add_number(const std::string& labels, std::uint64_t value) {
  fmt::format_to(std::back_inserter(samples_), "{}{{{}}} {}\n", name_, labels, value);
}

void Family::add(const std::string& labels, double value) {
  fmt::format_to(std::back_inserter(samples_), "{}{{{}}} {:.6f}\n", name_, labels, value);
}

void Family::add(const std::string& labels, const TimeHistogram& times) {
  std::uint64_t total = 0;
  auto out = std::back_inserter(samples_);
  for (std::size_t i = 0; i < times.counts.size(); ++i) {
    total += times.counts[i];
    std::string bound =
        i < TimeHistogram::kBounds.size() ? fmt::format("{}", TimeHistogram::kBounds[i]) : "+Inf";
    fmt::format_to(out, "{}_bucket{{{},le=\"{}\"}} {}\n", name_, labels, bound, total);
  }
  fmt::format_to(out, "{}_sum{{{}}} {:.6f}\n{}_count{{{}}} {}\n", name_, labels, seconds(times.sum),
                 name_, labels, total);
}

Family counter(std::string name, std::string_view help) {
  return {std::move(name), "counter", help};
}
Family gauge(std::string name, std::string_view help) {
  return {std::move(name), "gauge", help};
}
Family histogram(std::string name, std::string_view help) {
  return {std::move(name), "histogram", help};
}

Labels::Labels(const Snapshot& snapshot) : snapshot_(snapshot) {
  const HostView* self = snapshot.find_host(snapshot.self);
  if (self == nullptr) return;
  host_ = self->record.name;
  region_ = self->record.region;
}

std::string Labels::of_app(NetworkId network, std::string_view app, std::string_view region) const {
  const NetworkView* view = snapshot_.find_network(network);
  if (view == nullptr) return "";
  return fmt::format("app=\"{}\",network=\"{}\",region=\"{}\",host=\"{}\"", escape_label(app),
                     escape_label(view->network.org + "/" + view->network.name),
                     escape_label(region), escape_label(host_));
}

std::string Labels::of_machine(NetworkId network, MachineId id) const {
  const NetworkView* view = snapshot_.find_network(network);
  if (view == nullptr) return "";
  auto found = view->machines.find(id);
  if (found == view->machines.end()) return "";
  const MachineRecord& machine = *found->second;
  return of_app(network, machine.app, machine.region) +
         fmt::format(",instance=\"{}\"", to_string(id));
}

std::string Labels::of_host() const {
  return fmt::format("region=\"{}\",host=\"{}\"", escape_label(region_), escape_label(host_));
}

}  // namespace sixpn::agent
