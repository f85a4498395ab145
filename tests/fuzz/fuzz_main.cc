// libFuzzer's entry into one target; SIXPN_FUZZ_TARGET is its name.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  sixpn::fuzz::SIXPN_FUZZ_TARGET({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
