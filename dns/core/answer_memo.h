// AnswerMemo: what the registry says to questions that are not for addresses of apps (lists, PTR,
// .flycast, names of the network), rendered once and kept while the network and the hosts are what
// they were. Names that do not exist are not kept, so nobody can fill it but with what is there.
// One per worker, as Responder. Limits: kMost answers, kMostBytes; beyond them all are forgotten.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/ids.h"
#include "dns/core/codes.h"
#include "dns/core/fast_hash.h"
#include "dns/core/name_index.h"
#include "dns/core/response.h"

namespace sixpn::dns {

class AnswerMemo {
 public:
  static constexpr std::size_t kMost = 4096;
  static constexpr std::size_t kMostBytes = 8 << 20;

  struct Key {
    NetworkId network;
    RrType type = 0;
    bool peer = false;      // a peer is told other addresses of the host
    std::string_view name;  // wire form, lower case
  };

  // Null: not known, or not any more.
  const RenderedRecords* find(const NameIndex& index, const NameIndex::Network& network,
                              const Key& key);
  const RenderedRecords* keep(const NameIndex& index, const NameIndex::Network& network,
                              const Key& key, RenderedRecords records);
  [[nodiscard]] std::size_t size() const { return answers_.size(); }

 private:
  struct StoredKey {
    NetworkId network;
    RrType type;
    bool peer;
    std::string name;
    [[nodiscard]] Key view() const { return {network, type, peer, name}; }
  };
  struct HashKey {
    using is_transparent = void;
    std::size_t operator()(const Key& key) const {
      return fast_hash(key.name) ^ fold_multiply(key.network.value, kHashSeed | 1) ^
             (std::size_t{key.type} << 1 | (key.peer ? 1U : 0U));
    }
    std::size_t operator()(const StoredKey& key) const { return (*this)(key.view()); }
  };
  struct SameKey {
    using is_transparent = void;
    static bool same(const Key& a, const Key& b) {
      return a.network == b.network && a.type == b.type && a.peer == b.peer && a.name == b.name;
    }
    bool operator()(const Key& a, const StoredKey& b) const { return same(a, b.view()); }
    bool operator()(const StoredKey& a, const Key& b) const { return same(a.view(), b); }
    bool operator()(const StoredKey& a, const StoredKey& b) const {
      return same(a.view(), b.view());
    }
  };
  struct Kept {
    std::uint64_t age = 0;
    std::uint64_t hosts_age = 0;
    std::weak_ptr<const NetworkView> view;  // weak: an answer nobody asks for pins no network
    RenderedRecords records;
  };

  std::unordered_map<StoredKey, Kept, HashKey, SameKey> answers_;
  std::size_t bytes_ = 0;
};

}  // namespace sixpn::dns
