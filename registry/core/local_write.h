// LocalWrite: what a room of this host asks the registry to write; RecordWriter turns it into a
// signed record with the right stamp. Pure; control loop only.
//
// Owned records (host, machine, interest) are stamped (incarnation, version): the incarnation rises
// durably with every start of the agent, so versions may begin anew. Shared records are stamped by
// the hybrid clock, renewals by the time the root signed them at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/core/hybrid_clock.h"
#include "registry/core/record.h"
#include "registry/core/signed_record.h"

namespace sixpn::registry {

struct LocalWrite {
  RecordValue value;   // what to write; ignored when erasing
  bool erase = false;  // write a tombstone under `key` instead
  RecordKey key;       // only for erase
  std::string
      org;  // the org right used, for shared records; "" for what is owned and what the root signed
  NetworkId network;  // only to erase a machine: the network it is in (see name_network)
};

class Store;
// A tombstone says of which network the machine was that it erases: who holds that network must
// hear of it.
void name_network(LocalWrite& write, HostId self, const Store& store);

class RecordWriter {
 public:
  RecordWriter(HostId self, SigningKey key, std::uint64_t incarnation)
      : self_(self), key_(std::move(key)), incarnation_(incarnation) {}

  // Errors: a value that breaks the rules of signed_record.h, an erase of a kind that has no
  // tombstones.
  Result<SignedRecordPtr> sign(const LocalWrite& write, HybridClock& clock, WallTime now);

  [[nodiscard]] std::uint64_t incarnation() const { return incarnation_; }
  // After another process life of this host was seen ahead of ours (a restored disk): continue
  // above it.
  void raise_incarnation(std::uint64_t incarnation);

 private:
  HostId self_;
  SigningKey key_;
  std::uint64_t incarnation_;
  std::uint64_t version_ = 0;
};

}  // namespace sixpn::registry
