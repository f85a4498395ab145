#include "tests/sim/network.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace sixpn::sim {
namespace {

struct Place {
  const char* region;
  double latitude;  // degrees
  double longitude;
};

// Cities of Fly's regions.
constexpr std::array<Place, kRegionCount> kPlaces = {{
    {"iad", 38.95, -77.45},  {"fra", 50.11, 8.68},    {"nrt", 35.76, 140.39},
    {"ams", 52.37, 4.90},    {"arn", 59.33, 18.07},   {"bom", 19.08, 72.88},
    {"cdg", 48.86, 2.35},    {"dfw", 32.78, -96.80},  {"ewr", 40.69, -74.17},
    {"gru", -23.55, -46.63}, {"jnb", -26.20, 28.05},  {"lax", 34.05, -118.24},
    {"lhr", 51.51, -0.13},   {"ord", 41.88, -87.63},  {"sin", 1.35, 103.82},
    {"sjc", 37.34, -121.89}, {"syd", -33.87, 151.21}, {"yyz", 43.65, -79.38},
    {"scl", -33.45, -70.67},
}};

constexpr double kEarthRadius = 6371;    // km
constexpr double kDetour = 1.4;          // fibre against great circle
constexpr double kFibreSpeed = 200'000;  // km/s
constexpr Duration kLastMile = std::chrono::milliseconds(1);
constexpr std::uint64_t kSpellSalt = 0x5be11;

double radians(double degrees) {
  return degrees * std::numbers::pi / 180;
}

// Haversine formula.
double distance_km(const Place& a, const Place& b) {
  double dlat = radians(b.latitude - a.latitude);
  double dlon = radians(b.longitude - a.longitude);
  double h = std::pow(std::sin(dlat / 2), 2) + std::cos(radians(a.latitude)) *
                                                   std::cos(radians(b.latitude)) *
                                                   std::pow(std::sin(dlon / 2), 2);
  return 2 * kEarthRadius * std::asin(std::min(1.0, std::sqrt(h)));
}

Duration up_to(Duration most, Rng& rng) {
  return Duration(
      static_cast<Duration::rep>(rng.below(static_cast<std::uint64_t>(most.count()) + 1)));
}

}  // namespace

std::string region_name(unsigned index) {
  return kPlaces.at(index % kRegionCount).region;
}

Duration region_delay(unsigned a, unsigned b) {
  double km = distance_km(kPlaces.at(a % kRegionCount), kPlaces.at(b % kRegionCount));
  return kLastMile + Duration(std::llround(km * kDetour / kFibreSpeed * 1e6));
}

Network::Network(NetworkModel model, unsigned hosts) : model_(model), groups_(hosts) {
  for (unsigned a = 0; a < kRegionCount; ++a)
    for (unsigned b = 0; b < kRegionCount; ++b) delays_.push_back(region_delay(a, b));
}

void Network::partition(const std::function<int(unsigned)>& group_of) {
  for (unsigned i = 0; i < groups_.size(); ++i) groups_[i] = group_of(i);
}

void Network::cut(unsigned from, unsigned to) {
  auto link = std::pair(from, to);
  auto place = std::lower_bound(cuts_.begin(), cuts_.end(), link);
  if (place == cuts_.end() || *place != link) cuts_.insert(place, link);
}

void Network::heal() {
  std::fill(groups_.begin(), groups_.end(), 0);
  cuts_.clear();
  blocked_.clear();
}

bool Network::passes(unsigned from, unsigned to) const {
  return groups_[from] == groups_[to] &&
         (cuts_.empty() || !std::binary_search(cuts_.begin(), cuts_.end(), std::pair(from, to)));
}

std::vector<Duration> Network::carry(unsigned from, unsigned to, Instant now, Rng& rng) {
  std::vector<Duration> arrivals;
  if (!passes(from, to) || blocked_.contains(from) || blocked_.contains(to)) return arrivals;
  int copies = model_.duplicate > 0 && rng.chance(model_.duplicate) ? 2 : 1;
  bool bad = model_.bad_spell > 0 && (in_bad_spell(from, now) || in_bad_spell(to, now));
  for (int i = 0; i < copies; ++i) {
    if (model_.loss > 0 && rng.chance(model_.loss)) continue;
    if (bad && rng.chance(0.5)) continue;
    arrivals.push_back(delay(from, to, rng));
  }
  return arrivals;
}

Duration Network::delay(unsigned from, unsigned to, Rng& rng) const {
  if (!model_.geographic)
    return model_.latency_least + up_to(model_.latency_most - model_.latency_least, rng) +
           up_to(model_.jitter, rng);
  Duration least = delays_[(from % kRegionCount) * kRegionCount + to % kRegionCount];
  return least + up_to(least / 10 + std::chrono::microseconds(500) + model_.jitter, rng);
}

// A hash of host and second, so that no state has to be kept.
bool Network::in_bad_spell(unsigned host, Instant now) const {
  auto second = static_cast<std::uint64_t>(now.time_since_epoch().count() / 1'000'000);
  return Rng(second * 1'000'003 + host + kSpellSalt).chance(model_.bad_spell);
}

}  // namespace sixpn::sim
