// Region groups: what a wish for a region means. A wish is a region's three letters, or a name for
// several: apac, eu, na, sa, us (or usa), any (fly.md 4.5). Which region lies where is known of
// Fly's own codes; a region of another name belongs to `any` alone, and is reached by its own.
#pragma once

#include <string_view>

namespace sixpn::flycast {

// A region's code or a group's name, in lower case.
bool is_region_wish(std::string_view text);
bool region_matches(std::string_view wish, std::string_view region);

}  // namespace sixpn::flycast
