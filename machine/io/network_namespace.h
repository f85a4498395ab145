// Named network namespaces, as `ip netns` makes them (a bind mount of the namespace on a file in
// /run/netns), and what a path given by a user really is. Blocking system calls of a millisecond or
// so; root.
#pragma once

#include <string>

#include "base/result.h"

namespace sixpn::machine {

// Makes a new, empty namespace and names it `folder`/`name`. The folder becomes a shared mount
// point, so that removing the name removes it for every mount namespace. Errors: the name is taken,
// no permission.
Result<void> make_named_namespace(const std::string& folder, const std::string& name);

// Names a namespace that exists, e.g. "/proc/4711/ns/net".
Result<void> name_namespace(const std::string& source, const std::string& folder,
                            const std::string& name);

// Takes the name away; the namespace goes with its last process. No error when there is none.
Result<void> remove_named_namespace(const std::string& folder, const std::string& name);

// "device:inode" of a network namespace: equal for two paths when they are one namespace. Errors:
// missing, or not a network namespace.
Result<std::string> namespace_identity(const std::string& path);

}  // namespace sixpn::machine
