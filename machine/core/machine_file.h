// What the disk keeps of a machine, as JSON: machine.json (what it is and what is wanted of it),
// shim.json (the process that holds it, while it runs), exit.json (how its last run ended; written
// by the shim). Values and their text; pure. Decoding takes bytes from a disk that may have been
// full, cut off or edited.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"
#include "machine/core/lifecycle.h"
#include "machine/core/local_machine.h"
#include "machine/core/run_request.h"

namespace sixpn::machine {

// A file larger than this is refused.
inline constexpr std::size_t kMaxMachineFileBytes = 1024 * 1024;

struct MachineFile {
  MachineId id;
  MachineKind kind = MachineKind::kRun;
  Placement placement;
  ProcessSpec process;  // kRun only
  Ip6 address;
  std::string netns_path;
  std::string netns_identity;  // kAttached: "device:inode" of the namespace when it was attached
  std::string version;         // ULID
  Desired desired = Desired::kStarted;
  std::string boot_id;  // of the host's boot in which it was last started
  WallTime updated{};   // when `desired` last changed
  bool cordoned = false;
  friend bool operator==(const MachineFile&, const MachineFile&) = default;
};

// A process named so that no other can be taken for it: pid, start time in clock ticks since boot
// (/proc/PID/stat, field 22), and the boot.
struct ShimFile {
  std::int32_t pid = 0;
  std::uint64_t start_time = 0;
  std::int32_t command_pid = 0;
  std::string boot_id;
  WallTime started{};
  friend bool operator==(const ShimFile&, const ShimFile&) = default;
};

struct ExitFile {
  Exit exit;
  std::string reason;  // when the agent had to say why; the shim writes none
  friend bool operator==(const ExitFile&, const ExitFile&) = default;
};

std::string encode(const MachineFile& file);
std::string encode(const ShimFile& file);
std::string encode(const ExitFile& file);
// Errors: not JSON, a member missing or of the wrong shape (named), a format of another version.
Result<MachineFile> decode_machine_file(std::string_view text);
Result<ShimFile> decode_shim_file(std::string_view text);
Result<ExitFile> decode_exit_file(std::string_view text);

// The record that the cluster sees.
MachineRecord make_record(const MachineFile& file, HostId host, const std::string& region,
                          MachineState state, WallTime updated);

}  // namespace sixpn::machine
