// MachineStore: the machines' folders, <state>/machines/<id>/:
//   machine.json           what the machine is and what is wanted of it; durable
//   shim.json, exit.json   while it runs, and once it has ended
//   log, log.1             output of its command; moved aside at a start when over kMaxLogBytes
//   resolv.conf, hosts     what its processes see in /etc
// Blocking file calls, machine loop. It decides nothing: what the files mean is machine_service's.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "machine/core/machine_file.h"

namespace sixpn::machine {

inline constexpr std::size_t kMaxLogBytes = 16 * 1024 * 1024;

struct StoredMachine {
  MachineFile file;
  std::optional<ShimFile> shim;
  std::optional<ExitFile> exit;
};

// A folder whose machine.json cannot be used. Its process, if one still runs, is known by `shim`.
struct BrokenMachine {
  MachineId id;
  std::optional<ShimFile> shim;
  std::string why;       // a sentence
  std::string moved_to;  // folder that keeps what was there; "" if nothing was worth keeping
};

class MachineStore {
 public:
  explicit MachineStore(const std::string& state_dir) : root_(state_dir + "/machines") {}

  struct Loaded {
    std::vector<StoredMachine> machines;
    std::vector<BrokenMachine> broken;  // moved out of the way already
  };
  // Makes the folder if need be. Errors: it cannot be made or read.
  Result<Loaded> load();

  // Makes the machine's folder and all its files but the shim's. On an error nothing is left.
  // Errors: no space, read-only.
  Result<void> create(const MachineFile& file);
  Result<void> save(const MachineFile& file);
  Result<void> save_shim(MachineId id, const ShimFile& file);
  Result<void> save_exit(MachineId id, const ExitFile& file);
  std::optional<ExitFile> read_exit(MachineId id) const;
  // Before a start: no earlier run is left in the files, and the log has room.
  void clear_run(MachineId id);
  // Whole or not at all, as far as load() sees.
  Result<void> remove(MachineId id);

  [[nodiscard]] std::string folder(MachineId id) const { return root_ + "/" + to_string(id); }
  [[nodiscard]] std::string log_path(MachineId id) const { return folder(id) + "/log"; }

 private:
  void load_folder(MachineId id, Loaded& loaded) const;
  [[nodiscard]] BrokenMachine set_aside(MachineId id, const std::string& why) const;

  std::string root_;
};

}  // namespace sixpn::machine
