#include "dns/core/response.h"

#include <algorithm>
#include <cstring>

#include "dns/core/draw.h"
#include "dns/core/wire_writer.h"

namespace sixpn::dns {
namespace {

constexpr std::size_t kFlagsAt = 2;
constexpr std::size_t kQuestionsAt = 4;
constexpr std::size_t kAnswersAt = 6;
constexpr std::size_t kAuthoritiesAt = 8;
constexpr std::size_t kAdditionalsAt = 10;
constexpr std::uint16_t kPointer = 0xc000;

}  // namespace

Response::Response(std::string_view message, const PlainQuery& query, std::string_view options,
                   std::size_t limit, char* out)
    : query_(query),
      options_(options),
      out_(out),
      at_(query.question_end),
      end_(limit - (query.has_edns ? kBareOptBytes + options.size() : 0)) {
  std::memcpy(out, message.data(), at_);
}

void Response::wrote_answers(std::size_t records, std::size_t bytes, std::size_t of) {
  answers_ = static_cast<std::uint16_t>(answers_ + records);
  at_ += records * bytes;
  truncated_ = truncated_ || records < of;
}

std::size_t Response::copy(const RenderedRecords& records, std::size_t from, std::size_t to) {
  const auto& ends = records.ends;
  std::size_t start = from == 0 ? 0 : ends[from - 1];
  auto first = ends.begin() + static_cast<std::ptrdiff_t>(from);
  auto last = ends.begin() + static_cast<std::ptrdiff_t>(to);
  auto fitting = std::upper_bound(first, last, start + (end_ - at_));
  std::size_t bytes = fitting == first ? 0 : *(fitting - 1) - start;
  std::memcpy(out_ + at_, records.bytes.data() + start, bytes);
  at_ += bytes;
  return static_cast<std::size_t>(fitting - first);
}

// Answers say nothing of each other's places (no name in them points at another), and whatever
// their order, what stands behind all of them stays where it is.
void Response::add_records(const RenderedRecords& records, Rng& rng) {
  std::size_t added = 0, begin = 0;
  for (std::size_t end : records.tiers) {
    Draw draw(end - begin, rng);
    while (added < end) {
      std::size_t place = begin + draw.next();
      if (copy(records, place, place + 1) == 0) break;
      ++added;
    }
    if (added < end) break;
    begin = end;
  }
  if (records.tiers.empty()) added = copy(records, 0, records.answers);
  answers_ = static_cast<std::uint16_t>(answers_ + added);
  truncated_ = truncated_ || added < records.answers;
  if (added < records.answers) return;
  auto additional = copy(records, records.answers, records.ends.size());
  additionals_ = static_cast<std::uint16_t>(additionals_ + additional);
}

void Response::add_soa(const SoaTemplate& soa, std::size_t apex, std::uint32_t serial) {
  if (end_ - at_ < soa.bytes.size()) {
    truncated_ = true;
    return;
  }
  char* start = out_ + at_;
  std::memcpy(start, soa.bytes.data(), soa.bytes.size());
  for (const auto& pointer : soa.pointers) {
    std::size_t target = pointer.target == 0 ? kHeaderBytes + apex : at_ + pointer.target;
    put_u16(start + pointer.at, kPointer | target);
  }
  put_u32(start + soa.serial, serial);
  at_ += soa.bytes.size();
  ++authorities_;
}

std::size_t Response::finish(Rcode rcode, bool authoritative) {
  auto code = static_cast<std::uint16_t>(rcode);
  std::uint16_t flags = kFlagResponse | kFlagRecursionAvailable;
  if (authoritative) flags |= kFlagAuthoritative;
  if (query_.recursion_desired) flags |= kFlagRecursionDesired;
  if (query_.checking_disabled) flags |= kFlagCheckingDisabled;
  if (truncated_) flags |= kFlagTruncated;
  put_u16(out_ + kFlagsAt, flags | (code & 0xf));
  put_u16(out_ + kQuestionsAt, 1);
  put_u16(out_ + kAnswersAt, answers_);
  put_u16(out_ + kAuthoritiesAt, authorities_);
  put_u16(out_ + kAdditionalsAt, additionals_ + (query_.has_edns ? 1U : 0U));
  if (!query_.has_edns) return at_;
  auto extended = static_cast<std::uint8_t>(code >> 4);
  return at_ + write_opt(out_ + at_, extended, query_.dnssec_ok, options_);
}

}  // namespace sixpn::dns
