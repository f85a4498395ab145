#include "flycast/core/region_group.h"

#include <algorithm>
#include <array>

#include "registry/core/record.h"

namespace sixpn::flycast {
namespace {

enum class Area { kApac, kEurope, kUnitedStates, kNorthAmerica, kSouthAmerica };

struct Place {
  std::string_view region;
  Area area{};
};

constexpr std::array kPlaces = {
    Place{"bom", Area::kApac},         Place{"hkg", Area::kApac},
    Place{"maa", Area::kApac},         Place{"nrt", Area::kApac},
    Place{"sin", Area::kApac},         Place{"syd", Area::kApac},
    Place{"ams", Area::kEurope},       Place{"arn", Area::kEurope},
    Place{"cdg", Area::kEurope},       Place{"fra", Area::kEurope},
    Place{"lhr", Area::kEurope},       Place{"mad", Area::kEurope},
    Place{"otp", Area::kEurope},       Place{"waw", Area::kEurope},
    Place{"atl", Area::kUnitedStates}, Place{"bos", Area::kUnitedStates},
    Place{"den", Area::kUnitedStates}, Place{"dfw", Area::kUnitedStates},
    Place{"ewr", Area::kUnitedStates}, Place{"iad", Area::kUnitedStates},
    Place{"lax", Area::kUnitedStates}, Place{"mia", Area::kUnitedStates},
    Place{"ord", Area::kUnitedStates}, Place{"phx", Area::kUnitedStates},
    Place{"sea", Area::kUnitedStates}, Place{"sjc", Area::kUnitedStates},
    Place{"gdl", Area::kNorthAmerica}, Place{"qro", Area::kNorthAmerica},
    Place{"yul", Area::kNorthAmerica}, Place{"yyz", Area::kNorthAmerica},
    Place{"bog", Area::kSouthAmerica}, Place{"eze", Area::kSouthAmerica},
    Place{"gig", Area::kSouthAmerica}, Place{"gru", Area::kSouthAmerica},
    Place{"scl", Area::kSouthAmerica},
};

constexpr std::array<std::string_view, 7> kGroups = {"any", "apac", "eu", "na", "sa", "us", "usa"};

bool is_in(std::string_view group, Area area) {
  if (group == "apac") return area == Area::kApac;
  if (group == "eu") return area == Area::kEurope;
  if (group == "sa") return area == Area::kSouthAmerica;
  if (group == "na") return area == Area::kNorthAmerica || area == Area::kUnitedStates;
  return (group == "us" || group == "usa") && area == Area::kUnitedStates;
}

}  // namespace

bool is_region_wish(std::string_view text) {
  return is_region(text) || std::find(kGroups.begin(), kGroups.end(), text) != kGroups.end();
}

bool region_matches(std::string_view wish, std::string_view region) {
  if (wish == "any" || wish == region) return true;
  auto place = std::find_if(kPlaces.begin(), kPlaces.end(),
                            [&](const Place& each) { return each.region == region; });
  return place != kPlaces.end() && is_in(wish, place->area);
}

}  // namespace sixpn::flycast
