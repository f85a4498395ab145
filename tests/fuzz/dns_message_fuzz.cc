#include <cstdint>

#include "tests/fuzz/dns_targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  sixpn::dns::testing::fuzz_message({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
