// Never compiled: a sample for tools/check_layers.
#include "registry/core/record.pb.h"
#include "base/ids.h"
#include "mesh/core/plan.h"  // breaks: registry-core-own
#include <sodium.h>  // breaks: sodium-place
#include <mutex>  // breaks: core-system
#include "base/io/clock.h"  // breaks: core-io
// a comment may name steady_clock
auto now = std::chrono::steady_clock::now();  // breaks: core-clock

// Compiles with g++ alone.
void each(const Records& records) {
  for (const auto& record : std::views::reverse(records)) use(record);  // breaks: views
}
