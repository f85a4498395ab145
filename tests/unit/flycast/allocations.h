// Counts what this test program allocates, by replacing the global operator new (allocations.cc).
#pragma once

#include <cstddef>

namespace sixpn {

std::size_t allocations_made();

}  // namespace sixpn
