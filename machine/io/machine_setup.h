// MachineSetup: what a machine needs on this host before it can start: its files, its network
// namespace (or proof that the one given is usable), the files that `ip netns exec` shows; and
// their removal. Blocking calls of milliseconds, machine loop. It keeps no state but the store.
#pragma once

#include <string>

#include "base/result.h"
#include "machine/core/machine_file.h"
#include "machine/core/shim_spec.h"
#include "machine/io/machine_service.h"
#include "machine/io/machine_store.h"

namespace sixpn::machine {

class MachineSetup {
 public:
  explicit MachineSetup(const MachineService::Options& options);

  // For an attached machine: the identity of the namespace at its path. Errors: missing, not a
  // network namespace, the host's own.
  [[nodiscard]] Result<std::string> identify_foreign(const std::string& netns_path) const;

  // Files, then namespace. `first`: the folder is made. Errors leave what remove() takes away.
  Result<void> prepare(const MachineFile& file, bool first);
  Result<ShimSpec> make_shim_spec(const MachineFile& file) const;
  // Everything that prepare made; what cannot be removed is logged.
  void remove(const MachineFile& file);
  void remove_namespace(MachineId id);

  // Run: its namespace is there. Attached: it is still the one that was attached.
  [[nodiscard]] bool has_namespace(const MachineFile& file) const;
  // Gives a running machine's namespace its name back, should someone have removed it.
  Result<void> restore_name(MachineId id, std::int32_t pid) const;
  // A name here would be taken over from someone else.
  [[nodiscard]] bool is_name_taken(MachineId id) const;

  [[nodiscard]] std::string netns_path(MachineId id) const;
  MachineStore& store() { return store_; }
  [[nodiscard]] const MachineStore& store() const { return store_; }

 private:
  Result<void> ensure_namespace(const MachineFile& file) const;
  void link_etc_files(MachineId id) const;

  MachineService::Options options_;
  MachineStore store_;
};

}  // namespace sixpn::machine
