// The first inputs of the fuzzers, as files FOLDER/TARGET/NAME. Written by fuzz_seeds, committed,
// and checked to hold all of the wire (wire_coverage_test.cc).
#pragma once

#include <set>
#include <string>
#include <vector>

#include "registry/core/gossip_codec.h"
#include "registry/core/signed_record.h"

namespace sixpn::fuzz {

class Seeds {
 public:
  explicit Seeds(std::string folder);
  // Numbered, and only where the target has no input yet.
  void add(const std::string& target, const std::string& bytes);
  // Replaces what has that name.
  void add(const std::string& target, const std::string& name, const std::string& bytes);

 private:
  std::string folder_;
  std::set<std::string> targets_;  // that had inputs
  int count_ = 0;
};

struct NamedRecord {
  std::string name;
  SignedRecordPtr record;
};
struct NamedDatagram {
  std::string name;
  registry::GossipDatagram datagram;
};

// record_seeds.cc: one of each kind, with all of its fields
std::vector<NamedRecord> full_records();
void add_records(Seeds& seeds);
// gossip_seeds.cc
std::vector<NamedDatagram> full_datagrams();
void add_gossip(Seeds& seeds);
// sync_seeds.cc
void add_sync(Seeds& seeds);
// trust_seeds.cc: statements of the root key, tokens, knocks
void add_trust(Seeds& seeds);
// tls_seeds.cc: certificates for TLS, and the root's word on them
void add_tls(Seeds& seeds);

}  // namespace sixpn::fuzz
