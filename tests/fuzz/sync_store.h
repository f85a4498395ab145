// The store that the target sync_stream answers from, to whoever must know what to ask of it.
#pragma once

#include "registry/core/store.h"

namespace sixpn::fuzz {

const registry::Store& sync_store();

}  // namespace sixpn::fuzz
