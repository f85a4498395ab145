#include "dns/io/asked_questions.h"

namespace sixpn::dns {

AskedQuestions::Claim AskedQuestions::claim(std::uint64_t hash, std::string_view spelling) {
  Place& place = places_[place_of(hash)];
  std::uint64_t found = 0;
  if (place.question.compare_exchange_strong(found, tag_of(hash))) {
    place.spelling = spelling.empty() ? 0 : spelling_of(spelling);
    return Claim::kOurs;
  }
  while ((found & ~kWanted) == tag_of(hash))
    if (place.question.compare_exchange_weak(found, found | kWanted)) return Claim::kOthers;
  return Claim::kCrowded;  // or it was answered this moment
}

bool AskedQuestions::is_echo(std::uint64_t hash, std::string_view spelled) const {
  const Place& place = places_[place_of(hash)];
  return (place.question & ~kWanted) == tag_of(hash) && place.spelling == spelling_of(spelled);
}

bool AskedQuestions::release(std::uint64_t hash) {
  Place& place = places_[place_of(hash)];
  place.spelling = 0;
  return (place.question.exchange(0) & kWanted) != 0;
}

}  // namespace sixpn::dns
