#include "dns/core/flycast_names.h"

#include <algorithm>

namespace sixpn::dns {
namespace {

// The addresses of one app. Two networks may each have an app of this name and both be dialled from
// here: then the name means this network's own app, or else the one of the lowest network id, never
// a mix.
std::vector<const FlycastRecord*> records_of(const View& view, std::string_view app) {
  std::vector<const FlycastRecord*> records;
  for (const auto& [address, record] : view.names.flycast)
    if (record.app == app) records.push_back(&record);
  if (records.empty()) return records;
  auto rank = [&](const FlycastRecord* record) {
    return std::pair(record->app_network != view.network, record->app_network);
  };
  auto best = rank(*std::min_element(records.begin(), records.end(),
                                     [&](auto* a, auto* b) { return rank(a) < rank(b); }));
  std::erase_if(records, [&](auto* record) { return rank(record) != best; });
  return records;
}

}  // namespace

std::optional<NameContent> find_flycast(const View& view, Labels labels) {
  auto records = records_of(view, labels.back());
  if (records.empty() || labels.size() > 3) return std::nullopt;
  if (labels.size() > 1 && labels[labels.size() - 2] != "svc") return std::nullopt;
  auto service = labels.size() == 3 ? labels[0] : std::string_view();
  bool has_services = false;
  NameContent content{.type = kTypeAaaa,
                      .rule = "Flycast addresses that the asker's network may dial"};
  for (const auto* record : records) {
    has_services = has_services || !record->service_name.empty();
    if (record->service_name == service) content.rdata.emplace_back(record->address);
  }
  if (labels.size() == 2) return has_services ? std::optional(existing_name()) : std::nullopt;
  if (labels.size() == 3 && content.rdata.empty()) return std::nullopt;
  return content;
}

}  // namespace sixpn::dns
