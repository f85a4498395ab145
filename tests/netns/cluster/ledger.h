// Ledger: what a test has written to a cluster and was told about it, to hold the registries to it
// at the end. A name is written by one command at a time; a command that was not acknowledged (its
// agent was killed under it) may or may not have happened, and either is right.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {

class Ledger {
 public:
  explicit Ledger(Cluster& cluster) : cluster_(cluster) {}

  // An app of org acme, by the command line on `host`. Whether it was acknowledged. Any thread.
  bool create(const std::string& host, const std::string& app);
  bool destroy(const std::string& host, const std::string& app);

  // Names that are acknowledged to exist, in name order.
  [[nodiscard]] std::vector<std::string> living() const;
  // What `host`'s registry contradicts, one line each: lost and resurrected writes.
  std::vector<std::string> contradictions(const std::string& host);

 private:
  enum class Fate : unsigned char { kLive, kGone, kUnsure };
  void note(const std::string& app, Fate fate);

  Cluster& cluster_;
  mutable std::mutex mutex_;
  std::map<std::string, Fate> fates_;
};

// All registries, tombstones included, as `sixpn --json registry dump` has them (with the digest of
// every record's bytes), are the same on these hosts.
bool same_registries(Cluster& cluster, const std::vector<std::string>& hosts);

// SIXPN_SEED from the environment, or a new one; printed, so that a failed run can be repeated.
std::uint64_t seed_of_this_run();

}  // namespace sixpn::testing
