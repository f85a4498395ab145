// The fields of a ReplayInstruction, one by one: what both of its forms (replay_header.cc,
// replay_json.cc) say in the same words and check by the same rules. Internal to the parsers. Pure.
#pragma once

#include <string_view>

#include "base/result.h"
#include "flycast/core/replay_instruction.h"

namespace sixpn::flycast {

// One of region, instance, prefer_instance, app, state, timeout, fallback.
bool is_text_field(std::string_view name);
// Sets it. Errors: a name or value that is none, one that is there already.
Result<void> set_text_field(ReplayInstruction& instruction, std::string_view name,
                            std::string_view value);
// "example.com/some/path/*", "/some/path".
Result<void> set_cache_pattern(ReplayCacheOrder& cache, std::string_view pattern);
Result<void> set_cache_ttl(ReplayCacheOrder& cache, std::int64_t seconds);
// Rules on the whole: what may not stand together.
Result<void> check_instruction(const ReplayInstruction& instruction);

}  // namespace sixpn::flycast
