// What an answer costs, in queries: of most the sending is all there is to speak of, some 6 us with
// the kernel's part. What is kept (name_index.h, answer_memo.h) costs no more than that, whatever
// it took to make it. What is made for one query, because nobody asked since it changed or because
// it is for the asker alone, costs that query what it took, in the same coin: so a source's rate
// (source_meter.h) bounds the time that it may take, not only how often it asks.
//
// Estimates, because a clock would count what other threads took too: tests/bench/dns_cost measures
// them. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sixpn::dns {

// In tenths of a microsecond: a machine, address or peer looked at, each; a record rendered; text.
inline constexpr std::size_t kCostPerRecord = 8;
inline constexpr std::size_t kBytesPerCost = 16;
inline constexpr std::size_t kCostPerQuery = 64;
// Over TCP, where a reply may have 64 kB: to copy them and hand them to the kernel.
inline constexpr std::size_t kSentBytesPerQuery = 8192;

inline std::uint32_t queries_to_make(std::size_t looked_at, std::size_t records,
                                     std::size_t bytes) {
  auto cost = looked_at + records * kCostPerRecord + bytes / kBytesPerCost;
  return static_cast<std::uint32_t>(cost / kCostPerQuery);
}

inline std::uint32_t queries_to_send(std::size_t bytes) {
  return static_cast<std::uint32_t>(1 + bytes / kSentBytesPerQuery);
}

}  // namespace sixpn::dns
