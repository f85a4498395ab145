#include "tests/netns/cluster/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdlib>
#include <iostream>
#include <random>
#include <set>

namespace sixpn::testing {
namespace {

namespace json = boost::json;

// The names of the apps whose record is alive in a dump.
std::set<std::string> live_apps(const std::string& dump) {
  std::set<std::string> names;
  boost::system::error_code failed;
  json::value records = json::parse(dump, failed);
  if (failed || !records.is_array()) return names;
  for (const auto& record : records.as_array()) {
    std::string key(record.at("key").as_string());
    if (key.starts_with("app/") && !record.at("tombstone").as_bool())
      names.insert(key.substr(key.rfind('/') + 1));
  }
  return names;
}

}  // namespace

bool Ledger::create(const std::string& host, const std::string& app) {
  bool done = cluster_.sixpn(host, {"apps", "create", app, "--org", "acme"}).status == 0;
  note(app, done ? Fate::kLive : Fate::kUnsure);
  return done;
}

bool Ledger::destroy(const std::string& host, const std::string& app) {
  bool done = cluster_.sixpn(host, {"apps", "destroy", app}).status == 0;
  note(app, done ? Fate::kGone : Fate::kUnsure);
  return done;
}

void Ledger::note(const std::string& app, Fate fate) {
  std::lock_guard lock(mutex_);
  fates_[app] = fate;
}

std::vector<std::string> Ledger::living() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [app, fate] : fates_)
    if (fate == Fate::kLive) names.push_back(app);
  return names;
}

std::vector<std::string> Ledger::contradictions(const std::string& host) {
  auto present = live_apps(cluster_.must(host, {"--json", "registry", "dump"}));
  std::lock_guard lock(mutex_);
  std::vector<std::string> lines;
  for (const auto& [app, fate] : fates_) {
    if (fate == Fate::kLive && !present.contains(app)) lines.push_back(app + " is lost on " + host);
    if (fate == Fate::kGone && present.contains(app))
      lines.push_back(app + " is back from the dead on " + host);
  }
  return lines;
}

bool same_registries(Cluster& cluster, const std::vector<std::string>& hosts) {
  std::string first = cluster.sixpn(hosts.front(), {"--json", "registry", "dump"}).out;
  return !first.empty() && std::all_of(hosts.begin() + 1, hosts.end(), [&](const auto& host) {
    return cluster.sixpn(host, {"--json", "registry", "dump"}).out == first;
  });
}

std::uint64_t seed_of_this_run() {
  const char* given = std::getenv("SIXPN_SEED");
  std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
  std::cout << "repeat with SIXPN_SEED=" << seed << "\n";
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  return seed;
}

}  // namespace sixpn::testing
